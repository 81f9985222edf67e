# No token, code or secret reaches a log at level info, nor the store, on any
# way that a request can go. Each block ends with that check.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: exchanges, calls and refusals
--- steps
connect 1 u=jane +client_secret=canary-secret +code_verifier=canary
refresh 1 as=2 u=jane +client_secret=canary-secret
connect 3 u=jane
call 2 : 409
refresh 2 as=9 : 400
call 3

=== TEST: malformed requests
--- steps
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=code-canary-1&code=code-canary-2
: 400
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary%zz
: 400
POST /token
| Content-Type: application/json
> {"grant_type":"refresh_token","refresh_token":"rt-canary
: 400
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=rt-canary-1
: 4xx
GET /api/x
| Authorization: Bearer at-canary-1, Bearer at-canary-2
: 400

=== TEST: HTTP Basic and assertions
--- steps eval
my $assertion = ::jwt({ iss => 'app', sub => 'jane' });
qq{
connect 1 u=jane client= \@Authorization=Basic%20YXBwOmNhbmFyeQ==
connect 2 u=jane client= +client_assertion=$assertion +client_assertion_type=x
connect 3 u=jane grant=urn:ietf:params:oauth:grant-type:jwt-bearer +assertion=$assertion
connect 4 u=jane grant=password +username=jane +password=canary
}
--- log_unlike
YXBwOmNhbmFyeQ
eyJ

=== TEST: answers that cannot be recorded
--- mock
    location = /x { return 200 '{"access_token":"at-canary-1","user":"broken'; }
    location = /y { return 200 '{"access_token":["at-canary-1"]}'; }
    location = /z { return 200 'access_token at-canary-1'; }
--- config
    location ~ ^/[xyz]$ { oauth_token_endpoint p; proxy_pass http://provider; }
--- steps
connect 1 path=/x : 200
connect 1 path=/y : 200
connect 1 path=/z : 200

=== TEST: an upstream that fails
--- may_alert
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://unix:/nowhere/at/all.sock;
    }
--- steps
connect 1 u=jane : 502
refresh 1 as=2 : 502

=== TEST: a token of a header field, of a form, of JSON
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p;
        oauth_token_from $http_x_token;
        proxy_pass http://provider;
    }
    location /form {
        oauth_guard p;
        oauth_token_from form=token;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
connect 2 u=jane
GET /api/x
| X-Token: at-canary-1
: 409
POST /form
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1
: 409

=== TEST: a token in the query string beside Authorization
--- config
    location /api { oauth_guard p; proxy_pass http://provider; }
    location /own {
        oauth_guard p;
        oauth_token_from $http_x_token $arg_token;
        proxy_pass http://provider;
    }
--- steps
GET /api/x?access_token=at-canary-7
| Authorization: Bearer at-canary-1
: 400
GET /own?token=at-canary-7
| X-Token: at-canary-1
: 400

=== TEST: reloads in between
--- steps
connect 1 u=jane
reload
connect 2 u=jane
reload
call 1 : 409
