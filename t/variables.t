# Variables: their values, that they survive error_page, and that none of
# them can print a secret.
use lib 't';
use OAuthGateway;

our $claims = jwt({ sub => 'alice', nonce => 'canary-nonce' });

run_tests();

__DATA__

=== TEST: on a call that passes
--- mock
    location = /vars { return 200 '{"v":"$http_v"}'; }
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /vars {
        oauth_guard p;
        proxy_set_header V "$oauth_verdict,$oauth_action,$oauth_provider,$oauth_user,$oauth_tenant,$oauth_owner,$oauth_client,$oauth_grant,$oauth_scope,$oauth_contested,$oauth_superseded_by,$oauth_superseded_by_owner,$oauth_superseded_at,$oauth_detail,$oauth_detail_json,$oauth_problem";
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane o=acme owner=alpha s=read
call 1 /vars : 200 | v=active,pass,p,jane,acme,alpha,app,authorization_code,read,0,,,,,,

=== TEST: on a call that is refused
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  403 text/plain "$oauth_verdict,$oauth_action,$oauth_provider,$oauth_user,$oauth_owner,$oauth_client,$oauth_contested,$oauth_superseded_by_owner,$oauth_superseded_at,$oauth_connection,$oauth_superseded_by";
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 403 | /^superseded,reject,p,jane,alpha,app,0,beta,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z,(\w+),(?!\1$)\w+$/

=== TEST: on a call that is flagged
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p flag;
        add_header X-Vars "$oauth_verdict,$oauth_action,$oauth_superseded_by_owner" always;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 200 | X-Vars: superseded,flag,beta
call 2 : 200 | X-Vars: active,pass,(?=\r)

=== TEST: where neither guard nor token endpoint is
--- config
    location /out { return 200 '{"v":"$oauth_verdict,$oauth_action,$oauth_provider,$oauth_connection,$oauth_user"}'; }
--- steps
GET /out : 200 | v=,,,,

=== TEST: detail and problem as text and as JSON
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  403 application/json '{"d":$oauth_detail_json,"t":"$oauth_detail","p":$oauth_problem}';
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 403 | d>text | t=<text> | p.detail=<text> | p.type=urn:oauth-gateway:superseded

=== TEST: on a token request
--- config
    location = /token {
        oauth_token_endpoint p;
        add_header X-Vars "$oauth_verdict,$oauth_action,$oauth_provider,$oauth_user,$oauth_tenant,$oauth_owner,$oauth_client,$oauth_grant,$oauth_scope" always;
        add_header X-Connection $oauth_connection always;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane o=acme owner=alpha s=read : 200 | X-Vars: none,forward,p,jane,acme,alpha,app,authorization_code,read
:       200 | X-Connection: \w+
refresh 1 as=2 : 200 | X-Vars: active,forward,p,jane,acme,alpha,app,refresh_token,read

=== TEST: on a token request that is refused
--- config
    location = /token {
        oauth_token_endpoint p;
        add_header X-Vars "$oauth_verdict,$oauth_action,$oauth_user,$oauth_owner,$oauth_superseded_by_owner" always;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
refresh 1 as=9 : 400 | X-Vars: superseded,reject,jane,alpha,beta

=== TEST: members by prefix
--- http_config
    log_format vars '$oauth_request_grant_type|$oauth_request_note|$oauth_response_user|$oauth_response_token_type|$oauth_response_nothing';
--- config
    location = /token {
        oauth_token_endpoint p;
        access_log html/vars.log vars;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane +note=hello
POST /token?t=2&u=john
| Content-Type: application/json
> {"grant_type":"authorization_code","code":"canary","note":"json"}
: 200
POST /token?t=3&u=jill&note=query
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary
: 200
--- file_like
vars.log
^authorization_code\|hello\|jane\|Bearer\|-?$
^authorization_code\|json\|john\|Bearer\|-?$
^authorization_code\|query\|jill\|Bearer\|-?$

=== TEST: no secret in a log, by the variables of members
--- http_config eval
qq{
    log_format vars '\$oauth_request_code|\$oauth_request_client_secret|\$oauth_request_password|\$oauth_request_assertion|\$oauth_request_refresh_token|\$oauth_request_code_verifier|\$oauth_response_access_token|\$oauth_response_refresh_token|\$oauth_response_id_token|\$oauth_request_subject_token|end';
    map \$arg_t \$id_token_of_test { default $::claims; }
}
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","refresh_token":"rt-canary-$arg_t","id_token":"$id_token_of_test","user":"$arg_u"}'; }
--- config
    location = /x {
        oauth_token_endpoint p;
        access_log html/vars.log vars;
        proxy_pass http://provider;
    }
--- steps
connect 1 path=/x u=jane +client_secret=canary +password=canary +assertion=canary +code_verifier=canary +subject_token=canary : 200
refresh 1 as=2 path=/x u=jane : 200
--- file_like
vars.log
^[-|]*end$
--- file_unlike
vars.log
canary|eyJ

=== TEST: no secret in a log, through oauth_json
--- http_config
    oauth_json $leak_whole response "";
    oauth_json $leak_token response /access_token;
    oauth_json $leak_deep response /authed_user/access_token;
    oauth_json $leak_request request /refresh_token;
    oauth_json $leak_code request /code;
    oauth_json $fine response /authed_user/id;
    log_format vars '$leak_whole|$leak_token|$leak_deep|$leak_request|$leak_code|$fine|end';
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","user":"u","authed_user":{"id":"U1","access_token":"at-canary-usr$arg_t"}}'; }
--- config
    location = /x {
        oauth_token_endpoint p;
        access_log html/vars.log vars;
        proxy_pass http://provider;
    }
--- steps
connect 1 path=/x : 200
refresh 7 as=2 path=/x : 200
--- file_like
vars.log
^[-|]*U1\|end$
--- file_unlike
vars.log
canary

=== TEST: no secret in a log, through a map
--- provider
    user          $oauth_response_user;
    access_token  $whole_token;
    limit         1 per user client;
--- config
    location = /token {
        oauth_token_endpoint p;
        access_log html/vars.log vars;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard p;
        access_log html/vars.log vars;
        proxy_pass http://provider;
    }
--- http_config
    map $oauth_response_access_token $whole_token {
        ~^(?<whole>.*)$  $whole;
    }
    map "$oauth_request_code$oauth_request_refresh_token" $mapped_code {
        ~^(?<whole2>.+)$  "code $whole2";
        default           nothing;
    }
    log_format vars '$whole_token|$mapped_code|$whole|$whole2|end';
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409
--- file_like
vars.log
\|nothing\|.*end$
--- file_unlike
vars.log
canary

=== TEST: a map that was read before the answer is not stale after it
--- http_config
    map $oauth_response_user $user_of_map {
        ""       "(none)";
        default  "user $oauth_response_user";
    }
    log_format vars '$early|$user_of_map|$oauth_user';
--- provider
    user   $user_of_map;
    limit  1 per user client;
--- config
    location = /token {
        set $early $user_of_map;
        oauth_token_endpoint p;
        proxy_set_header X-Early $user_of_map;
        access_log html/vars.log vars;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409 | user=user jane
--- file_like
vars.log
^\(none\)\|.*\|user jane$

=== TEST: all survive error_page
--- http_config
    log_format vars '$oauth_verdict,$oauth_action,$oauth_provider,$oauth_user,$oauth_tenant,$oauth_owner,$oauth_client,$oauth_superseded_by_owner';
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        error_page 409 /why;
        oauth_guard p;
        proxy_pass http://provider;
    }
    location /why {
        internal;
        access_log html/vars.log vars;
        default_type application/json;
        return 409 '{"v":"$oauth_verdict,$oauth_action,$oauth_user,$oauth_tenant,$oauth_owner,$oauth_superseded_by_owner","detail":$oauth_detail_json}';
    }
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=jane o=acme owner=beta
call 1 : 409 | v=superseded,reject,jane,acme,alpha,beta | detail~beta
--- file_like
vars.log
^superseded,reject,p,jane,acme,alpha,app,beta$

=== TEST: on a token request they survive error_page
--- http_config
    log_format vars '$status,$oauth_verdict,$oauth_action,$oauth_provider,$oauth_client';
--- config
    location = /token {
        error_page 502 = @down;
        oauth_token_endpoint p;
        proxy_pass http://unix:/nowhere/at/all.sock;
    }
    location @down {
        access_log html/vars.log vars;
        return 502 "down";
    }
--- may_alert
--- steps
connect 1 u=jane : 502
--- file_like
vars.log
^502,none,forward,p,app$

=== TEST: in an access log of the gateway's users
--- http_config
    log_format vars '$oauth_verdict $oauth_action $oauth_provider $oauth_user $oauth_owner $oauth_superseded_by_owner $oauth_contested';
--- config
    access_log html/vars.log vars;
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 409
call 2
call 9
--- file_like
vars.log
^none forward p jane alpha - 
^superseded reject p jane alpha beta 0$
^active pass p jane beta - 
^unknown pass p - - - 
