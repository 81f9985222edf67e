# oauth_unknown: what happens to tokens that the gateway never saw.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;
    my $directive = $block->unknown // '';

    $block->set_value(config => <<"END");
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /api {
            oauth_guard p \$arg_mode;
            $directive
            proxy_set_header X-Verdict \$oauth_verdict;
            proxy_pass http://provider;
        }
END
});

run_tests();

__DATA__

=== TEST: pass is the default
--- steps
call 9 mode=reject : 200 | verdict=unknown | !OAuth-Connection-Status
call 9 mode=flag : 200 | !OAuth-Connection-Status

=== TEST: pass
--- unknown
oauth_unknown pass;
--- steps
call 9 mode=reject : 200 | verdict=unknown | !OAuth-Connection-Status

=== TEST: flag
--- unknown
oauth_unknown flag;
--- steps
call 9 mode=reject : 200 | verdict=unknown | OAuth-Connection-Status: unknown
call 9 mode=flag : 200 | OAuth-Connection-Status: unknown
connect 1 u=jane
call 1 mode=reject : 200 | !OAuth-Connection-Status

=== TEST: reject
--- unknown
oauth_unknown reject;
--- steps
call 9 mode=reject : 409 | type=urn:oauth-gateway:unknown | status=409
:        409 | detail~. | -connection | -superseded_by | -owner
connect 1 u=jane
call 1 mode=reject : 200
--- provider_saw
POST /token?t=1&u=jane
GET /api/x?mode=reject

=== TEST: no token is not an unknown one
--- unknown
oauth_unknown reject;
--- steps
GET /api/x?mode=reject : 200 | verdict=none

=== TEST: where the guard only flags, unknown is not refused either
--- unknown
oauth_unknown reject;
--- steps
call 9 mode=flag : 200 | OAuth-Connection-Status: unknown

=== TEST: a variable, and a word that is none
--- unknown
oauth_unknown $arg_un;
--- steps
call 9 mode=reject un=reject : 409
call 9 mode=reject un=flag : 200 | OAuth-Connection-Status: unknown
call 9 mode=reject un=pass : 200 | !OAuth-Connection-Status
call 9 mode=reject un=banana : 200 | OAuth-Connection-Status: unknown
call 9 mode=reject : 200 | OAuth-Connection-Status: unknown

=== TEST: a refresh token in the place of an access token teaches nothing
--- unknown
oauth_unknown flag;
--- steps
connect 1 u=jane
GET /api/dead?mode=reject
| Authorization: Bearer rt-canary-1
: 401 | dead=true
sleep 0.3
call 1 mode=reject : 200 | verdict=active
refresh 1 as=2 u=jane
call 2 mode=reject : 200 | verdict=active

=== TEST: tokens that differ in one character are unknown
--- unknown
oauth_unknown reject;
--- steps
connect 1 u=jane
call 1x mode=reject : 409 | type=urn:oauth-gateway:unknown
GET /api/x?mode=reject
| Authorization: Bearer At-canary-1
: 409 | type=urn:oauth-gateway:unknown
GET /api/x?mode=reject
| Authorization: Bearer at-canary-1=
: 409 | type=urn:oauth-gateway:unknown
