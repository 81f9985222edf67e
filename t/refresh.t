# A refresh continues its connection; a dead refresh token stops here.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: the new tokens belong to the same connection
--- steps
connect 1 u=jane owner=alpha
call 1 : 200 | connection>first
refresh 1 as=2 u=jane
call 2 : 200 | connection=<first> | verdict=active
refresh 2 as=3 u=jane
call 3 : 200 | connection=<first>

=== TEST: a refresh supersedes nobody
--- provider
    user   $oauth_response_user;
    limit  2 per user client;
--- steps
connect 1 u=jane
connect 2 u=jane
refresh 1 as=3 u=jane
refresh 2 as=4 u=jane
call 3
call 4

=== TEST: an answer that names no user keeps the connection's
--- steps
connect 1 u=jane
refresh 1 as=2
connect 3 u=jane
call 2 : 409 | user=jane
call 1 : 409

=== TEST: an answer without a refresh token rotates nothing
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=none
call 1
call 2
refresh 1 as=3 u=jane r=none
call 3 : 200 | verdict=active

=== TEST: an answer that repeats the refresh token rotates nothing
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    replay  0;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1
refresh 1 as=3 u=jane r=1
call 2
call 3

=== TEST: a refresh token that nobody saw opens an adopted connection
--- steps
refresh 8 as=9 u=jane
call 9 : 200 | verdict=active | connection~.

=== TEST: adoption supersedes nobody, and the adopted one goes first
--- provider
    user   $oauth_response_user;
    limit  2 per user client;
--- steps
connect 1 u=jane
refresh 8 as=9 u=jane
connect 2 u=jane
call 9 : 409
call 1
call 2

=== TEST: a superseded refresh token never reaches the provider
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
refresh 1 as=9 u=jane : 400 | error=invalid_grant
:      400 | type=urn:oauth-gateway:superseded
call 2
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
GET /api/x

=== TEST: a superseded refresh token in JSON neither
--- steps
connect 1 u=jane
connect 2 u=jane
POST /token?t=9&u=jane
| Content-Type: application/json
> {"grant_type":"refresh_token","refresh_token":"rt-canary-1","client_id":"app"}
: 400 | error=invalid_grant
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: a superseded refresh token of an earlier step neither
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
connect 3 u=jane
refresh 2 as=9 u=jane : 400 | error=invalid_grant
refresh 1 as=9 u=jane : 400 | error=invalid_grant
call 1 : 409
call 2 : 409

=== TEST: flag passes it, and the answer is marked
--- config
    location = /token {
        oauth_token_endpoint p flag;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
refresh 1 as=3 u=jane fail=1 : 400 | error=invalid_grant
:       400 | OAuth-Connection-Status: superseded | -error_description
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=jane&fail=1

=== TEST: the mode by a variable
--- config
    location = /token {
        oauth_token_endpoint p $arg_mode;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane mode=reject
connect 2 u=jane mode=reject
refresh 1 as=9 fail=1 mode=reject : 400 | type=urn:oauth-gateway:superseded
refresh 1 as=9 fail=1 mode=flag : 400 | -type | OAuth-Connection-Status: superseded
refresh 1 as=9 fail=1 mode=no : 400 | -type | OAuth-Connection-Status: superseded
refresh 1 as=9 fail=1 : 400 | -type | OAuth-Connection-Status: superseded

=== TEST: allow, deny and auth_request speak before the gateway does
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location = /denied {
        deny all;
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location = /asked {
        auth_request /no;
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location = /no { internal; return 401; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
refresh 1 as=9 path=/denied : 403
refresh 1 as=9 path=/asked : 401
refresh 1 as=9 : 400 | error=invalid_grant

=== TEST: a refresh that the provider refuses records nothing
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane fail=1 : 400 | error=invalid_grant | -type
call 2 : 200 | verdict=unknown

=== TEST: of another client, a superseded refresh token is refused as well
--- steps
connect 1 u=jane client=one
connect 2 u=jane client=one
refresh 1 as=9 client=two : 400 | error=invalid_grant
