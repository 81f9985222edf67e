# Grace: how long the provider itself accepts a rotated refresh token.
use lib 't';
use OAuthGateway;

our $conf = "$ENV{PWD}/conf/providers";

add_block_preprocessor(sub {
    my ($block) = @_;

    return if defined $block->config;

    $block->set_value(config => <<'END');
        location = /token {
            oauth_token_endpoint p $arg_mode;
            add_header X-Action $oauth_action always;
            proxy_pass http://provider;
        }

        location = /reject {
            oauth_token_endpoint p;
            add_header X-Action $oauth_action always;
            rewrite ^ /token break;
            proxy_pass http://provider;
        }

        location /api {
            oauth_guard p;
            proxy_set_header X-Connection $oauth_connection;
            proxy_set_header X-Verdict $oauth_verdict;
            proxy_pass http://provider;
        }
END
});

run_tests();

__DATA__

=== TEST: none is the default, a rotated token is refused here
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
--- steps
connect 1 u=jane path=/reject owner=alpha
refresh 1 as=2 u=jane path=/reject
refresh 1 as=9 u=jane path=/reject : 400 | error=invalid_grant | type=urn:oauth-gateway:rotated
:       400 | Content-Type: application/json | Cache-Control: no-store | X-Action: reject
:       400 | status=400 | user=jane | owner=alpha | error_description~refresh token of .* was replaced by a newer one
refresh 2 as=3 u=jane path=/reject
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=jane

=== TEST: grace 0 says the same
--- provider
    user    $oauth_response_user;
    replay  0;
    grace   0;
--- steps
connect 1 u=jane path=/reject
refresh 1 as=2 u=jane path=/reject
refresh 1 as=9 u=jane path=/reject : 400 | type=urn:oauth-gateway:rotated

=== TEST: inside of the grace it goes to the provider, and on
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
    grace   30m;
--- steps
connect 1 u=jane path=/reject
call 1 : 200 | connection>first
refresh 1 as=2 u=jane path=/reject
refresh 1 as=3 u=jane path=/reject : 200 | X-Action: forward | !OAuth-Connection-Status
call 3 : 200 | connection=<first> | verdict=active
call 2 : 200 | connection=<first> | verdict=active
refresh 3 as=4 u=jane path=/reject : 200 | X-Action: forward
call 4 : 200 | connection=<first> | verdict=active
--- log_unlike
was superseded

=== TEST: when the grace is over it is refused here
--- provider
    user    $oauth_response_user;
    replay  0;
    grace   2s;
--- steps
connect 1 u=jane path=/reject
refresh 1 as=2 u=jane path=/reject
refresh 1 as=3 u=jane path=/reject : 200 | X-Action: forward
sleep 2.1
refresh 1 as=9 u=jane path=/reject : 400 | error=invalid_grant | type=urn:oauth-gateway:rotated | X-Action: reject
refresh 3 as=4 u=jane path=/reject : 200 | X-Action: forward
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=jane
POST /token?t=4&u=jane

=== TEST: the grace counts from the first use, a later one does not prolong it
--- provider
    user    $oauth_response_user;
    replay  0;
    grace   2s;
--- steps
connect 1 u=jane path=/reject
refresh 1 as=2 u=jane path=/reject
sleep 1.2
refresh 1 as=3 u=jane path=/reject : 200
sleep 1.2
refresh 1 as=9 u=jane path=/reject : 400 | type=urn:oauth-gateway:rotated

=== TEST: always
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
    grace   always;
--- steps
connect 1 u=jane path=/reject
call 1 : 200 | connection>first
refresh 1 as=2 u=jane path=/reject
refresh 2 as=3 u=jane path=/reject
refresh 1 as=4 u=jane path=/reject : 200 | X-Action: forward
refresh 2 as=5 u=jane path=/reject : 200 | X-Action: forward
call 4 : 200 | connection=<first> | verdict=active
call 5 : 200 | connection=<first> | verdict=active

=== TEST: the replay window goes first, the grace follows
--- provider
    user    $oauth_response_user;
    replay  1s;
    grace   30m;
--- steps
connect 1 u=jane path=/reject
refresh 1 as=2 u=jane path=/reject
refresh 1 as=9 u=jane path=/reject : 200 | /"access_token":"at-canary-2"/ | X-Action: replay
sleep 1.2
refresh 1 as=3 u=jane path=/reject : 200 | X-Action: forward
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=jane

=== TEST: in the grace another fingerprint goes to the provider
--- provider
    user    $oauth_response_user;
    grace   30m;
--- steps
connect 1 u=jane path=/reject
refresh 1 as=2 u=jane path=/reject scope=read
refresh 1 as=3 u=jane path=/reject scope=write : 200 | X-Action: forward
call 3 : 200 | verdict=active

=== TEST: in the grace another client's credentials do not
--- provider
    user    $oauth_response_user;
    grace   30m;
--- steps
connect 1 u=jane path=/reject
refresh 1 as=2 u=jane path=/reject
refresh 1 as=9 u=jane path=/reject client=other : 400 | type=urn:oauth-gateway:other-client
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: a refusal of the provider in the grace does not break the connection
--- provider
    user    $oauth_response_user;
    replay  0;
    grace   30m;
--- steps
connect 1 u=jane path=/reject
refresh 1 as=2 u=jane path=/reject
refresh 1 as=9 u=jane path=/reject fail=1 : 400 | error=invalid_grant | -type
sleep 0.3
call 2 : 200 | verdict=active
refresh 2 as=3 u=jane path=/reject
--- log_unlike
is broken

=== TEST: grace brings back nothing that has ended
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
    grace   always;
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
connect 3 u=jane
refresh 1 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:superseded
refresh 2 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:superseded
refresh 3 as=4 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-4
: 200
refresh 3 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:revoked
refresh 4 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:revoked
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=jane
POST /token?t=4&u=jane
POST /revoke

=== TEST: out of the grace, flag lets it through and marks it
--- provider
    user    $oauth_response_user;
    replay  0;
--- steps
connect 1 u=jane mode=flag
refresh 1 as=2 u=jane mode=flag : 200 | !OAuth-Connection-Status
refresh 1 as=9 u=jane mode=flag fail=1 : 400 | error=invalid_grant | -type | X-Action: flag
:       400 | OAuth-Connection-Status: rotated; connection="\d+"
refresh 1 as=3 u=jane mode=flag scope=all : 200 | X-Action: flag | OAuth-Connection-Status: rotated
call 3 : 200 | verdict=active
refresh 1 as=9 u=jane mode=reject : 400 | type=urn:oauth-gateway:rotated | !OAuth-Connection-Status
--- provider_saw
POST /token?t=1&u=jane&mode=flag
POST /token?t=2&u=jane&mode=flag
POST /token?t=9&u=jane&mode=flag&fail=1
POST /token?t=3&u=jane&mode=flag
GET /api/x

=== TEST: inside of the grace, flag has nothing to mark
--- provider
    user    $oauth_response_user;
    replay  0;
    grace   always;
--- steps
connect 1 u=jane mode=flag
refresh 1 as=2 u=jane mode=flag
refresh 1 as=3 u=jane mode=flag : 200 | X-Action: forward | !OAuth-Connection-Status

=== TEST: after a reload the times are the same
--- provider
    user    $oauth_response_user;
    replay  0;
    grace   2s;
--- steps
connect 1 u=jane path=/reject
refresh 1 as=2 u=jane path=/reject
reload
sleep 2.1
refresh 1 as=9 u=jane path=/reject : 400 | type=urn:oauth-gateway:rotated

=== TEST: grace is inherited and can be ended
--- provider
    user    $oauth_response_user;
    replay  0;
    grace   always;
--- http_config
    oauth_provider q from p { contact us; }
    oauth_provider r from p { grace 0; }
--- config
    location = /q { oauth_token_endpoint q; rewrite ^ /token break; proxy_pass http://provider; }
    location = /r { oauth_token_endpoint r; rewrite ^ /token break; proxy_pass http://provider; }
--- steps
connect 1 path=/q
refresh 1 as=2 path=/q
refresh 1 as=3 path=/q
connect 4 path=/r
refresh 4 as=5 path=/r
refresh 4 as=9 path=/r : 400 | type=urn:oauth-gateway:rotated

=== TEST: the preset of Entra has always
--- http_config eval
"include $::conf/entra.conf;
 oauth_provider mine from entra { replay 0; }"
--- config
    location = /token { oauth_token_endpoint mine; proxy_pass http://provider; }
    location /api { oauth_guard mine; proxy_set_header X-Verdict $oauth_verdict; proxy_pass http://provider; }
--- steps
connect 1
refresh 1 as=2
refresh 1 as=3
refresh 1 as=4
call 4 : 200 | verdict=active

=== TEST: the preset of Xero has some
--- http_config eval
"include $::conf/xero.conf;
 oauth_provider mine from xero { replay 0; }"
--- config
    location = /token { oauth_token_endpoint mine; proxy_pass http://provider; }
    location /api { oauth_guard mine; proxy_set_header X-Verdict $oauth_verdict; proxy_pass http://provider; }
--- steps
connect 1
refresh 1 as=2
refresh 1 as=3
call 3 : 200 | verdict=active

=== TEST: the preset of Salesforce has none
--- http_config eval
"include $::conf/salesforce.conf;
 oauth_provider mine from salesforce { replay 0; }"
--- config
    set $salesforce_host $host;
    location = /token { oauth_token_endpoint mine; proxy_pass http://provider; }
--- steps
connect 1
refresh 1 as=2
refresh 1 as=3 : 400 | type=urn:oauth-gateway:rotated

=== TEST: grace without a time
--- provider
    grace;
--- message
invalid number of arguments in "grace"

=== TEST: grace that is no time
--- provider
    grace forever;
--- message
invalid time "forever" in "grace"

=== TEST: grace takes no negative time
--- provider
    grace -1s;
--- message
invalid time "-1s" in "grace"

=== TEST: grace with two times
--- provider
    grace 1s 2s;
--- message
invalid number of arguments in "grace"

=== TEST: grace twice
--- provider
    grace 1s;
    grace always;
--- message
"grace" directive is duplicate
