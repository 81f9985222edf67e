# The guard: verdicts and modes, and that no way leads around it.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: no token, on
--- steps
GET /api/x : 200 | verdict=none | action=pass | connection=

=== TEST: unknown token, on by default
--- steps
call 1 : 200 | verdict=unknown | action=pass | connection= | !OAuth-Connection-Status

=== TEST: active token, on
--- steps
connect 1 u=jane
call 1 : 200 | verdict=active | action=pass | connection~^.+$ | !OAuth-Connection-Status

=== TEST: superseded token, reject is the default
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409 | Content-Type: application/problem.json | Cache-Control: no-store
:        409 | X-Should-Retry: false | !WWW-Authenticate | !OAuth-Connection-Status

=== TEST: superseded token, every method is refused
--- steps
connect 1 u=jane
connect 2 u=jane
POST /api/x
| Authorization: Bearer at-canary-1
| Content-Type: application/json
> {"amount":1}
: 409 | type=urn:oauth-gateway:superseded
DELETE /api/x
| Authorization: Bearer at-canary-1
: 409 | type=urn:oauth-gateway:superseded
PUT /api/x
| Authorization: Bearer at-canary-1
chunked
> {"amount":
> 2}
: 409 | type=urn:oauth-gateway:superseded
OPTIONS /api/x
| Authorization: Bearer at-canary-1
: 409
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: superseded token, HEAD is refused without a body
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
HEAD /api/x
| Authorization: Bearer at-canary-1
: 409 | Cache-Control: no-store
HEAD /api/x
| Authorization: Bearer at-canary-2
: 200

=== TEST: a refused request with a large body leaves the connection usable
--- steps
connect 1 u=jane
connect 2 u=jane
POST /api/x
| Authorization: Bearer at-canary-1
| Content-Type: application/octet-stream
> {{z x 300000}}
: 409

=== TEST: expired access token, on, for the provider's 401 cures it
--- steps
connect 1 u=jane e=1
call 1 : 200 | verdict=active
sleep 2.1
call 1 : 200 | verdict=expired | action=pass

=== TEST: connection expired with its last token, on
--- steps
connect 1 u=jane e=1 r=none
sleep 2.1
call 1 : 200 | verdict=expired

=== TEST: superseded goes before expired
--- steps
connect 1 u=jane e=1
connect 2 u=jane
sleep 2.1
call 1 : 409 | type=urn:oauth-gateway:superseded

=== TEST: an old access token stays active after a refresh
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
call 1 : 200 | verdict=active
call 2 : 200 | verdict=active

=== TEST: refresh_ends_access, an old access token is rotated, and on
--- provider
    user   $oauth_response_user;
    limit  1 per user client;
    refresh_ends_access on;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
call 1 : 200 | verdict=rotated | action=pass
call 2 : 200 | verdict=active

=== TEST: off passes a superseded token
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    oauth_guard p;
    location /api { proxy_pass http://provider; }
    location /api/open { oauth_guard off; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409
call 1 /api/open : 200 | !OAuth-Connection-Status

=== TEST: a nested location inherits the guard
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard p;
        proxy_pass http://provider;
        location /api/in { proxy_pass http://provider; }
    }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /api/in : 409

=== TEST: a token endpoint that is off forwards and records nothing
--- config
    oauth_token_endpoint p;
    location = /token {
        oauth_token_endpoint off;
        proxy_pass http://provider;
    }
    location /api {
        oauth_token_endpoint off;
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
call 1 : 200 | verdict=unknown

=== TEST: the mode by a variable
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p $arg_mode; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 mode=reject : 409 | type=urn:oauth-gateway:superseded
call 1 /api/dead mode=flag : 401 | OAuth-Connection-Status: superseded; .*owner="beta"
call 1 /api/dead : 401 | OAuth-Connection-Status: superseded
call 1 /api/dead mode=banana : 401 | OAuth-Connection-Status: superseded
call 1 /api/dead mode=REJECT : 401 | OAuth-Connection-Status: superseded
call 1 /api/dead mode=rejected : 401 | OAuth-Connection-Status: superseded
call 1 /api/dead mode=reject : 409
call 2 mode=reject : 200 | !OAuth-Connection-Status

=== TEST: the mode is evaluated after the look-up
--- http_config
    map $oauth_verdict:$oauth_superseded_by_owner $mode_of_test {
        superseded:beta  reject;
        default          flag;
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p $mode_of_test; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
connect 3 u=john owner=alpha
connect 4 u=john owner=gamma
call 1 : 409
call 3 : 200 | OAuth-Connection-Status: superseded

=== TEST: a map that was read too early does not decide the mode
--- http_config
    map $oauth_verdict $mode_of_test {
        superseded  reject;
        default     flag;
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        set $early $mode_of_test;
        oauth_guard p $mode_of_test;
        add_header X-Early $early;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409

=== TEST: split_clients by connection keeps some of them flagged
--- http_config
    split_clients $oauth_connection $mode_of_test {
        *  reject;
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p $mode_of_test; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409
call 2 : 200

=== TEST: satisfy any does not get around it
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        satisfy any;
        allow all;
        oauth_guard p;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409
call 2 : 200

=== TEST: deny still denies a live token
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { deny all; oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
call 1 : 403

=== TEST: an included subrequest is judged
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/page.sock;
        access_log off;
        default_type text/html;
        location / { return 200 '[<!--# include virtual="/api/x" -->]'; }
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location = /page {
        ssi on;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/page.sock;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
GET /page
| Authorization: Bearer at-canary-1
: 200 | /superseded/
GET /page
| Authorization: Bearer at-canary-2
: 200 | /"authorization":"Bearer at-canary-2"/
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
GET /api/x

=== TEST: flag, and the provider proves the ledger wrong
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p $arg_mode; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 mode=reject : 409
call 1 mode=flag : 200 | OAuth-Connection-Status: superseded
sleep 0.3
call 1 mode=reject : 200 | !OAuth-Connection-Status

=== TEST: a mirrored subrequest is judged
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /front {
        mirror /api/mirror;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/page.sock;
    }
    location /api { internal; oauth_guard p; proxy_pass http://provider; }
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/page.sock;
        access_log off;
        location / { return 200 front; }
    }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /front : 200 | /front/
call 2 /front : 200 | /front/
sleep 0.3
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
GET /api/mirror

=== TEST: an auth_request to a guarded location is judged
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  403;
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /front {
        auth_request /api/check;
        proxy_pass http://provider;
    }
    location /api { internal; oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /front : 403
call 2 /front : 200
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
GET /api/check
GET /front

=== TEST: auth_request before a guarded location
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        auth_request /check;
        oauth_guard p;
        proxy_pass http://provider;
    }
    location = /check { internal; return 204; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409
call 2 : 200

=== TEST: an error_page of the user's own takes the refusal's place
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        error_page 409 = @why;
        oauth_guard p;
        proxy_pass http://provider;
    }
    location @why {
        default_type text/plain;
        return 410 "$oauth_verdict by $oauth_superseded_by_owner, $oauth_action";
    }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 410 | /^superseded by beta, reject$/

=== TEST: an internal redirect leads into the guard
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /go { rewrite ^/go(.*)$ /api$1 last; }
    location /else { error_page 404 = /api/fallback; return 404; }
    location /try { try_files /nothing /api/tried; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /go/x : 409
call 1 /else : 409
call 1 /try : 409
call 2 /go/x : 200
call 2 /else : 200
call 2 /try : 200
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
GET /api/x
GET /api/fallback
GET /api/tried

=== TEST: X-Accel-Redirect of an API leads into another guard
--- http_config
    oauth_provider q { user $oauth_response_user; limit 1 per user; }
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/page.sock;
        access_log off;
        location / {
            add_header X-Accel-Redirect /api/inner;
            return 200 front;
        }
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /front {
        oauth_guard q;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/page.sock;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /front : 409 | provider=p
call 2 /front : 200 | uri=/api/inner

=== TEST: any content handler can stand behind the guard
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; return 200 here; }
    location /static { oauth_guard p; root html; try_files /index.html =404; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /static : 409
call 2 /static : 200 | /It works/

=== TEST: the mark stands on errors of the provider, too
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p flag; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /api/dead : 401 | OAuth-Connection-Status: superseded

=== TEST: a provider cannot forge the mark
--- mock
    location = /api/forged {
        add_header OAuth-Connection-Status "superseded; owner=forged" always;
        return 200 '{"ok":1}';
    }
--- steps
connect 1 u=jane
GET /api/forged
| Authorization: Bearer at-canary-1
: 200 | ok=1 | !OAuth-Connection-Status

=== TEST: pipelined requests are judged each by its own token
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- pipelined_requests eval
["POST /token?t=1&u=jane
grant_type=authorization_code&code=code-canary-1&client_id=app",
"POST /token?t=2&u=jane
grant_type=authorization_code&code=code-canary-2&client_id=app",
"GET /api/x", "GET /api/x", "GET /api/x"]
--- more_headers eval
["Content-Type: application/x-www-form-urlencoded",
"Content-Type: application/x-www-form-urlencoded",
"Authorization: Bearer at-canary-1",
"Authorization: Bearer at-canary-2",
"Authorization: Bearer at-canary-1"]
--- error_code eval
[200, 200, 409, 200, 409]

=== TEST: HTTP/2
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/h2.sock http2;
        access_log off;
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /api { oauth_guard p; proxy_pass http://provider; }
    }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
--- check
my @h2 = ('--http2-prior-knowledge', '-H', 'Authorization: Bearer at-canary-1');

like(curl('h2.sock', @h2, 'http://localhost/api/x'),
     qr{^HTTP/2 409.*\n\n.*superseded}s, 'refused');
like(curl('h2.sock', @h2, '-d', 'x' x 60000, 'http://localhost/api/x'),
     qr{^HTTP/2 409}, 'refused with a body');
like(curl('h2.sock', '--http2-prior-knowledge', '-H',
          'Authorization: Bearer at-canary-2', 'http://localhost/api/x'),
     qr{^HTTP/2 200}, 'passed');
