# A token request by another spelling of the path, or at an API, is known by
# its content.
use lib 't';
use OAuthGateway;

no_root_location();

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => <<'END') if !defined $block->config;
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location / {
            oauth_guard p;
            proxy_set_header X-Verdict $oauth_verdict;
            proxy_pass http://provider;
        }
END
});

run_tests();

__DATA__

=== TEST: spellings that nginx makes the same are the token endpoint
--- steps
connect 1 u=jane path=//token
connect 2 u=jane path=/./token
connect 3 u=jane path=/x/../token
connect 4 u=jane path=/%74oken
connect 5 u=jane path=/x/..%2ftoken
call 1 : 409
call 2 : 409
call 3 : 409
call 4 : 409
call 5 : 200

=== TEST: spellings that stay different are refused
--- steps
connect 1 u=jane path=/token/ : 4xx
connect 1 u=jane path=/token;x=1 : 4xx
connect 1 u=jane path=/TOKEN : 4xx
connect 1 u=jane path=/token%2f : 4xx
connect 1 u=jane path=/token%3f : 4xx
connect 1 u=jane path=/token%20 : 4xx
connect 1 u=jane path=/token\ : 4xx
connect 1 u=jane path=/api/token : 4xx
--- provider_saw

=== TEST: the refusal says where token requests belong
--- steps
connect 1 u=jane path=/token/ : 400 | error=invalid_request
:      400 | error_description~(?i)token | Content-Type: application/json

=== TEST: every grant with its credential
--- steps
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=code-canary-1
: 4xx
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=rt-canary-1
: 4xx
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=password&username=jane&password=canary
: 4xx
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=client_credentials&client_id=app&client_secret=canary
: 4xx
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=canary
: 4xx
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=canary
: 4xx
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=canary
: 4xx
--- provider_saw

=== TEST: in JSON
--- steps
POST /api/x
| Content-Type: application/json
> {"grant_type":"refresh_token","refresh_token":"rt-canary-1"}
: 4xx
POST /api/x
| Content-Type: application/json; charset=utf-8
> {"client_id" : "app", "refresh_token" : "rt-canary-1",
> "grant_type" : "refresh_token"}
: 4xx
POST /api/x
| Content-Type: application/json
> {"grant\u005ftype":"refresh_token","refresh_token":"rt-canary-1"}
: 4xx
--- provider_saw

=== TEST: in JSON, chunked and cut anywhere
--- steps
POST /api/x
| Content-Type: application/json
chunked
> {"gra
> nt_type":"refr
> esh_token","refresh_token":"rt-can
> ary-1"}
: 4xx
--- provider_saw

=== TEST: in a form, percent-encoded names and chunks
--- steps
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> %67rant_type=refresh%5Ftoken&refresh%5ftoken=rt-canary-1
: 4xx
POST /api/x
| Content-Type: application/x-www-form-urlencoded
chunked
> grant_ty
> pe=refresh_token&ref
> resh_token=rt-canary-1
: 4xx
POST /api/x
| Content-Type: APPLICATION/X-WWW-FORM-URLENCODED;charset=UTF-8
> grant_type=refresh_token&refresh_token=rt-canary-1
: 4xx
--- provider_saw

=== TEST: in a form without its media type, which lenient providers read
--- steps
POST /api/x
> grant_type=refresh_token&refresh_token=rt-canary-1
: 4xx
POST /api/x
| Content-Type: text/plain
> grant_type=refresh_token&refresh_token=rt-canary-1
: 4xx
POST /api/x
| Content-Type: application/xml
> grant_type=refresh_token&refresh_token=1
: 4xx
--- provider_saw

=== TEST: in the query
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location / {
        access_log off;
        oauth_guard p;
        proxy_pass http://provider;
    }
--- steps
POST /api/x?grant_type=refresh_token&refresh_token=rt-canary-1 : 4xx
POST /api/x?grant_type=client_credentials&client_id=app&client_secret=canary : 4xx
--- provider_saw

=== TEST: behind a pair that breaks the format, and cut in two by the query
--- steps
POST /api/x
> x=%zz&grant_type=refresh_token&refresh_token=rt-canary-1
: 4xx
POST /api/x
> a=1&a=2&grant_type=refresh_token&refresh_token=rt-canary-1
: 4xx
POST /api/x?grant_type=refresh_token
> refresh_token=rt-canary-1
: 4xx
--- provider_saw



=== TEST: no grant, or no credential, passes
--- steps
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> type=authorization_code&note=grant_type
: 200
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=bank_loan&code=1
: 200
POST /api/x
| Content-Type: application/json
> {"grant":{"grant_type":"refresh_token","refresh_token":"1"}}
: 200
POST /api/x
| Content-Type: application/json
> {"text":"grant_type=refresh_token&refresh_token=1"}
: 200
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token
: 200
GET /api/x?grant_type=refresh_token : 200
--- provider_saw
POST /api/x
POST /api/x
POST /api/x
POST /api/x
POST /api/x
GET /api/x?grant_type=refresh_token

=== TEST: inside the first 4 KB
--- steps
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> a={{z x 4000}}&grant_type=refresh_token&refresh_token=rt-canary-1&b={{z x 20000}}
: 4xx
--- provider_saw

=== TEST: beyond the first 4 KB nobody looks
--- steps
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> a={{z x 4096}}&grant_type=refresh_token&refresh_token=rt-canary-1
: 200
--- provider_saw
POST /api/x

=== TEST: a credential that 4 KB cut in two
--- steps
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&a={{z x 4040}}&refresh_token=rt-canary-1{{z x 200}}
: 4xx
--- provider_saw

=== TEST: JSON that 4 KB cut
--- steps
POST /api/x
| Content-Type: application/json
> {"grant_type":"refresh_token","refresh_token":"rt-canary-1","a":"{{z x 9000}}"}
: 4xx
--- provider_saw

=== TEST: large uploads pass untouched
--- mock
    location = /api/upload {
        client_max_body_size 10m;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/sink.sock;
    }
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/sink.sock;
        access_log off;
        client_max_body_size 10m;
        location / { return 200 "length $content_length"; }
    }
--- steps
POST /api/upload
| Content-Type: application/x-www-form-urlencoded
> a={{z x 2000000}}
: 200 | /^length 2000002$/

=== TEST: where the guard only flags, nothing is refused
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location / { oauth_guard p flag; proxy_pass http://provider; }
--- steps
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=rt-canary-1
: 200
--- provider_saw
POST /api/x

=== TEST: where the guard is off, nothing is looked at
--- config
    location / { oauth_guard off; proxy_pass http://provider; }
--- steps
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=rt-canary-1
: 200

=== TEST: unbuffered uploads are looked at, too
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location / {
        oauth_guard p;
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_pass http://provider;
    }
--- steps
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=rt-canary-1
: 4xx
POST /api/x
| Content-Type: application/x-www-form-urlencoded
chunked
> grant_type=refresh_token
> &refresh_token=rt-canary-1
: 4xx
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> a=1
: 200
