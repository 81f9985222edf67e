# A configuration that cannot work is refused, with a message that helps.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: every directive at once is accepted
--- http_config
    oauth_provider all {
        user                $oauth_response_user $http_x_user;
        tenant              $oauth_response_tenant;
        login               $oauth_request_username;
        owner               $http_x_oauth_owner $remote_addr;
        client              $oauth_request_client_id;
        issued_at           $oauth_response_issued_at;
        access_token        $oauth_response_access_token;
        access_token        $oauth_response_bot_token;
        refresh_token       $oauth_response_refresh_token;
        refresh_token       $oauth_response_bot_refresh_token;
        expires_in          $oauth_response_expires_in 7200;
        refresh_expires_in  $oauth_response_refresh_expires_in 100d;
        limit               5 per user client;
        limit               3 per tenant scope $http_x_region;
        exempt              client_credentials;
        dead                403 $upstream_http_x_dead;
        contested           3 10m;
        idle                30d;
        response_set        instance_url http://127.0.0.1/;
        refusal             403 application/json '{"d":"$oauth_detail_json"}';
        token_refusal       200 application/json '{"ok":false}';
        contact             "the integration team";
        link                https://wiki.example/oauth;
    }

    oauth_provider more from all { limit 1 per user; }
    oauth_json $deep response /a/b/0;
--- config
    oauth_token_from $http_x_token $arg_token;
    oauth_unknown flag;
    oauth_broken reject;
    oauth_details off;

    location = /token {
        oauth_token_endpoint more flag;
        proxy_pass http://provider;
    }

    location /api {
        oauth_guard more $arg_mode;
        oauth_unknown $arg_unknown;
        oauth_broken $arg_broken;
        oauth_token_from form=token;
        proxy_pass http://provider;
    }

    location = /user {
        oauth_userinfo_endpoint more;
        proxy_pass http://provider;
    }

    location /api/off {
        oauth_guard off;
        return 204;
    }
--- steps
GET /api/off : 204


=== TEST: no directive of ours, nothing changes
--- bare
--- config
    location /plain { return 200 plain; }
--- steps
GET /plain
| Authorization: Bearer at-canary-1
: 200 | /^plain$/
--- check
ok(!-e html('store-1'), 'no store');


=== TEST: unknown provider at a token endpoint
--- config
    location = /token { oauth_token_endpoint nobody; return 200; }
--- message
"?nobody"?

=== TEST: unknown provider at a guard
--- config
    location /api { oauth_guard nobody; return 200; }
--- message
"?nobody"?

=== TEST: duplicate provider
--- http_config
    oauth_provider p { user $arg_u; }
--- message
duplicate.*"p"

=== TEST: from an unknown provider
--- http_config
    oauth_provider q from nobody { }
--- message
unknown.*"nobody"

=== TEST: from a provider that stands later
--- bare
--- http_config
    oauth_provider q from later { }
    oauth_provider later { user $arg_u; }
--- config
--- message
unknown.*"later"

=== TEST: wrong word in the place of from
--- http_config
    oauth_provider q like p { }
--- message
from OTHER

=== TEST: provider without a name
--- http_config
    oauth_provider { }
--- message
invalid number of arguments

=== TEST: provider's block is not closed
--- bare
--- http_config
    oauth_provider q { user $arg_u;
--- config
--- message
(unexpected|unknown directive)

=== TEST: unknown directive in a provider
--- provider
    usr $arg_u;
--- message
unknown directive "usr" in oauth_provider

=== TEST: a directive of the block outside of it
--- http_config
    contact me;
--- message
unknown directive "contact"

=== TEST: duplicate directive in a provider
--- provider
    user $arg_u;
    user $arg_v;
--- message
"user" directive is duplicate

=== TEST: unknown variable in a VALUE
--- provider
    user $nothing_of_this_name;
--- message
unknown "nothing_of_this_name" variable

=== TEST: user without a VALUE
--- provider
    user;
--- message
invalid number of arguments in "user"

=== TEST: sixteen VALUEs are accepted
--- provider
    user $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a
         $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a;
--- config
    location /ok { return 200; }
--- steps
GET /ok

=== TEST: a seventeenth VALUE is refused
--- provider
    user $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a
         $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a $arg_a;
--- message
invalid number of arguments in "user"

=== TEST: limit per user, and no user
--- provider
    limit 1 per user;
--- message
limit per user.*add "user VALUE"

=== TEST: limit per tenant, and no tenant
--- provider
    user $arg_u;
    limit 1 per user client;
    limit 2 per client tenant;
--- message
limit per tenant.*add "tenant VALUE"

=== TEST: a preset's limit whose identity is added is accepted
--- provider
    user $arg_u;
--- http_config
    oauth_provider q from p { tenant $arg_o; limit 1 per tenant; }
--- config
    location /ok { return 200; }
--- steps
GET /ok

=== TEST: limit of 0
--- provider
    user $arg_u;
    limit 0 per user;
--- message
N from 1 to 1000

=== TEST: limit of 1000 is accepted
--- provider
    user $arg_u;
    limit 1000 per user;
--- config
    location /ok { return 200; }
--- steps
GET /ok

=== TEST: limit of 1001
--- provider
    user $arg_u;
    limit 1001 per user;
--- message
N from 1 to 1000

=== TEST: limit that is no number
--- provider
    user $arg_u;
    limit one per user;
--- message
limit N per KEY

=== TEST: limit without per
--- provider
    user $arg_u;
    limit 1 for user;
--- message
limit N per KEY

=== TEST: limit without a key
--- provider
    user $arg_u;
    limit 1 per;
--- message
invalid number of arguments in "limit"

=== TEST: limit per an unknown key
--- provider
    user $arg_u;
    limit 1 per usr;
--- message
"usr".*user, tenant, client, scope or a variable

=== TEST: limit with eight keys is accepted
--- provider
    user $arg_u;
    limit 1 per user client scope $arg_a $arg_b $arg_c $arg_d $arg_e;
--- config
    location /ok { return 200; }
--- steps
GET /ok

=== TEST: limit with nine keys
--- provider
    user $arg_u;
    limit 1 per user client scope $arg_a $arg_b $arg_c $arg_d $arg_e $arg_f;
--- message
invalid number of arguments in "limit"

=== TEST: eight limits are accepted
--- provider
    user $arg_u;
    limit 1 per user $arg_a;  limit 1 per user $arg_b;
    limit 1 per user $arg_c;  limit 1 per user $arg_d;
    limit 1 per user $arg_e;  limit 1 per user $arg_f;
    limit 1 per user $arg_g;  limit 1 per user $arg_h;
--- config
    location /ok { return 200; }
--- steps
GET /ok

=== TEST: nine limits
--- provider
    user $arg_u;
    limit 1 per user $arg_a;  limit 1 per user $arg_b;
    limit 1 per user $arg_c;  limit 1 per user $arg_d;
    limit 1 per user $arg_e;  limit 1 per user $arg_f;
    limit 1 per user $arg_g;  limit 1 per user $arg_h;
    limit 1 per user $arg_i;
--- message
more than 8 limits

=== TEST: exempt none stands alone
--- provider
    user $arg_u;
    exempt password none;
--- message
none

=== TEST: refusal with a status of success
--- provider
    user $arg_u;
    refusal 201;
--- message
invalid status "201"

=== TEST: refusal 200 without a body
--- provider
    user $arg_u;
    refusal 200;
--- message
status 200 needs a body

=== TEST: refusal with a type and no body
--- provider
    user $arg_u;
    refusal 403 text/plain;
--- message
refusal STATUS \[TYPE VALUE\]

=== TEST: token_refusal without a body
--- provider
    user $arg_u;
    token_refusal 400;
--- message
invalid number of arguments in "token_refusal"

=== TEST: link that is none
--- provider
    user $arg_u;
    link javascript:alert(1);
--- message
invalid link

=== TEST: dead would match every success
--- provider
    user $arg_u;
    dead 200;
--- message
add a VALUE

=== TEST: dead without a status
--- provider
    user $arg_u;
    dead always;
--- message
invalid status "always"

=== TEST: idle is no time
--- provider
    user $arg_u;
    idle soon;
--- message
invalid time "soon"

=== TEST: contested with more than can be told
--- provider
    user $arg_u;
    contested 17 10m;
--- message
contested N TIME

=== TEST: response_set without a VALUE
--- provider
    user $arg_u;
    response_set instance_url;
--- message
invalid number of arguments in "response_set"

=== TEST: wrong mode of a token endpoint
--- config
    location = /token {
        oauth_token_endpoint p deny;
        proxy_pass http://provider;
    }
--- message
"deny".*flag

=== TEST: wrong mode of a guard
--- config
    location /api { oauth_guard p deny; proxy_pass http://provider; }
--- message
"deny".*flag

=== TEST: pass is no mode of a guard
--- config
    location /api { oauth_guard p pass; proxy_pass http://provider; }
--- message
"pass".*flag

=== TEST: off takes no mode
--- config
    location /api { oauth_guard off reject; proxy_pass http://provider; }
--- message
(off|invalid)

=== TEST: wrong word of oauth_unknown
--- config
    oauth_unknown maybe;
--- message
"maybe".*pass

=== TEST: wrong word of oauth_broken
--- config
    oauth_broken maybe;
--- message
"maybe".*pass

=== TEST: wrong word of oauth_details
--- config
    oauth_details maybe;
--- message
"maybe"

=== TEST: duplicate guard
--- config
    location /api { oauth_guard p; oauth_guard p flag; return 200; }
--- message
"oauth_guard" directive is duplicate

=== TEST: duplicate token endpoint
--- config
    location = /token {
        oauth_token_endpoint p;
        oauth_token_endpoint p;
        return 200;
    }
--- message
"oauth_token_endpoint" directive is duplicate

=== TEST: oauth_token_from with an empty form field
--- config
    oauth_token_from form=;
--- message
form

=== TEST: no store
--- no_store
--- message
oauth_store

=== TEST: a provider that nothing uses needs no store
--- no_store
--- config
    location /ok { return 200; }
--- steps
GET /ok

=== TEST: two stores
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/another;
--- message
"oauth_store" directive is duplicate

=== TEST: store with a wrong size
--- no_store
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/s max_size=huge;
--- message
max_size=huge

=== TEST: store too small to hold anything
--- no_store
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/s max_size=1k;
--- message
max_size=1k

=== TEST: store with a wrong sync
--- no_store
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/s sync=maybe;
--- message
sync=maybe

=== TEST: store with a wrong retention
--- no_store
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/s retention=long;
--- message
retention=long

=== TEST: store with a wrong wait
--- no_store
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/s wait=soon;
--- message
wait=soon

=== TEST: store that does not wait
--- no_store
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/s wait=0;
--- message
wait=0

=== TEST: store with too long a wait
--- no_store
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/s wait=11m;
--- message
wait=11m

=== TEST: store with an unknown parameter
--- no_store
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/s colour=red;
--- message
colour=red

=== TEST: store with all parameters
--- no_store
--- http_config
    oauth_store $TEST_NGINX_SERVER_ROOT/html/params max_size=1g sync=off
                retention=1d wait=500ms;
--- steps
connect 1 u=jane
call 1

=== TEST: https on a token endpoint, not verified
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass https://127.0.0.1:9;
    }
--- message
proxy_ssl_verify on

=== TEST: https on a token endpoint, verified
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass https://127.0.0.1:9;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
    }
    location /ok { return 200; }
--- steps
GET /ok

=== TEST: variables in proxy_pass on a token endpoint, not verified
--- config
    location = /token {
        oauth_token_endpoint p;
        set $host_of_token 127.0.0.1:9;
        proxy_pass http://$host_of_token;
    }
--- message
proxy_ssl_verify on.*(http|scheme)

=== TEST: variables in proxy_pass on a token endpoint, verified
--- config
    location = /token {
        oauth_token_endpoint p;
        set $host_of_token 127.0.0.1:9;
        proxy_pass http://$host_of_token;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
    }
    location /ok { return 200; }
--- steps
GET /ok

=== TEST: what a server says holds for its token endpoint
--- config
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
    location = /token {
        oauth_token_endpoint p;
        proxy_pass https://127.0.0.1:9;
    }
    location /ok { return 200; }
--- steps
GET /ok

=== TEST: cache on a token endpoint
--- http_config
    proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=answers:1m;
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_cache answers;
        proxy_pass http://provider;
    }
--- message
proxy_cache

=== TEST: cache of a server reaches its token endpoint
--- http_config
    proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=answers:1m;
--- config
    proxy_cache answers;
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
--- message
proxy_cache

=== TEST: cache at a guard is the user's business
--- http_config
    proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=answers:1m;
--- config
    location /api {
        oauth_guard p;
        proxy_cache answers;
        proxy_pass http://provider;
    }
--- steps
GET /api

=== TEST: store of files on a token endpoint
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_store on;
        proxy_pass http://provider;
    }
--- message
proxy_store

=== TEST: intercepted errors on a token endpoint
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_intercept_errors on;
        proxy_pass http://provider;
    }
--- message
proxy_intercept_errors

=== TEST: a server's guard does not hold at its token endpoint
--- config
    oauth_guard p;
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409
call 2

=== TEST: oauth_json of an unknown source
--- http_config
    oauth_json $v answer /a;
--- message
"answer"

=== TEST: oauth_json of a wrong pointer
--- http_config
    oauth_json $v response a/b;
--- message
"a/b"

=== TEST: oauth_json of a pointer with a wrong escape
--- http_config
    oauth_json $v response /a~2b;
--- message
"/a~2b"

=== TEST: oauth_json without a variable
--- http_config
    oauth_json v response /a;
--- message
invalid variable name "v"

=== TEST: oauth_json twice for one variable
--- http_config
    oauth_json $v response /a;
    oauth_json $v response /b;
--- message
duplicate "v" variable

=== TEST: the provider's block takes include
--- provider
    include $TEST_NGINX_SERVER_ROOT/html/user-p.conf;
--- user_files
>>> user-p.conf
user $oauth_response_user;
limit 1 per user client;
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409
