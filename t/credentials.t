# Credentials of a call: one, well-formed, within its bound.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: every character of token68
--- mock
    location = /odd {
        return 200 '{"access_token":"AZaz09-._~+/canary==","user":"jane"}';
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location = /odd {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
POST /odd
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=code-canary-1&client_id=app
: 200
connect 2 u=jane
GET /api/x
| Authorization: Bearer AZaz09-._~+/canary==
: 409 | type=urn:oauth-gateway:superseded

=== TEST: characters of Salesforce, Marketo and Facebook
--- mock
    location = /odd {
        return 200 '{"access_token":"00D!canary:int|x","user":"jane"}';
    }
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /odd { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
POST /odd
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=code-canary-1&client_id=app
: 200
connect 2 u=jane
GET /api/x
| Authorization: Bearer 00D!canary:int|x
: 409 | type=urn:oauth-gateway:superseded

=== TEST: two tokens in one field are refused
--- steps
connect 1 u=jane
GET /api/x
| Authorization: Bearer at-canary-1, Bearer at-canary-2
: 400 | type~oauth-gateway | status=400
GET /api/x
| Authorization: Bearer at-canary-1 at-canary-2
: 400
GET /api/x
| Authorization: Bearer at-canary-1,at-canary-2
: 400
--- provider_saw
POST /token?t=1&u=jane

=== TEST: a scheme without a token is refused
--- steps
GET /api/x
| Authorization: Bearer
: 400
GET /api/x
| Authorization: DPoP
: 400
--- provider_saw

=== TEST: quotes, and bytes that cannot be seen, are refused
--- steps
GET /api/x
| Authorization: Bearer at"canary
: 400
GET /api/x
| Authorization: Bearer "at-canary"
: 400
GET /api/x
| Authorization: Bearer atécanary
: 400
--- provider_saw

=== TEST: where the guard only flags, odd credentials pass
--- config
    location /api {
        oauth_guard p flag;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- steps
GET /api/x
| Authorization: Bearer at-canary-1,at-canary-2
: 200

=== TEST: two Authorization fields are refused
--- may_leak
--- steps
GET /api/x
| Authorization: Bearer at-canary-1
| Authorization: Bearer at-canary-2
: 400
--- provider_saw

=== TEST: a header field of its own, given twice, is refused
--- config
    location /api {
        oauth_guard p;
        oauth_token_from $http_x_token;
        proxy_pass http://provider;
    }
--- steps
GET /api/x
| X-Token: at-canary-1
: 200
GET /api/x
| X-Token: at-canary-1
| X-Token: at-canary-2
: 400
--- provider_saw
GET /api/x

=== TEST: a token of 16384 bytes
--- http_config
    large_client_header_buffers 4 40k;
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/big.sock;
        access_log off;
        location / { return 200 big; }
    }
--- config
    location /api {
        oauth_guard p;
        oauth_unknown flag;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/big.sock;
    }
--- steps
GET /api/x
| Authorization: Bearer {{z x 16384}}
: 200 | OAuth-Connection-Status: unknown | /^big$/

=== TEST: a token of 16385 bytes is refused
--- http_config
    large_client_header_buffers 4 40k;
--- steps
GET /api/x
| Authorization: Bearer {{z x 16385}}
: 400 | type~oauth-gateway
--- provider_saw

=== TEST: an empty field is no credential
--- steps
GET /api/x
| Authorization:
: 200 | verdict=none

=== TEST: nothing of the credential comes back in a refusal
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409 | /^(?!.*canary)/
GET /api/x
| Authorization: Bearer at-canary-1,at-canary-2
: 400 | /^(?!.*canary)/
refresh 1 as=9 : 400 | /^(?!.*canary)/
