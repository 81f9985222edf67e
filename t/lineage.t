# Lineage: which tokens descend from which, and what a refresh makes of them.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: each refresh continues the connection of the token presented
--- steps
connect 1 u=jane owner=alpha
call 1 : 200 | connection>first
refresh 1 as=2 u=jane
refresh 2 as=3 u=jane
refresh 3 as=4 u=jane
call 4 : 200 | connection=<first> | verdict=active
call 1 : 200 | connection=<first>
--- provider_saw
POST /token?t=1&u=jane
GET /api/x
POST /token?t=2&u=jane
POST /token?t=3&u=jane
POST /token?t=4&u=jane
GET /api/x
GET /api/x

=== TEST: two connections of one user keep their own lines
--- provider
    user   $oauth_response_user;
    limit  2 per user client;
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 200 | connection>first
call 2 : 200 | connection>second
refresh 1 as=3 u=jane
refresh 2 as=4 u=jane
call 3 : 200 | connection=<first>
call 4 : 200 | connection=<second>

=== TEST: what ends the line ends all of its tokens
--- steps
connect 1 u=jane owner=alpha
refresh 1 as=2 u=jane
refresh 2 as=3 u=jane
connect 4 u=jane owner=beta
call 1 : 409 | type=urn:oauth-gateway:superseded | superseded_by.owner=beta
call 2 : 409 | type=urn:oauth-gateway:superseded
call 3 : 409 | type=urn:oauth-gateway:superseded
refresh 3 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:superseded
call 4

=== TEST: a refresh does not make a connection younger
--- provider
    user   $oauth_response_user;
    limit  2 per user client;
--- steps
connect 1 u=jane
connect 2 u=jane
refresh 1 as=3 u=jane
connect 4 u=jane
call 3 : 409 | type=urn:oauth-gateway:superseded
call 2
call 4

=== TEST: a rotated refresh token is known as such
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
--- steps
connect 1 u=jane owner=alpha
refresh 1 as=2 u=jane
refresh 1 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:rotated
:       400 | Content-Type: application/json | Cache-Control: no-store
:       400 | owner=alpha | error_description~was replaced by a newer one
refresh 2 as=3 u=jane
call 3 : 200 | verdict=active
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=jane
GET /api/x
--- log_like
refused a token request for "p": rotated
--- log_unlike
was superseded

=== TEST: rotated stays rotated, however long the line becomes
--- provider
    user    $oauth_response_user;
    replay  0;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 2 as=3 u=jane
refresh 3 as=4 u=jane
refresh 1 as=9 u=jane : 400 | type=urn:oauth-gateway:rotated
refresh 2 as=9 u=jane : 400 | type=urn:oauth-gateway:rotated
refresh 3 as=9 u=jane : 400 | type=urn:oauth-gateway:rotated
refresh 4 as=5 u=jane
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=jane
POST /token?t=4&u=jane
POST /token?t=5&u=jane

=== TEST: an answer that repeats the refresh token rotates nothing
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
--- steps
connect 1 u=jane
call 1 : 200 | connection>first
refresh 1 as=2 u=jane r=1
refresh 1 as=3 u=jane r=1
call 2 : 200 | connection=<first> | verdict=active
call 3 : 200 | connection=<first> | verdict=active
refresh 1 as=4 u=jane
refresh 1 as=9 u=jane : 400 | type=urn:oauth-gateway:rotated
--- provider_saw
POST /token?t=1&u=jane
GET /api/x
POST /token?t=2&u=jane&r=1
POST /token?t=3&u=jane&r=1
GET /api/x
GET /api/x
POST /token?t=4&u=jane

=== TEST: an answer without a refresh token rotates nothing
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
--- steps
connect 1 u=jane
call 1 : 200 | connection>first
refresh 1 as=2 u=jane r=none
refresh 1 as=3 u=jane r=none
call 2 : 200 | connection=<first> | verdict=active
call 3 : 200 | connection=<first> | verdict=active
refresh 1 as=4 u=jane
refresh 1 as=9 u=jane : 400 | type=urn:oauth-gateway:rotated

=== TEST: the new token of an answer with both is the next one
--- provider
    user           $oauth_response_user;
    refresh_token  $oauth_response_refresh_token;
    refresh_token  $oauth_response_other;
    replay         0;
--- mock
    location = /both {
        return 200 '{"access_token":"at-canary-$arg_t","refresh_token":"rt-canary-$arg_t","other":"rt-canary-1","user":"jane"}';
    }
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /both { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
refresh 1 as=2 path=/both
refresh 1 as=3 path=/both
refresh 3 as=4
call 4

=== TEST: several access tokens out of one refresh token, for several resources
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    grace   always;
    replay  0;
--- steps
connect 1 u=jane
call 1 : 200 | connection>first
refresh 1 as=2 u=jane r=1 +resource=https://mail.example
refresh 1 as=3 u=jane r=1 +resource=https://files.example
refresh 1 as=4 u=jane +resource=https://people.example
refresh 1 as=5 u=jane +resource=https://people.example
call 1 : 200 | connection=<first> | verdict=active
call 2 : 200 | connection=<first> | verdict=active
call 3 : 200 | connection=<first> | verdict=active
call 4 : 200 | connection=<first> | verdict=active
call 5 : 200 | connection=<first> | verdict=active
--- log_unlike
was superseded

=== TEST: the same inside the replay window, each resource has its own tokens
--- steps
connect 1 u=jane
call 1 : 200 | connection>first
refresh 1 as=2 u=jane r=1 +resource=https://mail.example
refresh 1 as=3 u=jane r=1 +resource=https://files.example
refresh 1 as=9 u=jane r=1 +resource=https://files.example : 200 | /"access_token":"at-canary-3"/
call 2 : 200 | connection=<first> | verdict=active
call 3 : 200 | connection=<first> | verdict=active
--- provider_saw
POST /token?t=1&u=jane
GET /api/x
POST /token?t=2&u=jane&r=1
POST /token?t=3&u=jane&r=1
GET /api/x
GET /api/x

=== TEST: refresh_ends_access off, which is the default, old ones stay active
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    refresh_ends_access  off;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 2 as=3 u=jane
call 1 : 200 | verdict=active
call 2 : 200 | verdict=active
call 3 : 200 | verdict=active

=== TEST: refresh_ends_access on, only the newest is active
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    refresh_ends_access  on;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
call 1 : 200 | verdict=rotated | action=pass
refresh 2 as=3 u=jane
call 1 : 200 | verdict=rotated | action=pass
call 2 : 200 | verdict=rotated | action=pass
call 3 : 200 | verdict=active

=== TEST: refresh_ends_access on, where the refresh token stays
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
    refresh_ends_access  on;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=none
call 1 : 200 | verdict=rotated
call 2 : 200 | verdict=active
refresh 1 as=3 u=jane r=none
call 2 : 200 | verdict=rotated
call 3 : 200 | verdict=active

=== TEST: refresh_ends_access on, of one connection says nothing about another
--- provider
    user    $oauth_response_user;
    limit   2 per user client;
    refresh_ends_access  on;
--- steps
connect 1 u=jane
connect 2 u=jane
refresh 2 as=3 u=jane
call 1 : 200 | verdict=active
call 2 : 200 | verdict=rotated

=== TEST: refresh_ends_access is inherited and can be turned off again
--- provider
    user    $oauth_response_user;
    refresh_ends_access  on;
--- http_config
    oauth_provider q from p { user $oauth_response_user; }
    oauth_provider r from p { refresh_ends_access off; }
--- config
    location = /q { oauth_token_endpoint q; rewrite ^ /token break; proxy_pass http://provider; }
    location = /r { oauth_token_endpoint r; rewrite ^ /token break; proxy_pass http://provider; }
    location /api/q { oauth_guard q; proxy_set_header X-Verdict $oauth_verdict; proxy_pass http://provider; }
    location /api/r { oauth_guard r; proxy_set_header X-Verdict $oauth_verdict; proxy_pass http://provider; }
--- steps
connect 1 path=/q
refresh 1 as=2 path=/q
call 1 /api/q : 200 | verdict=rotated
connect 3 path=/r
refresh 3 as=4 path=/r
call 3 /api/r : 200 | verdict=active

=== TEST: wrong word of refresh_ends_access
--- provider
    refresh_ends_access  maybe;
--- message
invalid value "maybe" in "refresh_ends_access" directive

=== TEST: adopted, and the line goes on from there
--- steps
refresh 8 as=9 u=jane
call 9 : 200 | verdict=active | connection>adopted
refresh 9 as=10 u=jane
call 10 : 200 | verdict=active | connection=<adopted>
refresh 8 as=11 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:rotated
--- provider_saw
POST /token?t=9&u=jane
GET /api/x
POST /token?t=10&u=jane
GET /api/x
--- log_like
was adopted: its refresh token had not been seen

=== TEST: the token that was presented belongs to the adopted connection
--- steps
refresh 8 as=9 u=jane
refresh 8 as=10 u=jane : 200 | /"access_token":"at-canary-9"/
connect 1 u=jane
call 9 : 409 | type=urn:oauth-gateway:superseded
refresh 8 as=11 u=jane : 400 | type=urn:oauth-gateway:superseded
--- provider_saw
POST /token?t=9&u=jane
POST /token?t=1&u=jane

=== TEST: adopted where the answer repeats or omits the refresh token
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
--- steps
refresh 8 as=9 u=jane r=none
call 9 : 200 | connection>adopted
refresh 8 as=10 u=jane r=8
call 10 : 200 | connection=<adopted>
refresh 8 as=11 u=jane
call 11 : 200 | connection=<adopted>
refresh 8 as=12 u=jane : 400 | type=urn:oauth-gateway:rotated

=== TEST: adopted by nobody whom the provider refuses
--- steps
refresh 8 as=9 u=jane fail=1 : 400 | error=invalid_grant | -type
call 9 : 200 | verdict=unknown
--- log_unlike
was adopted

=== TEST: an access token in the place of a refresh token is let through
--- steps
connect 1 u=jane
connect 2 u=jane
POST /token?t=9&fail=1
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=at-canary-1&client_id=app
: 400 | error=invalid_grant | -type
call 2
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=9&fail=1
GET /api/x

=== TEST: of another provider, a token says nothing
--- http_config
    oauth_provider q from p { user $oauth_response_user; }
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /q { oauth_token_endpoint q; rewrite ^ /token break; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 1 as=9 u=jane path=/q fail=1 : 400 | error=invalid_grant | -type
refresh 2 as=3 u=jane
call 3
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=9&u=jane&fail=1
POST /token?t=3&u=jane
GET /api/x
