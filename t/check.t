# oauth_check: the guard's decision for other proxies, over HTTP and within
# nginx by auth_request; and the sample configuration of another nginx.
use lib 't';
use OAuthGateway;

our $samples = "$ENV{PWD}/conf/forward-auth";

our $locations = <<'END';
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /check { oauth_check p; }
    location /flag { oauth_check p flag; }
    location /envoy { oauth_check p status=200; }
END

run_tests();

__DATA__

=== TEST: a live token, no token and an unknown one: 204
--- config eval: $::locations
--- steps
connect 1 u=jane
call 1 /check : 204 | Cache-Control: no-store | !OAuth-Connection-Status | !Content-Type
call 9 /check : 204 | !OAuth-Connection-Status
GET /check : 204
--- provider_saw
POST /token?t=1&u=jane

=== TEST: a superseded token is refused as by the guard
--- config eval: $::locations
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 /check : 409 | Content-Type: application/problem.json | X-Should-Retry: false
:             409 | Cache-Control: no-store | type=urn:oauth-gateway:superseded
:             409 | superseded_by.owner=beta
call 2 /check : 204
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
--- log_like
refused a call to "p": superseded

=== TEST: flag lets it pass, marked
--- config eval: $::locations
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 /flag : 204 | OAuth-Connection-Status: superseded; connection="\d+"; superseded-by="\d+"; owner="beta"
call 2 /flag : 204 | !OAuth-Connection-Status

=== TEST: status=200, for Envoy, with the path of the call behind its own
--- config eval: $::locations
--- steps
connect 1 u=jane
call 1 /envoy/services/data : 200 | Content-Length: 0 | Cache-Control: no-store
connect 2 u=jane
call 1 /envoy/services/data : 409 | type=urn:oauth-gateway:superseded

=== TEST: any method, and a body is dropped
--- config eval: $::locations
--- steps
connect 1 u=jane
POST /check
| Authorization: Bearer at-canary-1
| Content-Type: application/octet-stream
> {{z x 100000}}
: 204
PUT /check
| Authorization: Bearer at-canary-1
chunked
> one
> two
: 204
DELETE /check
| Authorization: Bearer at-canary-1
: 204
HEAD /check
| Authorization: Bearer at-canary-1
: 204

=== TEST: two credentials are refused as by the guard
--- config eval: $::locations
--- steps
GET /check?access_token=at-canary-7
| Authorization: Bearer at-canary-1
: 400

=== TEST: the mode may be a variable, and parameters come in any order
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /check { oauth_check p status=200 $arg_mode; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /check mode=reject : 409
call 1 /check mode=flag : 200 | OAuth-Connection-Status: superseded
call 1 /check mode=pass : 200 | !OAuth-Connection-Status
call 1 /check mode=heal : 409
call 2 /check mode=heal : 200 | !OAuth-Connection-Status

=== TEST: oauth_unknown, oauth_token_from and oauth_details hold here too
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /check {
        oauth_check p;
        oauth_unknown reject;
        oauth_token_from $http_x_forwarded_token;
        oauth_details off;
    }
    location /form { oauth_check p; oauth_token_from form=token; }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
GET /check
| X-Forwarded-Token: at-canary-9
: 409 | type=urn:oauth-gateway:unknown
GET /check
| X-Forwarded-Token: at-canary-1
: 409 | type=urn:oauth-gateway:superseded | -superseded_by.owner
GET /check
| X-Forwarded-Token: at-canary-2
: 204
POST /form
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1
: 409 | type=urn:oauth-gateway:superseded
POST /form
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-2
: 204

=== TEST: the provider's form of refusals, and integration users
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  403;
    integration_users jane;
    other_users reject;
--- config eval: $::locations
--- steps
connect 1 u=jane
connect 2 u=jane
connect 3 u=john
call 1 /check : 403 | type=urn:oauth-gateway:superseded
call 3 /check : 403 | type=urn:oauth-gateway:other-user

=== TEST: variables of a check
--- http_config
    log_format checks '$uri $oauth_verdict $oauth_action $oauth_provider $oauth_user';
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /check {
        oauth_check p;
        add_header X-Who $oauth_user;
        access_log html/checks.log checks;
    }
--- steps
connect 1 u=jane
call 1 /check : 204 | X-Who: jane
connect 2 u=jane
call 1 /check : 409
sleep 0.1
--- file_like
checks.log
^/check active pass p jane$
^/check superseded reject p jane$

=== TEST: auth_request within one nginx
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /app {
        auth_request /check;
        auth_request_set $verdict $oauth_verdict;
        auth_request_set $mark $sent_http_oauth_connection_status;
        proxy_set_header X-Verdict $verdict;
        proxy_set_header X-Action $mark;
        proxy_pass http://provider;
    }
    location = /check { internal; oauth_check q; }
    location /marked {
        auth_request /flag;
        auth_request_set $mark $sent_http_oauth_connection_status;
        add_header X-Mark $mark;
        proxy_pass http://provider;
    }
    location = /flag { internal; oauth_check p flag; }
    location /asked { auth_request /no; proxy_pass http://provider; }
    location = /no { internal; oauth_check no; }
--- http_config
    oauth_provider q from p { refusal 403; }
    oauth_provider no from p { refusal 401; }
--- steps
connect 1 u=jane
call 1 /app : 200 | verdict=unknown
call 1 /marked : 200 | !X-Mark
connect 2 u=jane
call 1 /marked : 200 | X-Mark: superseded
call 2 /marked : 200 | !X-Mark

=== TEST: auth_request passes a refusal with 401 on
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  401;
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /app { auth_request /check; proxy_pass http://provider; }
    location = /check { internal; oauth_check p; }
--- steps
connect 1 u=jane
call 1 /app : 200
connect 2 u=jane
call 1 /app : 401 | WWW-Authenticate: Bearer error="invalid_token"
call 2 /app : 200
--- provider_saw
POST /token?t=1&u=jane
GET /app
POST /token?t=2&u=jane
GET /app

=== TEST: nginx's sample: on, marked, refused with the whole document
--- http_config eval
<<"END";
    upstream oauth_gateway { server unix:@{[main::html('gateway.sock')]}; }
    upstream provider_api { server unix:@{[main::html('provider.sock')]}; }

    server {
        listen unix:@{[main::html('gateway.sock')]};
        location = /check/salesforce {
            oauth_check  p \$http_x_mode;
            oauth_broken reject;
        }
    }
END
--- config eval
<<"END";
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /private {
        deny all;
        error_page 403 = \@oauth_refusal;
    }
    include $::samples/nginx.conf;
END
--- steps
connect 1 u=jane owner=alpha
call 1 /services/x @X-Mode=reject @X-OAuth-Owner=alpha : 200 | uri=/services/x | owner=
POST /services/x
| Authorization: Bearer at-canary-1
| X-Mode: reject
> {"amount":1}
: 200 | method=POST
connect 2 u=jane owner=beta
call 1 /services/x @X-Mode=reject : 409 | Content-Type: application/problem.json
:      409 | type=urn:oauth-gateway:superseded | superseded_by.owner=beta
POST /services/x
| Authorization: Bearer at-canary-1
| X-Mode: reject
> {"amount":1}
: 409 | type=urn:oauth-gateway:superseded
call 1 /services/x @X-Mode=flag : 200 | OAuth-Connection-Status: superseded; connection=
call 2 /services/x @X-Mode=reject : 200 | !OAuth-Connection-Status
GET /private
: 403 | Content-Type: text/html | /403 Forbidden/
--- provider_saw
POST /token?t=1&u=jane
GET /services/x
POST /services/x
POST /token?t=2&u=jane
GET /services/x
GET /services/x

=== TEST: an unknown provider
--- config
    location /check { oauth_check nobody; }
--- message
unknown oauth_provider "nobody"

=== TEST: a mode that it has not
--- config
    location /check { oauth_check p pass; }
--- message
invalid mode "pass": it can be "flag", "reject" or a variable

=== TEST: off is no mode
--- config
    location /check { oauth_check p off; }
--- message
invalid mode "off"

=== TEST: another status
--- config
    location /check { oauth_check p status=202; }
--- message
invalid parameter "status=202": expected "oauth_check NAME \[flag\|reject\] \[status=204\|200\]"

=== TEST: two modes
--- config
    location /check { oauth_check p flag reject; }
--- message
invalid parameter "reject"

=== TEST: no provider
--- config
    location /check { oauth_check; }
--- message
invalid number of arguments in "oauth_check"

=== TEST: twice
--- config
    location /check { oauth_check p; oauth_check p flag; }
--- message
"oauth_check" directive is duplicate

=== TEST: beside oauth_guard
--- config
    location /check { oauth_guard p; oauth_check p; }
--- message
"oauth_check" directive is a guard itself

=== TEST: oauth_guard beside it
--- config
    location /check { oauth_check p; oauth_guard p; }
--- message
"oauth_guard" directive is duplicate

=== TEST: beside another content handler
--- config
    location /check { oauth_check p; proxy_pass http://provider; }
--- message
location "/check" with "oauth_check" has another directive that answers

=== TEST: beside a token endpoint
--- config
    location /check { oauth_check p; oauth_token_endpoint p; }
--- message
location "/check" with "oauth_check" cannot be an endpoint

=== TEST: beside a revocation endpoint
--- config
    location /check { oauth_check p; oauth_revocation_endpoint p; }
--- message
location "/check" with "oauth_check" cannot be an endpoint

=== TEST: in a server
--- config
    oauth_check p;
--- message
"oauth_check" directive is not allowed here

=== TEST: a server's endpoints and guard do not reach it; an if block does
--- config
    oauth_guard p flag;
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /check {
        oauth_check p;
        if ($arg_mark) { add_header X-Mark $oauth_verdict always; }
    }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /check : 409 | !X-Mark
call 1 /check mark=1 : 409 | X-Mark: superseded
call 2 /check mark=1 : 204 | X-Mark: active
