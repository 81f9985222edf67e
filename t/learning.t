# Learning: the provider's answers say what the ledger could not know.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;

    return if defined $block->config;

    my $broken = $block->broken;
    my $line = defined $broken ? "oauth_broken $broken;" =~ s/\n//r : '';

    $block->set_value(config => <<"END");
        location = /token {
            oauth_token_endpoint p \$arg_mode;
            proxy_pass http://provider;
        }

        location = /reject {
            oauth_token_endpoint p;
            rewrite ^ /token break;
            proxy_pass http://provider;
        }

        location /flag {
            oauth_guard p flag;
            $line
            proxy_set_header X-Verdict \$oauth_verdict;
            proxy_set_header X-Action \$oauth_action;
            proxy_set_header X-Connection \$oauth_connection;
            proxy_pass http://provider;
        }

        location /api {
            oauth_guard p;
            $line
            proxy_set_header X-Verdict \$oauth_verdict;
            proxy_set_header X-Action \$oauth_action;
            proxy_set_header X-Connection \$oauth_connection;
            proxy_pass http://provider;
        }
END
});

run_tests();

__DATA__

=== TEST: 401 is a dead token, by default; its access token alone
--- steps
connect 1 u=jane path=/reject
call 1 /api/dead : 401
sleep 0.3
call 1 : 200 | verdict=expired | action=pass | !OAuth-Connection-Status
refresh 1 as=2 u=jane path=/reject
call 2 : 200 | verdict=active
--- log_like
has an access token that the provider calls dead
--- log_unlike
is broken

=== TEST: nothing else is
--- mock
    location = /api/302 { return 302 /; }
    location = /api/400 { return 400; }
    location = /api/403 { return 403; }
    location = /api/404 { return 404; }
    location = /api/429 { return 429; }
    location = /api/500 { return 500; }
    location = /api/503 { return 503; }
--- steps
connect 1 u=jane r=none path=/reject
call 1 /api/400 : 400
call 1 /api/403 : 403
call 1 /api/404 : 404
call 1 /api/429 : 429
call 1 /api/500 : 500
call 1 /api/503 : 503
call 1 /api/302 : 302
sleep 0.3
call 1 : 200 | verdict=active
--- log_unlike
calls dead
is broken

=== TEST: without a refresh token the connection is broken
--- steps
connect 1 u=jane owner=alpha r=none path=/reject
call 1 /api/dead : 401 | !OAuth-Connection-Status
sleep 0.3
call 1 : 200 | verdict=broken | action=flag
:       200 | OAuth-Connection-Status: broken; connection="\d+"
--- log_like
connection "\d+" provider "p" user "jane" owner "alpha" is broken: the provider refuses its token, although nothing seen here ended it

=== TEST: but not by an answer that came after its lifetime
--- steps
connect 1 u=jane r=none e=1 path=/reject
sleep 1.2
call 1 /api/dead : 401
sleep 0.3
call 1 : 200 | verdict=expired
--- log_unlike
is broken

=== TEST: a token that nobody saw teaches nothing
--- steps
call 1 /api/dead : 401
sleep 0.3
call 1 : 200 | verdict=unknown
--- log_unlike
calls dead

=== TEST: it is written once
--- steps
connect 1 u=jane path=/reject
call 1 /api/dead : 401
sleep 0.3
call 1 /api/dead : 401
call 1 /api/dead : 401
call 1 /api/dead : 401
sleep 0.3
--- check
my $log = slurp "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log";

is(scalar(() = $log =~ /calls dead/g), 1, 'told once');

=== TEST: dead STATUS VALUE, as the header says
--- provider
    user   $oauth_response_user;
    limit  1 per user client;
    dead   403 $upstream_http_x_dead;
--- mock
    location = /api/no { return 403; }
    location = /api/zero { add_header X-Dead 0 always; return 403; }
    location = /api/gone { add_header X-Dead yes always; return 403; }
    location = /api/other { add_header X-Dead yes always; return 401; }
--- steps
connect 1 u=jane path=/reject
call 1 /api/no : 403
call 1 /api/zero : 403
call 1 /api/other : 401
sleep 0.3
call 1 : 200 | verdict=active
call 1 /api/gone : 403
sleep 0.3
call 1 : 200 | verdict=expired

=== TEST: dead 401 with a map, as RFC 6750 says it
--- provider
    user   $oauth_response_user;
    limit  1 per user client;
    dead   401 $is_dead;
--- http_config
    map $upstream_http_www_authenticate $is_dead { ~invalid_token 1; }
--- mock
    location = /api/scope { add_header WWW-Authenticate 'Bearer error="insufficient_scope"' always; return 401; }
    location = /api/gone { add_header WWW-Authenticate 'Bearer error="invalid_token"' always; return 401; }
--- steps
connect 1 u=jane r=none path=/reject
call 1 /api/scope : 401
call 1 /api/dead : 401
sleep 0.3
call 1 : 200 | verdict=active
call 1 /api/gone : 401
sleep 0.3
call 1 : 200 | verdict=broken

=== TEST: dead 200, as Slack says it
--- provider
    user   $oauth_response_user;
    dead   200 $upstream_http_x_slack_failure;
--- mock
    location = /api/gone { add_header X-Slack-Failure token_revoked; return 200 '{"ok":false,"error":"token_revoked"}'; }
--- steps
connect 1 u=jane r=none path=/reject
call 1 : 200 | verdict=active
sleep 0.3
call 1 : 200 | verdict=active
call 1 /api/gone : 200 | /token_revoked/
sleep 0.3
call 1 : 200 | verdict=broken

=== TEST: the gateway's own 401 is no answer of the provider
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  401;
--- steps
connect 1 u=jane path=/reject
connect 2 u=jane path=/reject
call 1 : 401 | WWW-Authenticate: Bearer
call 2 : 200 | verdict=active
--- log_unlike
calls dead
is broken

=== TEST: nor is a 401 of nginx itself
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
    location = /api/own { oauth_guard p; return 401; }
    location = /api/asked { auth_request /no; oauth_guard p; proxy_pass http://provider; }
    location = /no { internal; return 401; }
--- steps
connect 1 u=jane r=none
call 1 /api/own : 401
call 1 /api/asked : 401
sleep 0.3
call 1 : 200 | verdict=active

=== TEST: invalid_grant on the current refresh token breaks the connection
--- steps
connect 1 u=jane owner=alpha path=/reject
refresh 1 as=9 u=jane fail=1 path=/reject : 400 | error=invalid_grant | -type
sleep 0.3
call 1 : 200 | verdict=broken | action=flag | OAuth-Connection-Status: broken
--- log_like
is broken: the provider refuses its token

=== TEST: in each spelling that is known
--- mock
    location ~ ^/say/(?<word>\w+)$ { return 200 '{"ok":false,"error":"$word"}'; }
--- config
    location ~ ^/say/ { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_set_header X-Verdict $oauth_verdict; proxy_pass http://provider; }
--- steps
connect 1 u=ann
connect 2 u=ben
connect 3 u=cat
connect 4 u=dan
refresh 1 as=9 path=/say/bad_refresh_token : 200 | /"error":"bad_refresh_token"/
refresh 2 as=9 path=/say/invalid_refresh_token : 200 | /"error":"invalid_refresh_token"/
refresh 3 as=9 path=/say/invalid_code : 200 | /"error":"invalid_code"/
refresh 4 as=9 path=/say/ratelimited : 200 | /"error":"ratelimited"/
sleep 0.3
call 1 : 200 | verdict=broken
call 2 : 200 | verdict=broken
call 3 : 200 | verdict=broken
call 4 : 200 | verdict=active

=== TEST: other failures of a refresh break nothing
--- mock
    location = /fail/client { return 401 '{"error":"invalid_client"}'; }
    location = /fail/request { return 400 '{"error":"invalid_request"}'; }
    location = /fail/scope { return 400 '{"error":"invalid_scope"}'; }
    location = /fail/busy { return 429 '{"error":"invalid_grant"}'; }
    location = /fail/ill { return 503 '{"error":"invalid_grant"}'; }
    location = /fail/page { return 400 '<html>invalid_grant</html>'; }
--- config
    location /fail { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_set_header X-Verdict $oauth_verdict; proxy_pass http://provider; }
--- steps
connect 1 u=jane
refresh 1 as=9 path=/fail/client : 401
refresh 1 as=9 path=/fail/request : 400
refresh 1 as=9 path=/fail/scope : 400
refresh 1 as=9 path=/fail/busy : 429
refresh 1 as=9 path=/fail/ill : 503
refresh 1 as=9 path=/fail/page : 400
sleep 0.3
call 1 : 200 | verdict=active
refresh 1 as=2 u=jane
--- log_unlike
is broken

=== TEST: invalid_grant on a code breaks nothing
--- steps
connect 1 u=jane path=/reject
connect 2 u=jane fail=1 path=/reject : 400 | error=invalid_grant
sleep 0.3
call 1 : 200 | verdict=active

=== TEST: a broken connection leaves its slot
--- provider
    user   $oauth_response_user;
    limit  2 per user client;
--- steps
connect 1 u=jane r=none path=/reject
connect 2 u=jane r=none path=/reject
call 2 /api/dead : 401
sleep 0.3
connect 3 u=jane path=/reject
call 1 : 200 | verdict=active
call 2 : 200 | verdict=broken
call 3 : 200 | verdict=active

=== TEST: oauth_broken pass
--- broken
pass
--- steps
connect 1 u=jane r=none path=/reject
call 1 /api/dead : 401
sleep 0.3
call 1 : 200 | verdict=broken | action=pass | !OAuth-Connection-Status

=== TEST: oauth_broken reject
--- broken
reject
--- steps
connect 1 u=jane owner=alpha r=none path=/reject
call 1 : 200 | verdict=active
call 1 /api/dead : 401
sleep 0.3
call 1 : 409 | type=urn:oauth-gateway:broken | owner=alpha | user=jane | -superseded_by
:       409 | X-Should-Retry: false | Content-Type: application/problem.json
call 1 /flag/x : 200 | verdict=broken | OAuth-Connection-Status: broken
--- provider_saw
POST /token?t=1&u=jane&r=none
GET /api/x
GET /api/dead
GET /flag/x

=== TEST: oauth_broken by a variable
--- broken
$arg_broken
--- steps
connect 1 u=jane r=none path=/reject
call 1 /api/dead : 401
sleep 0.3
call 1 broken=reject : 409
call 1 broken=pass : 200 | verdict=broken | !OAuth-Connection-Status
call 1 broken=reject : 200 | verdict=active

=== TEST: a call that works repairs a broken connection
--- steps
connect 1 u=jane r=none path=/reject
call 1 : 200 | connection>first
call 1 /api/dead : 401
sleep 0.3
call 1 : 200 | verdict=broken
sleep 0.3
call 1 : 200 | verdict=active | connection=<first> | !OAuth-Connection-Status
--- log_like
is repaired: the provider accepts it again

=== TEST: one that fails does not
--- steps
connect 1 u=jane r=none path=/reject
call 1 /api/dead : 401
sleep 0.3
call 1 /api/dead : 401 | OAuth-Connection-Status: broken
sleep 0.3
call 1 /api/dead : 401 | OAuth-Connection-Status: broken
--- log_unlike
is repaired

=== TEST: a refresh that works repairs it, too
--- steps
connect 1 u=jane path=/reject
call 1 : 200 | connection>first
refresh 1 as=9 u=jane fail=1 path=/reject : 400 | -type
sleep 0.3
refresh 1 as=2 u=jane scope=all path=/reject
call 2 : 200 | verdict=active | connection=<first>
refresh 2 as=3 u=jane path=/reject
--- log_like
is broken
is repaired

=== TEST: a repair evicts nobody, and says that a limit is passed
--- provider
    user    $oauth_response_user;
    limit   2 per user client;
--- steps
connect 1 u=jane r=none path=/reject
connect 2 u=jane r=none path=/reject
call 2 /api/dead : 401
sleep 0.3
connect 3 u=jane path=/reject
call 2 : 200 | verdict=broken
sleep 0.3
call 1 : 200 | verdict=active
call 2 : 200 | verdict=active
call 3 : 200 | verdict=active
--- log_like
is repaired
leaves a slot over its limit

=== TEST: a success with a superseded token is a contradiction
--- steps
connect 1 u=jane owner=alpha path=/reject
connect 2 u=jane owner=beta path=/reject
call 1 : 409 | type=urn:oauth-gateway:superseded
call 1 /flag/x : 200 | verdict=superseded | OAuth-Connection-Status: superseded
sleep 0.3
call 1 : 200 | verdict=active | !OAuth-Connection-Status
call 2 : 200 | verdict=active
--- log_like
connection "\d+" provider "p" user "jane" owner "alpha" is a contradiction: it was recorded as superseded, but the provider accepts it, and that limit is probably wrong: connection "\d+" provider "p" user "jane" owner "beta", limit 1 of its provider \("limit 1 per \.\.\."\)
leaves a slot over its limit

=== TEST: a failure with one is none
--- steps
connect 1 u=jane path=/reject
connect 2 u=jane path=/reject
call 1 /flag/dead : 401 | OAuth-Connection-Status: superseded
sleep 0.3
call 1 : 409 | type=urn:oauth-gateway:superseded
--- log_unlike
that limit is probably wrong

=== TEST: a refresh that the provider accepts in flag mode is one
--- steps
connect 1 u=jane mode=flag
call 1 : 200 | connection>first
connect 2 u=jane mode=flag
call 1 : 409
refresh 1 as=3 u=jane mode=flag : 200 | OAuth-Connection-Status: superseded
call 3 : 200 | verdict=active | connection=<first>
call 1 : 200 | verdict=active
call 2 : 200 | verdict=active
--- log_like
that limit is probably wrong

=== TEST: one that it refuses is none
--- steps
connect 1 u=jane mode=flag
connect 2 u=jane mode=flag
refresh 1 as=3 u=jane mode=flag fail=1 : 400 | error=invalid_grant | OAuth-Connection-Status: superseded
sleep 0.3
call 1 : 409 | type=urn:oauth-gateway:superseded
--- log_unlike
that limit is probably wrong

=== TEST: the limit in doubt is the one that superseded
--- provider
    user    $oauth_response_user;
    tenant  $oauth_response_tenant;
    limit   5 per user client;
    limit   1 per tenant client;
--- steps
connect 1 u=jane o=acme path=/reject
connect 2 u=john o=acme path=/reject
call 1 /flag/x : 200 | verdict=superseded
sleep 0.3
call 1 : 200 | verdict=active
--- log_like
limit 2 of its provider \("limit 1 per \.\.\."\)

=== TEST: told once, not with each call
--- steps
connect 1 u=jane path=/reject
connect 2 u=jane path=/reject
call 1 /flag/x : 200
sleep 0.3
call 1 /flag/x : 200
call 1 /flag/x : 200
sleep 0.3
--- check
my $log = slurp "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log";

is(scalar(() = $log =~ /that limit is probably wrong/g), 1, 'once');

=== TEST: what has been learnt is known after a reload
--- broken
reject
--- steps
connect 1 u=jane r=none path=/reject
call 1 /api/dead : 401
sleep 0.3
reload
call 1 : 409 | type=urn:oauth-gateway:broken

=== TEST: an answer from a cache teaches nothing
--- http_config
    proxy_cache_path html/cache keys_zone=c:1m;
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /flag {
        oauth_guard p flag;
        proxy_cache c;
        proxy_cache_valid 200 401 1m;
        add_header X-Cache $upstream_cache_status always;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- mock
    location = /flag/x { return 200 '{}'; }
--- steps
connect 1 u=jane
call 1 /flag/x : 200 | X-Cache: MISS
connect 2 u=jane
call 1 /flag/x : 200 | X-Cache: HIT
sleep 0.3
call 1 : 409
call 2 : 200 | verdict=active
connect 3 u=john
call 3 /flag/dead : 401 | X-Cache: MISS
call 2 /flag/dead : 401 | X-Cache: HIT
sleep 0.3
call 2 : 200 | verdict=active
call 3 : 200 | verdict=expired
--- log_unlike
is a contradiction

=== TEST: the page of a refusal is no answer of the provider's
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /page {
        oauth_guard p;
        error_page 409 = @why;
        proxy_pass http://provider;
    }
    location @why { proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /page : 200 | uri=/page
sleep 0.3
call 1 : 409
--- log_unlike
is a contradiction

=== TEST: nor is what another location says in its place
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /flag {
        oauth_guard p flag;
        proxy_intercept_errors on;
        error_page 404 = /instead;
        proxy_pass http://provider;
    }
    location = /instead { proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- mock
    location = /flag/gone { return 404; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /flag/gone : 200 | uri=/instead
sleep 0.3
call 1 : 409
--- log_unlike
is a contradiction
