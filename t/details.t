# oauth_details off: a refusal names no owner and no time.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;
    my $directive = $block->details // '';

    $block->set_value(config => <<"END");
        $directive
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /api {
            oauth_guard p \$arg_mode;
            proxy_pass http://provider;
        }
END
});

run_tests();

__DATA__

=== TEST: on is the default
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 mode=reject : 409 | owner=alpha | superseded_by.owner=beta | detail~beta
:      409 | connected_at~^\d{4}- | superseded_at~^\d{4}- | reconnect_ends.owner=beta
call 1 /api/dead mode=flag : 401 | OAuth-Connection-Status: owner="beta"
refresh 1 as=9 : 400 | superseded_by.owner=beta | error_description~beta

=== TEST: on
--- details
oauth_details on;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 mode=reject : 409 | owner=alpha | superseded_by.owner=beta

=== TEST: off
--- details
oauth_details off;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 mode=reject : 409 | type=urn:oauth-gateway:superseded | status=409
:      409 | -owner | -connected_at | -superseded_at | -superseded_by.owner
:      409 | -superseded_by.connected_at | -reconnect_ends.owner | detail~.
call 1 /api/dead mode=flag : 401 | OAuth-Connection-Status: superseded
refresh 1 as=9 : 400 | error=invalid_grant | -owner | -superseded_by.owner
--- check
ok(1);

=== TEST: off, nowhere in the text
--- details
oauth_details off;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 mode=reject : 409 | /^(?!.*(?:alpha|beta|\d\d:\d\d)).*superseded/
refresh 1 as=9 : 400 | /^(?!.*(?:alpha|beta|\d\d:\d\d)).*invalid_grant/

=== TEST: off, nowhere in the mark
--- details
oauth_details off;
--- provider
    user   $oauth_response_user;
    limit  1 per user client;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 /api/dead mode=flag : 401 | OAuth-Connection-Status: superseded(?!.*(?:alpha|beta))
