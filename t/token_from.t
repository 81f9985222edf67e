# oauth_token_from: where the token of a call stands.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: the default takes Bearer, DPoP and OAuth in any case
--- steps
connect 1 u=jane
connect 2 u=jane
GET /api/x
| Authorization: Bearer at-canary-1
: 409 | type=urn:oauth-gateway:superseded
GET /api/x
| Authorization: bearer at-canary-1
: 409
GET /api/x
| Authorization: BEARER   at-canary-1
: 409
GET /api/x
| Authorization: DPoP at-canary-1
: 409
GET /api/x
| Authorization: OAuth at-canary-1
: 409

=== TEST: the default leaves other schemes alone
--- steps
connect 1 u=jane
connect 2 u=jane
GET /api/x
| Authorization: Basic amFuZTphdC1jYW5hcnktMQ==
: 200 | verdict=none
GET /api/x
| Authorization: Digest at-canary-1
: 200 | verdict=none
GET /api/x
| Authorization: token at-canary-1
: 200 | verdict=none
GET /api/x
| X-Token: at-canary-1
: 200 | verdict=none

=== TEST: the default does not look at the query
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        access_log off;
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
connect 2 u=jane
GET /api/x?access_token=at-canary-1 : 200 | verdict=none

=== TEST: a header field of its own
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard p;
        oauth_token_from $http_x_shopify_access_token;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
connect 2 u=jane
GET /api/x
| X-Shopify-Access-Token: at-canary-1
: 409 | type=urn:oauth-gateway:superseded
GET /api/x
| X-Shopify-Access-Token: at-canary-2
: 200 | verdict=active
GET /api/x
| Authorization: Bearer at-canary-1
: 200 | verdict=none

=== TEST: several places, and more than one token is refused
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        access_log off;
        oauth_guard p;
        oauth_token_from $http_x_token $arg_token;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
connect 2 u=jane
GET /api/x?token=at-canary-1 : 409
GET /api/x?token=at-canary-2
| X-Token: at-canary-2
: 200 | verdict=active
GET /api/x?token=at-canary-1
| X-Token: at-canary-2
: 400 | type~oauth-gateway
GET /api/x?token= : 200 | verdict=none

=== TEST: a scheme of the provider's own by map
--- http_config
    map $http_authorization $zoho_token {
        "~^Zoho-oauthtoken (?<zoho>.+)$"  $zoho;
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard p;
        oauth_token_from $zoho_token;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
connect 2 u=jane
GET /api/x
| Authorization: Zoho-oauthtoken at-canary-1
: 409
GET /api/x
| Authorization: Zoho-oauthtoken at-canary-2
: 200

=== TEST: a member of a form
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard p;
        oauth_token_from form=token;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
connect 2 u=jane
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> channel=general&token=at-canary-1
: 409 | type=urn:oauth-gateway:superseded
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> channel=general&token=at-canary-2
: 200 | verdict=active
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> channel=general
: 200 | verdict=none
POST /api/x
| Content-Type: application/x-www-form-urlencoded
chunked
> channel=general&tok
> en=at-can
> ary-1
: 409
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> channel=general&token=at%2Dcanary%2D1
: 409
GET /api/x : 200 | verdict=none
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /api/x
POST /api/x
GET /api/x

=== TEST: a member of a form, given twice
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard p;
        oauth_token_from form=token;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
connect 2 u=jane
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-2&token=at-canary-1
: 400
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: the form reaches the provider byte for byte
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/page.sock;
        access_log off;
        location / {
            client_body_in_single_buffer on;
            client_body_buffer_size 64k;
            proxy_set_header X-Length $content_length;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/page2.sock;
        }
    }
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/page2.sock;
        access_log off;
        location / { return 200 "length $content_length"; }
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard p;
        oauth_token_from form=token;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/page.sock;
    }
--- steps
connect 1 u=jane
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1&a={{+ x 9000}}
: 200 | /^length 9020$/

=== TEST: a connection lives on whatever the token's place
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard p;
        proxy_pass http://provider;
        location /api/named {
            oauth_token_from $http_x_token;
            proxy_pass http://provider;
        }
    }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409
GET /api/named
| X-Token: at-canary-1
: 409
GET /api/named
| X-Token: at-canary-2
: 200
