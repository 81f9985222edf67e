# Scenario 1, the same user: a second connection ends the first one.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: the first runner's token is refused, the second one's lives
--- steps
connect 1 u=jane owner=alpha
call 1
connect 2 u=jane owner=beta
call 1 : 409 | type=urn:oauth-gateway:superseded | owner=alpha
:      409 | superseded_by.owner=beta | user=jane
call 2 : 200 | verdict=active | action=pass
call 1 : 409
--- provider_saw
POST /token?t=1&u=jane
GET /api/x
POST /token?t=2&u=jane
GET /api/x

=== TEST: another user's connection ends nothing
--- steps
connect 1 u=jane owner=alpha
connect 2 u=john owner=beta
call 1
call 2

=== TEST: the same user of another client ends nothing
--- steps
connect 1 u=jane client=one
connect 2 u=jane client=two
call 1
call 2

=== TEST: the same user of another provider ends nothing
--- http_config
    oauth_provider q {
        user   $oauth_response_user;
        limit  1 per user client;
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location = /q/token {
        oauth_token_endpoint q;
        proxy_pass http://provider/token;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
    location /q/api { oauth_guard q; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane path=/q/token
call 1
call 2 /q/api/x

=== TEST: a token of one provider is unknown to another
--- http_config
    oauth_provider q {
        user   $oauth_response_user;
        limit  1 per user client;
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard q;
        oauth_unknown reject;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
call 1 : 409 | type=urn:oauth-gateway:unknown

=== TEST: an exchange that fails ends nothing
--- steps
connect 1 u=jane
connect 2 u=jane fail=1 : 400 | error=invalid_grant
call 1 : 200 | verdict=active

=== TEST: who comes back supersedes in turn
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
connect 3 u=jane owner=alpha
call 1 : 409 | superseded_by.owner=beta
call 2 : 409 | superseded_by.owner=alpha
call 3

=== TEST: a user that nobody names supersedes nobody
--- steps
connect 1
connect 2
call 1 : 200 | verdict=active
call 2 : 200 | verdict=active

=== TEST: users differ by case
--- steps
connect 1 u=jane
connect 2 u=Jane
call 1
call 2

=== TEST: the password grant counts as well
--- steps
connect 1 u=jane grant=password +username=jane +password=canary
connect 2 u=jane grant=password +username=jane +password=canary
call 1 : 409
call 2

=== TEST: a grant without grant_type but with a code
--- steps
POST /token?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
> code=code-canary-1&client_id=app
: 200 | access_token=at-canary-1
POST /token?t=2&u=jane
| Content-Type: application/x-www-form-urlencoded
> code=code-canary-2&client_id=app
: 200
call 1 : 409 | type=urn:oauth-gateway:superseded
call 2

=== TEST: flag passes and marks
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p flag; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 200 | authorization=Bearer at-canary-1
:        200 | OAuth-Connection-Status: superseded; connection="[^"]+"; superseded-by="[^"]+"; owner="beta"
call 2 : 200 | !OAuth-Connection-Status
