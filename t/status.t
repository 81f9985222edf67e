# What operators see below oauth_status: the form of it, and one connection.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;

    if (!defined $block->config && !defined $block->message) {
        my $names = $block->names // '';

        $block->set_value(config => $names . <<'END');
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /api {
            oauth_guard p;
            proxy_set_header X-Connection $oauth_connection;
            proxy_pass http://provider;
        }
        location /status/ {
            oauth_status;
        }
        location /bare {
            oauth_status;
        }
        location ~ ^/pattern {
            rewrite ^ /status/connections/1 last;
        }
END
    }
});

run_tests();

__DATA__

=== TEST: a connection, with all its members
--- steps
connect 1 u=jane o=acme s=read%20write owner=alpha @User-Agent=recipe/1
GET /status/connections/1
:   200 | Content-Type: application/json | Cache-Control: no-store | X-Content-Type-Options: nosniff
:   200 | id=1 | provider=p | client=app | user=jane | tenant=acme | owner=alpha | grant=authorization_code
:   200 | state=live | reason=null | adopted=false | contested=false
:   200 | opened_at~^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$ | last_used_at~Z$ | opened_from.user_agent=recipe/1
:   200 | opened_from.address=127.0.0.1 | -login | -refreshed_at | expires_at~Z$ | -ended_at | -superseded_at | -superseded_by

=== TEST: who was superseded by whom
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
GET /status/connections/1 : 200 | state=superseded | superseded_by=2 | reason=superseded | superseded_at~Z$ | ended_at~Z$ | owner=alpha
GET /status/connections/2 : 200 | state=live | owner=beta | -superseded_by

=== TEST: a reconnect of the same owner
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=alpha
GET /status/connections/1 : 200 | state=superseded | reason=reconnect

=== TEST: a refresh, and a connection that was adopted
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 77 as=78 u=john
GET /status/connections/1 : 200 | refreshed_at~Z$ | adopted=false
GET /status/connections/3 : 200 | adopted=true | -opened_at | user=john

=== TEST: past its end before a sweep has met it
--- provider
    user                $oauth_response_user;
    limit               1 per user client;
    refresh_expires_in  1;
    expires_in          1;
--- steps
connect 1 u=jane
sleep 1.1
GET /status/connections/1 : 200 | state=expired | reason=expired | ended_at~Z$ | -expires_at

=== TEST: contested
--- steps
connect 1 u=jane owner=alpha
connect 2 u=john owner=alpha
connect 3 u=jane owner=beta
connect 4 u=jane owner=alpha
connect 5 u=jane owner=beta
GET /status/connections/5 : 200 | contested=true
GET /status/connections/2 : 200 | contested=false

=== TEST: nothing of that name
--- steps
GET /status/connections/1 : 404 | Content-Type: application/problem\+json | type=urn:oauth-gateway:not-found | status=404 | title~.
:   404 | Cache-Control: no-store | X-Content-Type-Options: nosniff
connect 1 u=jane
GET /status/connections/1 : 200
GET /status/connections/2 : 404
GET /status/connections/0 : 404
GET /status/connections/01 : 404
GET /status/connections/-1 : 404
GET /status/connections/1x : 404
GET /status/connections/18446744073709551615 : 404
GET /status/connections/18446744073709551616 : 404
GET /status/connections/18446744073709551617 : 404
GET /status/connections/1/2 : 404
GET /status/connections/1/2/3 : 404
GET /status/connection/1 : 404
GET /status/Connections/1 : 404
GET /status/connections/1/ : 200

=== TEST: a location without a slash at its end
--- steps
connect 1 u=jane
GET /bare/connections/1 : 200 | id=1
GET /bareconnections/1 : 404 | status=404
GET /bare : 200 | Content-Type: text/html
GET /bare/ : 200 | Content-Type: text/html
GET /pattern : 200 | id=1

=== TEST: HEAD goes where GET does
--- steps
connect 1 u=jane
HEAD /status/connections/1 : 200 | Content-Type: application/json | Content-Length: \d\d+ | /^$/
HEAD /status/connections/2 : 404 | Content-Length: \d+ | /^$/

=== TEST: other methods do not
--- steps
connect 1 u=jane
DELETE /status/connections/1 : 405 | Allow: GET, HEAD | type=urn:oauth-gateway:method-not-allowed
POST /status/connections/1
> a=b
: 405 | Allow: GET, HEAD | Cache-Control: no-store
PUT /status/connections/1
> a=b
: 405
GET /status/connections/1 : 200

=== TEST: a body of a GET does no harm
--- steps
connect 1 u=jane
GET /status/connections/1
> a=b
: 200 | id=1
GET /status/connections/1 : 200

=== TEST: the ledger's texts are made fit for JSON
--- steps
connect 1 u=j%22ane%5C%5C owner=al"pha\
GET /status/connections/1 : 200 | owner=al"pha\

=== TEST: the host must be ours
--- names
server_name status.example *.ops.example .corp.example gate.* ~^re\d+\.example$;
--- steps
connect 1 u=jane
GET /status/connections/1
| Host: evil.example
: 403 | type=urn:oauth-gateway:foreign-host | Content-Type: application/problem\+json | -id
GET /status/connections/1
| Host: status.example
: 200 | id=1
GET /status/connections/1
| Host: STATUS.example:8080
: 200
GET /status/connections/1
| Host: status.example.evil.example
: 403
GET /status/connections/1
| Host: xstatus.example
: 403
GET /status/connections/1
| Host: a.ops.example
: 200
GET /status/connections/1
| Host: ops.example
: 403
GET /status/connections/1
| Host: aops.example
: 403
GET /status/connections/1
| Host: corp.example
: 200
GET /status/connections/1
| Host: a.corp.example
: 200
GET /status/connections/1
| Host: acorp.example
: 403
GET /status/connections/1
| Host: gate.anything
: 200
GET /status/connections/1
| Host: re7.example
: 200
GET /status/connections/1
| Host: re.example
: 403

=== TEST: or a literal of loopback
--- names
server_name status.example;
--- steps
connect 1 u=jane
GET /status/connections/1
| Host: 127.0.0.1:9000
: 200
GET /status/connections/1
| Host: 127.1.2.3
: 200
GET /status/connections/1
| Host: [::1]:9000
: 200
GET /status/connections/1
| Host: localhost
: 200
GET /status/connections/1
| Host: 128.0.0.1
: 403
GET /status/connections/1
| Host: 10.0.0.1
: 403
GET /status/connections/1
| Host: [::2]
: 403
GET /status/connections/1
| Host: 127.0.0.1.evil.example
: 403
GET /status/connections/1
| Host: localhost.evil.example
: 403

=== TEST: a page of another site may not post
--- steps
POST /status/connections/1
| Origin: https://evil.example
> a=b
: 403 | type=urn:oauth-gateway:foreign-origin
POST /status/connections/1
| Origin: null
> a=b
: 403
POST /status/connections/1
| Sec-Fetch-Site: cross-site
> a=b
: 403 | type=urn:oauth-gateway:foreign-origin
POST /status/connections/1
| Sec-Fetch-Site: same-site
> a=b
: 403
POST /status/connections/1
| Host: localhost:8080
| Origin: http://localhost:8080
| Sec-Fetch-Site: same-origin
> a=b
: 405
POST /status/connections/1
| Host: localhost:8080
| Origin: http://localhost:8081
> a=b
: 403
POST /status/connections/1
| Host: localhost:8080
| Origin: http://localhost
> a=b
: 403
POST /status/connections/1
| Host: localhost
| Origin: localhost
> a=b
: 403
POST /status/connections/1
| Host: localhost
| Origin: https://LOCALHOST
> a=b
: 405
GET /status/connections/1
| Origin: https://evil.example
: 404

=== TEST: the same connections after a reload
--- steps
connect 1 u=jane owner=alpha
    reload
GET /status/connections/1 : 200 | owner=alpha | state=live

=== TEST: twice in a location
--- config
location /status/ {
    oauth_status;
    oauth_status;
}
--- message
"oauth_status" directive is duplicate

=== TEST: a word that is no resource
--- config
location /status/ {
    oauth_status everything;
}
--- message
invalid parameter "everything": expected "oauth_status \[metrics\|health\]"

=== TEST: a resource that is never alone
--- config
location /status/ {
    oauth_status connections;
}
--- message
invalid parameter "connections": expected "oauth_status \[metrics\|health\]"

=== TEST: below a pattern there is no path
--- config
location ~ ^/status/ {
    oauth_status;
}
--- message
"oauth_status" directive needs a location that is given by a prefix

=== TEST: without a store
--- no_store
--- provider
--- config
location /status/ {
    oauth_status;
}
--- message
add "oauth_store PATH"
