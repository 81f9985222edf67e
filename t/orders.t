# Release and reinstate below oauth_status.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;
    my $write = $block->write // 'oauth_status_write on;';

    if (!defined $block->config) {
        $block->set_value(config => <<"END");
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /api {
            oauth_guard p;
            proxy_pass http://provider;
        }
        location /status/ {
            oauth_status;
            $write
        }
END
    }
});

run_tests();

__DATA__

=== TEST: release ends a connection
--- steps
connect 1 u=jane owner=alpha
call 1 : 200
POST /status/connections/1/release : 200 | id=1 | state=revoked | reason=released | ended_at~Z$ | Cache-Control: no-store
call 1 : 409 | type=urn:oauth-gateway:revoked
GET /status/connections/1 : 200 | state=revoked
GET /status/connections?state=revoked : 200 | items.0.id=1
--- provider_saw
POST /token?t=1&u=jane
GET /api/x
--- log_like
released by an operator

=== TEST: and makes room
--- provider
    user      $oauth_request_username;
    owner     $http_x_oauth_owner;
    limit     1 per user client;
    takeover  reject;
--- steps
connect 1 owner=alpha grant=password +username=j@acme
connect 2 owner=beta grant=password +username=j@acme : 409
POST /status/connections/1/release : 200
connect 2 owner=beta grant=password +username=j@acme

=== TEST: reinstate makes it live again
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 409
POST /status/connections/1/reinstate : 200 | id=1 | state=live | superseded_by=null | reason=null
call 1 : 200
call 2 : 200
POST /status/connections/2/release : 200 | state=revoked
POST /status/connections/2/reinstate : 200 | state=live
call 2 : 200
--- log_like
reinstated by an operator

=== TEST: not in this state
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
POST /status/connections/1/release : 409 | type=urn:oauth-gateway:wrong-state | Content-Type: application/problem\+json
POST /status/connections/2/reinstate : 409
POST /status/connections/2/release : 200
POST /status/connections/2/release : 409

=== TEST: a body does not matter
--- steps
connect 1 u=jane
POST /status/connections/1/release
> {"a":"b"}
: 200 | state=revoked
GET /status/connections/1 : 200 | state=revoked

=== TEST: nothing of that name
--- steps
POST /status/connections/1/release : 404 | type=urn:oauth-gateway:not-found
POST /status/connections/x/release : 404
POST /status/connections/0/reinstate : 404
connect 1 u=jane
POST /status/connections/1/destroy : 404
POST /status/connections/1/release/x : 404
POST /status/connections/1/release?force=1 : 400
GET /status/connections/1 : 200 | state=live

=== TEST: only a POST
--- steps
connect 1 u=jane
GET /status/connections/1/release : 405 | Allow: POST | type=urn:oauth-gateway:method-not-allowed
HEAD /status/connections/1/release : 405
DELETE /status/connections/1/release : 405
GET /status/connections/1 : 200 | state=live

=== TEST: only from here
--- steps
connect 1 u=jane
POST /status/connections/1/release
| Origin: https://evil.example
: 403 | type=urn:oauth-gateway:foreign-origin
POST /status/connections/1/release
| Sec-Fetch-Site: cross-site
: 403
POST /status/connections/1/release
| Host: evil.example
: 403 | type=urn:oauth-gateway:foreign-host
GET /status/connections/1 : 200 | state=live
POST /status/connections/1/release
| Host: localhost
| Origin: http://localhost
| Sec-Fetch-Site: same-origin
: 200 | state=revoked

=== TEST: off is the default
--- write
--- steps
connect 1 u=jane
POST /status/connections/1/release : 403 | type=urn:oauth-gateway:read-only | Content-Type: application/problem\+json
POST /status/connections/1/reinstate : 403
POST /status/connections/7/release : 403
GET /status/connections/1 : 200 | state=live
call 1

=== TEST: off
--- write
oauth_status_write off;
--- steps
connect 1 u=jane
POST /status/connections/1/release : 403

=== TEST: from the server
--- config
        oauth_status_write on;
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /status/ {
            oauth_status;
        }
        location /read/ {
            oauth_status;
            oauth_status_write off;
        }
--- steps
connect 1 u=jane
POST /read/connections/1/release : 403
POST /status/connections/1/release : 200

=== TEST: a listener that others reach
--- http_config eval
my $port = $Test::Nginx::Util::ServerPort;
"    server {
        listen 127.0.0.2:@{[$port + 7]};
        listen 0.0.0.0:@{[$port + 8]};
        location /status/ {
            oauth_status;
            oauth_status_write on;
        }
    }
"
--- write
--- steps
GET /status/connections : 200
--- log_like
\[warn\].*"oauth_status" with "oauth_status_write on" in .*nginx.conf:\d+ is reached through the listener "0.0.0.0:\d+"
--- log_unlike
listener "127.0.0.2

=== TEST: loopback and unix listeners are no reason to warn
--- http_config eval
my $port = $Test::Nginx::Util::ServerPort;
"    server {
        listen 127.0.0.2:@{[$port + 7]};
        listen [::1]:@{[$port + 7]};
        listen unix:@{[main::html('s.sock')]};
        location /status/ {
            oauth_status;
            oauth_status_write on;
        }
    }
    server {
        listen 0.0.0.0:@{[$port + 8]};
        location /status/ {
            oauth_status;
        }
    }
"
--- write
--- steps
GET /status/connections : 200
--- log_unlike
is reached through

=== TEST: a word that is no flag
--- config
location /status/ {
    oauth_status;
    oauth_status_write yes;
}
--- message
invalid value "yes" in "oauth_status_write" directive
