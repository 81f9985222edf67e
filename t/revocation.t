# Revocations (RFC 7009) that pass by: what was revoked stays so.
use lib 't';
use OAuthGateway;

use Time::HiRes ();

add_block_preprocessor(sub {
    my ($block) = @_;

    return if defined $block->config;

    $block->set_value(config => <<'END');
        location = /token { oauth_token_endpoint p; proxy_pass http://provider; }

        location /revoke {
            oauth_revocation_endpoint p;
            proxy_pass http://provider;
        }

        location = /revoke/connection {
            oauth_revocation_endpoint p connection;
            proxy_pass http://provider;
        }

        location = /revoke/token {
            oauth_revocation_endpoint p token;
            proxy_pass http://provider;
        }

        location /api {
            oauth_guard p;
            proxy_set_header X-Connection $oauth_connection;
            proxy_set_header X-Verdict $oauth_verdict;
            proxy_set_header X-Action $oauth_action;
            proxy_pass http://provider;
        }
END

    return if defined $block->mock;

    $block->set_value(mock => <<'END');
        location ~ ^/revoke { return 200; }
        location = /revoke/none { return 204; }
        location = /revoke/json { return 200 '{"revoked":true}'; }
        location = /revoke/400 { return 400 '{"error":"unsupported_token_type"}'; }
        location = /revoke/401 { return 401 '{"error":"invalid_client"}'; }
        location = /revoke/302 { return 302 http://elsewhere.example/; }
        location = /revoke/503 { return 503; }
        location = /revoke/shut { return 444; }
END
});

run_tests();

__DATA__

=== TEST: a refresh token, in a form, ends the connection
--- steps
connect 1 u=jane owner=alpha
call 1 : 200 | verdict=active
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1&token_type_hint=refresh_token&client_id=app
: 200 | !OAuth-Connection-Status
call 1 : 409 | type=urn:oauth-gateway:revoked | owner=alpha | user=jane | -superseded_by
refresh 1 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:revoked
--- provider_saw
POST /token?t=1&u=jane
GET /api/x
POST /revoke
--- log_like
connection "\d+" provider "p" user "jane" owner "alpha" was revoked
refused a token request for "p": revoked

=== TEST: in JSON, as Intuit's clients do
--- steps
connect 1 u=jane
POST /revoke
| Content-Type: application/json
| Authorization: Basic YXBwOmNhbmFyeQ==
> {"token":"rt-canary-1"}
: 200
call 1 : 409 | type=urn:oauth-gateway:revoked
refresh 1 as=9 u=jane : 400 | type=urn:oauth-gateway:revoked

=== TEST: in the query string
--- steps
connect 1 u=jane
POST /revoke?token=rt-canary-1 : 200
call 1 : 409 | type=urn:oauth-gateway:revoked

=== TEST: all tokens of the connection go with it
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 2 as=3 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-3
: 200
call 1 : 409 | type=urn:oauth-gateway:revoked
call 2 : 409 | type=urn:oauth-gateway:revoked
call 3 : 409 | type=urn:oauth-gateway:revoked
refresh 1 as=9 : 400 | type=urn:oauth-gateway:revoked
refresh 2 as=9 : 400 | type=urn:oauth-gateway:revoked
refresh 3 as=9 : 400 | type=urn:oauth-gateway:revoked

=== TEST: an access token ends itself alone
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-2&token_type_hint=access_token
: 200
call 2 : 409 | type=urn:oauth-gateway:revoked
call 1 : 200 | verdict=active
refresh 2 as=3 u=jane
call 3 : 200 | verdict=active
call 2 : 409 | type=urn:oauth-gateway:revoked

=== TEST: the hint does not decide what a token is
--- steps
connect 1 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1&token_type_hint=refresh_token
: 200
call 1 : 409 | type=urn:oauth-gateway:revoked
refresh 1 as=2 u=jane
call 2

=== TEST: connection, an access token ends it all
--- steps
connect 1 u=jane
POST /revoke/connection
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1
: 200
call 1 : 409 | type=urn:oauth-gateway:revoked
refresh 1 as=9 u=jane : 400 | type=urn:oauth-gateway:revoked

=== TEST: token, a refresh token ends itself alone
--- steps
connect 1 u=jane
POST /revoke/token
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 200
refresh 1 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:revoked
call 1 : 200 | verdict=active

=== TEST: token, an access token as well
--- steps
connect 1 u=jane
POST /revoke/token
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1
: 200
call 1 : 409 | type=urn:oauth-gateway:revoked
refresh 1 as=2 u=jane
call 2

=== TEST: a revoked connection makes room
--- provider
    user   $oauth_response_user;
    limit  2 per user client;
--- steps
connect 1 u=jane
connect 2 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-2
: 200
connect 3 u=jane
call 1 : 200 | verdict=active
call 2 : 409 | type=urn:oauth-gateway:revoked
call 3 : 200 | verdict=active

=== TEST: a superseded connection can be revoked, and is
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409 | type=urn:oauth-gateway:superseded
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 200
call 1 : 409 | type=urn:oauth-gateway:revoked
call 2

=== TEST: twice is once
--- steps
connect 1 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 200
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 200
call 1 : 409 | type=urn:oauth-gateway:revoked
--- check
my $log = slurp "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log";

is(scalar(() = $log =~ /was revoked/g), 1, 'told once');

=== TEST: a token that nobody saw passes, and changes nothing
--- steps
connect 1 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-7
: 200 | !OAuth-Connection-Status
call 1 : 200 | verdict=active
refresh 1 as=2 u=jane
--- provider_saw
POST /token?t=1&u=jane
POST /revoke
GET /api/x
POST /token?t=2&u=jane
--- log_unlike
was revoked

=== TEST: a token of another provider neither
--- http_config
    oauth_provider q from p { contact us; }
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /q { oauth_revocation_endpoint q; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_set_header X-Verdict $oauth_verdict; proxy_pass http://provider; }
--- steps
connect 1 u=jane
POST /q
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 200
call 1 : 200 | verdict=active

=== TEST: what has no token, or cannot be read, passes
--- steps
connect 1 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> client_id=app
: 200
POST /revoke
| Content-Type: application/json
> {"token":
: 200
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1&token=rt-canary-2
: 200
POST /revoke
: 200
call 1 : 200 | verdict=active
--- provider_saw
POST /token?t=1&u=jane
POST /revoke
POST /revoke
POST /revoke
POST /revoke
GET /api/x

=== TEST: a refusal of the provider revokes nothing
--- steps
connect 1 u=jane
POST /revoke/400
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 400 | error=unsupported_token_type
POST /revoke/401
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 401 | error=invalid_client
POST /revoke/302
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 302
POST /revoke/503
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 503
POST /revoke/shut
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 502
call 1 : 200 | verdict=active
refresh 1 as=2 u=jane
--- log_unlike
was revoked

=== TEST: every success counts, with or without a body
--- provider
    user   $oauth_response_user;
    limit  3 per user client;
--- steps
connect 1 u=jane
connect 2 u=jane
POST /revoke/none
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 204
POST /revoke/json
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-2
: 200 | revoked=true
call 1 : 409 | type=urn:oauth-gateway:revoked
call 2 : 409 | type=urn:oauth-gateway:revoked

=== TEST: the request reaches the provider as it is, but for the owner
--- mock
    location = /revoke {
        add_header X-Owner "[$http_x_oauth_owner]";
        add_header X-Authorization "[$http_authorization]";
        add_header X-Length "$content_length $content_type";
        return 200;
    }
--- steps
POST /revoke
| Content-Type: application/x-www-form-urlencoded
| Authorization: Basic YXBwOnNlY3JldA==
| X-OAuth-Owner: alpha
> token=rt-canary-7&x=%20
: 200 | X-Owner: \[\] | X-Authorization: \[Basic YXBwOnNlY3JldA==\] | X-Length: 23 application/x-www-form-urlencoded

=== TEST: flag mode is no way back, the provider is
--- config
    location = /token { oauth_token_endpoint p $arg_mode; proxy_pass http://provider; }
    location /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p $arg_mode;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_set_header X-Connection $oauth_connection;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane mode=reject
call 1 mode=reject : 200 | connection>first
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 200
call 1 mode=flag : 200 | verdict=revoked | OAuth-Connection-Status: revoked
sleep 0.3
call 1 mode=reject : 409 | type=urn:oauth-gateway:revoked
refresh 1 as=2 u=jane mode=flag : 200 | OAuth-Connection-Status: revoked
call 1 mode=reject : 409 | type=urn:oauth-gateway:revoked
call 2 mode=reject : 200 | verdict=active
--- log_unlike
that limit is probably wrong

=== TEST: after a reload it is still revoked
--- steps
connect 1 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 200
reload
call 1 : 409 | type=urn:oauth-gateway:revoked
refresh 1 as=9 u=jane : 400 | type=urn:oauth-gateway:revoked

=== TEST: a location without the directive records nothing
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /plain { proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_set_header X-Verdict $oauth_verdict; proxy_pass http://provider; }
--- steps
connect 1 u=jane
POST /plain
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 200
call 1 : 200 | verdict=active

=== TEST: a nested location inherits it
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /revoke {
        oauth_revocation_endpoint p connection;
        proxy_pass http://provider;
        location = /revoke/in { proxy_pass http://provider; }
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
POST /revoke/in
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1
: 200
call 1 : 409 | type=urn:oauth-gateway:revoked
refresh 1 as=9 u=jane : 400 | type=urn:oauth-gateway:revoked

=== TEST: the guard around it does not judge the client
--- config
    oauth_guard p;
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
    location /api { proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
| Authorization: Bearer at-canary-1
> token=rt-canary-1
: 200
call 1 : 409 | type=urn:oauth-gateway:revoked

=== TEST: allow and deny speak first
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /revoke { deny all; oauth_revocation_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_set_header X-Verdict $oauth_verdict; proxy_pass http://provider; }
--- steps
connect 1 u=jane
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 403
call 1 : 200 | verdict=active

=== TEST: a runner that hangs up does not undo it
--- mock eval
"location = /revoke { limit_rate 300; return 200 '" . 'x' x 600 . "'; }"
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/gw.sock;
        access_log off;
        location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
    }
--- steps
connect 1 u=jane
--- check
system('curl', '-s', '--max-time', '0.3', '--unix-socket', html('gw.sock'),
       '-d', 'token=rt-canary-1', 'http://l/revoke');
is($? >> 8, 28, 'it did not wait');

my $log;

for (1 .. 100) {
    $log = slurp "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log";
    last if $log =~ /was revoked/;
    Time::HiRes::sleep(0.1);
}

like($log, qr/was revoked/, 'recorded without the runner');

=== TEST: unknown provider
--- config
    location = /revoke { oauth_revocation_endpoint nobody; proxy_pass http://provider; }
--- message
"?nobody"?

=== TEST: no provider
--- config
    location = /revoke { oauth_revocation_endpoint; proxy_pass http://provider; }
--- message
invalid number of arguments in "oauth_revocation_endpoint"

=== TEST: a word that is neither connection nor token
--- config
    location = /revoke { oauth_revocation_endpoint p grant; proxy_pass http://provider; }
--- message
oauth_revocation_endpoint NAME \[connection\|token\]

=== TEST: too many words
--- config
    location = /revoke { oauth_revocation_endpoint p token connection; proxy_pass http://provider; }
--- message
invalid number of arguments in "oauth_revocation_endpoint"

=== TEST: twice
--- config
    location = /revoke {
        oauth_revocation_endpoint p;
        oauth_revocation_endpoint p token;
        proxy_pass http://provider;
    }
--- message
"oauth_revocation_endpoint" directive is duplicate

=== TEST: without a store
--- no_store
--- config
    location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
--- message
oauth_store

=== TEST: proxy_cache
--- http_config
    proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
    location = /revoke {
        oauth_revocation_endpoint p;
        proxy_cache c;
        proxy_pass http://provider;
    }
--- message
location "/revoke" with "oauth_revocation_endpoint p" cannot work: "proxy_cache"

=== TEST: proxy_store
--- config
    location = /revoke {
        oauth_revocation_endpoint p;
        proxy_store on;
        proxy_pass http://provider;
    }
--- message
location "/revoke" with "oauth_revocation_endpoint p" cannot work: "proxy_store"

=== TEST: proxy_intercept_errors
--- config
    location = /revoke {
        oauth_revocation_endpoint p;
        proxy_intercept_errors on;
        proxy_pass http://provider;
    }
--- message
location "/revoke" with "oauth_revocation_endpoint p" cannot work: "proxy_intercept_errors"

=== TEST: https that is not verified
--- config
    location = /revoke {
        oauth_revocation_endpoint p;
        proxy_pass https://127.0.0.1:1/;
    }
--- message
location "/revoke" with "oauth_revocation_endpoint p" cannot work: the provider's certificate is not verified

=== TEST: variables in proxy_pass, not verified
--- config
    location = /revoke {
        oauth_revocation_endpoint p;
        proxy_pass http://$arg_host;
    }
--- message
location "/revoke" with "oauth_revocation_endpoint p" cannot work: "proxy_pass" with variables
