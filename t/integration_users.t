# Tokens of users who are none of the integration users.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;

    if (!defined $block->provider) {
        my $users = $block->users // 'integration_users jane;';
        my $other = $block->other // 'other_users reject;';

        $block->set_value(provider => <<"END");
            user     \$oauth_response_user;
            tenant   \$oauth_response_tenant;
            login    \$oauth_request_username;
            limit    1 per user client;
            $users
            $other
END
    }

    if (!defined $block->config) {
        $block->set_value(config => <<'END');
        location = /token {
            oauth_token_endpoint p;
            add_header X-Action $oauth_action always;
            proxy_pass http://provider;
        }
        location = /flag {
            oauth_token_endpoint p flag;
            add_header X-Action $oauth_action always;
            proxy_pass http://provider/token;
        }
        location /api {
            oauth_guard p;
            add_header X-Action $oauth_action always;
            proxy_set_header X-Connection $oauth_connection;
            proxy_set_header X-Verdict $oauth_verdict;
            proxy_pass http://provider;
        }
        location /api/flag {
            oauth_guard p flag;
            add_header X-Action $oauth_action always;
            proxy_pass http://provider;
        }
        location /api/quiet {
            oauth_guard p;
            oauth_details off;
            proxy_pass http://provider;
        }
END
    }
});

run_tests();

__DATA__

=== TEST: without integration users nobody is another
--- users
--- steps
connect 1 u=john
call 1 : 200 | X-Action: pass | !OAuth-Connection-Status

=== TEST: flag is the default
--- other
--- steps
connect 1 u=jane
connect 2 u=john
call 1 : 200 | X-Action: pass | !OAuth-Connection-Status
call 2 : 200 | authorization=Bearer at-canary-2 | X-Action: flag | OAuth-Connection-Status: other-user; connection="\d+"

=== TEST: flag
--- other
other_users flag;
--- steps
connect 2 u=john
call 2 : 200 | X-Action: flag | OAuth-Connection-Status: other-user

=== TEST: pass
--- other
other_users pass;
--- steps
connect 2 u=john
call 2 : 200 | X-Action: pass | !OAuth-Connection-Status

=== TEST: reject: the call is refused, and the provider does not see it
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=john o=acme owner=beta
call 1 : 200 | verdict=active
call 2 : 409 | type=urn:oauth-gateway:other-user | status=409 | user=john | tenant=acme | owner=beta | provider=p
:      409 | Content-Type: application/problem\+json | Cache-Control: no-store | X-Action: reject
:      409 | detail~of owner 'beta' to provider 'p' \(user 'john', tenant 'acme'\) belongs to a user who is not one of the integration users
:      409 | -superseded_by | -reconnect_ends
call 1
--- provider_saw
POST /token?t=1&u=jane&o=acme
POST /token?t=2&u=john&o=acme
GET /api/x
GET /api/x
--- log_like
refused a call to "p": other-user, connection "2"

=== TEST: several users, an empty VALUE among them
--- users
integration_users jane $arg_nobody john;
--- steps
connect 1 u=jane
connect 2 u=john
connect 3 u=eve
call 1 : 200 | X-Action: pass
call 2 : 200 | X-Action: pass
call 3 : 409 | user=eve

=== TEST: an integration user is matched as a whole, and by case
--- steps
connect 1 u=Jane
connect 2 u=jan
connect 3 u=janet
call 1 : 409
call 2 : 409
call 3 : 409

=== TEST: by login
--- users
integration_users j@acme;
--- steps
connect 1 u=0051 grant=password +username=j@acme
connect 2 u=0051 grant=password +username=jo@acme : 409 | error=connection_conflict | type=urn:oauth-gateway:other-user | X-Action: reject
call 1 : 200 | X-Action: pass
connect 3 u=0052
call 3 : 409 | user=0052

=== TEST: a login that leads to an integration user
--- steps
connect 1 u=jane
connect 2 u=jane grant=password +username=j@acme path=/flag
call 2 : 200 | X-Action: pass
connect 3 u=jane grant=password +username=j@acme : 200 | X-Action: forward
call 3

=== TEST: who is unknown is not another
--- steps
connect 1
call 1 : 200 | X-Action: pass | !OAuth-Connection-Status
call 9 : 200 | X-Action: pass | !OAuth-Connection-Status
GET /api/x
: 200 | X-Action: pass | !OAuth-Connection-Status

=== TEST: who becomes known later is another from then on
--- provider
    user               $oauth_response_user $http_x_user;
    limit              1 per user client;
    integration_users  jane;
    other_users        reject;
--- steps
connect 1
connect 2
call 1 @X-User=john : 200 | X-Action: pass
call 2 @X-User=jane : 200 | X-Action: pass
sleep 0.3
call 1 : 409 | type=urn:oauth-gateway:other-user | user=john
call 2

=== TEST: before the exchange: the provider sees nothing
--- steps
connect 1 u=john grant=password +username=jo@acme : 409 | error=connection_conflict | status=409 | type=urn:oauth-gateway:other-user
:         409 | Content-Type: application/json | Cache-Control: no-store | X-Action: reject | -held_by | -access_token
:         409 | error_description~This user is not one of the integration users
--- provider_saw
--- log_like
refused a token request for "p": other-user

=== TEST: before the exchange: flag sends it, and marks the answer
--- other
other_users flag;
--- steps
connect 1 u=john grant=password +username=jo@acme : 200 | access_token=at-canary-1 | X-Action: flag | OAuth-Connection-Status: other-user
connect 2 u=john : 200 | X-Action: forward | !OAuth-Connection-Status

=== TEST: before the exchange: pass
--- other
other_users pass;
--- steps
connect 1 u=john grant=password +username=jo@acme : 200 | X-Action: forward | !OAuth-Connection-Status

=== TEST: flag at the endpoint, and at the guard, is a ceiling
--- steps
connect 1 u=john grant=password +username=jo@acme path=/flag : 200 | X-Action: flag | OAuth-Connection-Status: other-user
call 1 /api/flag : 200 | X-Action: flag | OAuth-Connection-Status: other-user
call 1 : 409 | type=urn:oauth-gateway:other-user

=== TEST: a variable
--- http_config
    map $http_x_mode $others { default reject; open pass; mark flag; }
--- other
other_users $others;
--- steps
connect 1 u=john grant=password +username=jo@acme : 409 | type=urn:oauth-gateway:other-user
connect 1 u=john grant=password +username=jo@acme @X-Mode=open : 200 | X-Action: forward
call 1 : 409
call 1 @X-Mode=mark : 200 | X-Action: flag | OAuth-Connection-Status: other-user
call 1 @X-Mode=open : 200 | X-Action: pass | !OAuth-Connection-Status

=== TEST: an integration user out of a variable, as one per tenant
--- http_config
    map $oauth_tenant $of_tenant { acme jane; other john; }
--- users
integration_users $of_tenant;
--- steps
connect 1 u=jane o=acme
connect 2 u=john o=other
connect 3 u=john o=acme client=second
call 1 : 200 | X-Action: pass
call 2 : 200 | X-Action: pass
call 3 : 409 | user=john | tenant=acme

=== TEST: a connection that has ended is refused for that
--- steps
connect 1 u=john
connect 2 u=john
call 1 : 409 | type=urn:oauth-gateway:superseded
call 2 : 409 | type=urn:oauth-gateway:other-user

=== TEST: a refresh goes on, and its token is refused
--- steps
connect 1 u=john
refresh 1 as=2 u=john : 200 | X-Action: forward
call 2 : 409 | type=urn:oauth-gateway:other-user

=== TEST: an exempt grant holds no connection of a user before the exchange
--- steps
connect 1 u=john grant=client_credentials +username=jo@acme : 200 | X-Action: forward

=== TEST: without details nobody is named
--- steps
connect 1 u=john o=acme owner=beta
call 1 /api/quiet : 409 | type=urn:oauth-gateway:other-user | -user | -tenant | -owner
call 1 /api/quiet : 409 | /^(?!.*(?:john|acme|beta)).*other-user/

=== TEST: a flagged other user does not open the door to a takeover
--- provider
    user               $oauth_response_user;
    login              $oauth_request_username;
    owner              $http_x_oauth_owner;
    limit              1 per user client;
    integration_users  jane;
    takeover           reject;
--- steps
connect 1 u=john owner=alpha grant=password +username=jo@acme : 200 | X-Action: flag
connect 2 u=john owner=beta grant=password +username=jo@acme : 409 | type=urn:oauth-gateway:takeover | held_by.owner=alpha
connect 3 u=john owner=alpha grant=password +username=jo@acme : 200 | OAuth-Connection-Status: other-user
call 3 : 200 | X-Action: flag

=== TEST: nor does a flagged takeover to another user
--- provider
    user               $oauth_response_user;
    login              $oauth_request_username;
    owner              $http_x_oauth_owner;
    limit              1 per user client;
    integration_users  jane;
    other_users        reject;
    takeover           flag;
--- steps
connect 1 u=john owner=alpha path=/flag grant=password +username=jo@acme
connect 2 u=john owner=beta grant=password +username=jo@acme : 409 | type=urn:oauth-gateway:other-user | -held_by

=== TEST: inherited, and replaced as a whole
--- http_config
    oauth_provider q from p { integration_users john; }
--- config
    location = /token { oauth_token_endpoint q; proxy_pass http://provider; }
    location /api {
        oauth_guard q;
        add_header X-Action $oauth_action always;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
connect 2 u=john
call 1 : 409 | type=urn:oauth-gateway:other-user
call 2 : 200 | X-Action: pass

=== TEST: a word that is no mode
--- other
other_users heal;
--- message
invalid.*"heal"

=== TEST: no user
--- users
integration_users;
--- message
invalid number of arguments

=== TEST: 17 users
--- users
integration_users 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17;
--- message
invalid number of arguments

=== TEST: 16 users
--- users
integration_users 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 jane;
--- steps
connect 1 u=jane
call 1 : 200 | X-Action: pass
