# The presets of conf/providers, each with an answer of its provider's form.
use lib 't';
use OAuthGateway;

our $conf = "$ENV{PWD}/conf/providers";

our $ana = jwt { sub => 'ana', oid => 'ana-oid', tid => 'acme-tid',
                 hd => 'acme.example', iss => 'https://idp.example/acme' };
our $ben = jwt { sub => 'ben', oid => 'ben-oid', tid => 'acme-tid',
                 hd => 'acme.example', iss => 'https://idp.example/acme' };
our @xero = map { jwt { xero_userid => 'ana', sub => 'x', n => $_ } } 1, 2;
our @netsuite = map { jwt { sub => '3;7', n => $_ } } 1 .. 3;

run_tests();

__DATA__

=== TEST: salesforce, user and org out of the id URL, five approvals
--- http_config eval
"include $::conf/salesforce.conf;"
--- mock
    location = /sf/token {
        return 200 '{"access_token":"at-canary-$arg_t","refresh_token":"rt-canary-$arg_t","id":"https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001$arg_u","instance_url":"https://$arg_h","token_type":"Bearer","issued_at":"1699999999999"}';
    }
--- config
    set $salesforce_host acme.my.salesforce.com;
    location = /sf/token { oauth_token_endpoint salesforce; proxy_pass http://provider; }
    location /api {
        oauth_guard salesforce;
        add_header X-User $oauth_user always;
        add_header X-Tenant $oauth_tenant always;
        add_header X-Upstream $salesforce_upstream always;
        proxy_pass http://provider;
    }
--- steps
connect 1 path=/sf/token u=AAA h=acme.my.salesforce.com : 200 | instance_url~^http://[^/]+/salesforce/acme\.my\.salesforce\.com$
connect 2 path=/sf/token u=AAA h=acme--dev.sandbox.my.salesforce.com : 200 | instance_url~/salesforce/acme--dev\.sandbox\.my\.salesforce\.com$
connect 3 path=/sf/token u=AAA h=evil.example : 200 | instance_url=https://evil.example
connect 4 path=/sf/token u=AAA h=my.salesforce.com.evil.example : 200 | instance_url=https://my.salesforce.com.evil.example
connect 5 path=/sf/token u=AAA h=acme.my.salesforce.com
connect 6 path=/sf/token u=BBB h=acme.my.salesforce.com
call 1 : 200 | X-User: 005xx000001AAA | X-Tenant: 00Dxx0000001gPLEAY | X-Upstream: acme\.my\.salesforce\.com
connect 7 path=/sf/token u=AAA h=acme.my.salesforce.com
call 1 : 403 | 0.errorCode=CONNECTION_SUPERSEDED | 0.message~limit is 5 live connections per user and client
call 2
call 6
refresh 1 as=8 path=/sf/token : 400 | error=invalid_grant

=== TEST: salesforce, one as some report, through "from"
--- http_config eval
"include $::conf/salesforce.conf;
 oauth_provider mine from salesforce { limit 1 per user client; contact 'us'; }"
--- mock
    location = /sf/token {
        return 200 '{"access_token":"at-canary-$arg_t","id":"https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001$arg_u"}';
    }
--- config
    set $salesforce_host $host;
    location = /sf/token { oauth_token_endpoint mine; proxy_pass http://provider; }
    location /api { oauth_guard mine; proxy_pass http://provider; }
--- steps
connect 1 path=/sf/token u=AAA
connect 2 path=/sf/token u=AAA
call 1 : 403 | 0.errorCode=CONNECTION_SUPERSEDED | 0.message~Contact: us
call 2

=== TEST: quickbooks, the company from the path, in either deployment
--- http_config eval
"include $::conf/quickbooks.conf;"
--- config
    location = /token { oauth_token_endpoint quickbooks; proxy_pass http://provider; }
    location /quickbooks/ {
        oauth_guard quickbooks;
        rewrite ^/quickbooks(/.*)$ $1 break;
        proxy_pass http://provider;
    }
    location /v3/ { oauth_guard quickbooks; proxy_pass http://provider; }
--- steps
connect 1
call 1 /v3/company/4620/companyinfo
connect 2
call 2 /quickbooks/v3/company/4620/companyinfo
sleep 0.3
call 1 /v3/company/4620/companyinfo : 409 | error=connection_superseded | error_description~4620
call 2 /v3/company/4620/companyinfo
connect 3
call 3 /v3/company/9999/companyinfo
sleep 0.3
call 2 /v3/company/4620/companyinfo

=== TEST: google, with a limit small enough to see
--- http_config eval
"include $::conf/google.conf;
 map \$arg_j \$idt { ana $::ana; ben $::ben; }
 oauth_provider mine from google { limit 1 per user client; }"
--- mock
    location = /google {
        return 200 '{"access_token":"at-canary-$arg_t","expires_in":3599,"id_token":"$idt"}';
    }
--- config
    location = /google { oauth_token_endpoint mine; proxy_pass http://provider; }
    location /api { oauth_guard mine; proxy_pass http://provider; }
--- steps
connect 1 path=/google j=ana
connect 2 path=/google j=ben
connect 3 path=/google j=ana
call 1 : 409 | user=ana | tenant=acme.example
call 2
call 3

=== TEST: hubspot, either spelling of the account
--- http_config eval
"include $::conf/hubspot.conf;
 oauth_provider mine from hubspot { limit 1 per tenant client; }"
--- mock
    location = /hs1 { return 200 '{"access_token":"at-canary-$arg_t","hub_id":62515,"user_id":7}'; }
    location = /hs2 { return 200 '{"access_token":"at-canary-$arg_t","hubId":62515,"userId":8}'; }
--- config
    location /hs { oauth_token_endpoint mine; proxy_pass http://provider; }
    location /api { oauth_guard mine; proxy_pass http://provider; }
--- steps
connect 1 path=/hs1
connect 2 path=/hs2
call 1 : 409 | tenant=62515 | user=7
call 2

=== TEST: xero, the user out of the access token
--- http_config eval
"include $::conf/xero.conf;
 map \$arg_n \$at { 1 $::xero[0]; 2 $::xero[1]; }"
--- mock
    location = /xero { return 200 '{"access_token":"$at","expires_in":1800}'; }
--- config
    location = /xero { oauth_token_endpoint xero; proxy_pass http://provider; }
    location /api { oauth_guard xero; proxy_pass http://provider; }
--- steps eval
"connect 1 path=/xero n=1 : 200 | /access_token/
connect 2 path=/xero n=2 : 200 | /access_token/
GET /api/x
| Authorization: Bearer $::xero[0]
: 409 | user=ana
GET /api/x
| Authorization: Bearer $::xero[1]
: 200
"

=== TEST: slack, two tokens of one connection, refused in its own form
--- http_config eval
"include $::conf/slack.conf;
 oauth_provider mine from slack { limit 1 per tenant client; }"
--- mock
    location = /slack {
        return 200 '{"ok":true,"access_token":"at-canary-$arg_t","refresh_token":"rt-canary-$arg_t","team":{"id":"$arg_w"},"enterprise":{"id":"E1"},"authed_user":{"id":"U1","access_token":"at-canary-user$arg_t","refresh_token":"rt-canary-user$arg_t"}}';
    }
    location = /slack/org {
        return 200 '{"ok":true,"access_token":"at-canary-$arg_t","team":null,"enterprise":{"id":"E1"},"is_enterprise_install":true}';
    }
    location = /slack/no { return 200 '{"ok":false,"error":"invalid_code"}'; }
--- config
    location /slack { oauth_token_endpoint mine; proxy_pass http://provider; }
    location /api { oauth_guard mine; proxy_pass http://provider; }
--- steps
connect 1 path=/slack w=T1
connect 2 path=/slack w=T2
connect 3 path=/slack/org
connect 9 path=/slack/no : 200 | /"ok":false/ | !OAuth-Connection-Status
call 1
call user1
connect 4 path=/slack w=T1
call 1 : 200 | /"ok":false/ | error=token_revoked | detail~limit is 1 live connection per tenant
call user1 : 200 | /"ok":false/ | error=token_revoked
call 2
call 3
call user4
refresh 1 as=5 path=/slack w=T1 : 200 | /"ok":false/ | error=invalid_refresh_token
refresh user1 as=5 path=/slack w=T1 : 200 | /"ok":false/ | error=invalid_refresh_token

=== TEST: zoom, parameters in the query, the client in Basic, an index
--- http_config eval
"include $::conf/zoom.conf;"
--- config
    location = /token { oauth_token_endpoint zoom; proxy_pass http://provider; }
    location /api { oauth_guard zoom; proxy_pass http://provider; }
--- steps
POST /token?t=1&grant_type=account_credentials&account_id=acc
| Authorization: Basic YXBwOnNlY3JldA==
: 200 | access_token=at-canary-1
POST /token?t=2&grant_type=account_credentials&account_id=acc&index=1
| Authorization: Basic YXBwOnNlY3JldA==
POST /token?t=3&grant_type=account_credentials&account_id=acc
| Authorization: Basic b3RoZXI6c2VjcmV0
call 1
POST /token?t=4&grant_type=account_credentials&account_id=acc&index=0
| Authorization: Basic YXBwOnNlY3JldA==
call 1 : 409 | tenant=acc | limit.per.2=$zoom_index
call 2
call 3
call 4

=== TEST: zoom, user OAuth: who it is comes from users/me
--- http_config eval
"include $::conf/zoom.conf;"
--- mock
    location = /v2/users/me {
        return 200 '{"id":"KDcuGIm1QgePTO8W$arg_u","account_id":"q6gBJVO5TzexKYTb_I2rpg","email":"$arg_u@acme.example"}';
    }
--- config
    location = /token { oauth_token_endpoint zoom_user; proxy_pass http://provider; }
    location = /v2/users/me {
        oauth_guard zoom_user;
        oauth_userinfo_endpoint zoom_user;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard zoom_user;
        add_header X-Verdict $oauth_verdict always;
        proxy_pass http://provider;
    }
--- steps
connect 1
connect 2
connect 3
call 1 /v2/users/me u=ana : 200 | id=KDcuGIm1QgePTO8Wana
call 2 /v2/users/me u=ana
call 3 /v2/users/me u=ben
sleep 0.3
call 1 : 409 | user=KDcuGIm1QgePTO8Wana | tenant=q6gBJVO5TzexKYTb_I2rpg | limit.n=1
call 2
call 3
refresh 2 as=4
call 2 : 200 | X-Verdict: rotated
call 4 : 200 | X-Verdict: active

=== TEST: github, form-encoded, ten for each scope, users of /user
--- http_config eval
"include $::conf/github.conf;
 oauth_provider mine from github { limit 1 per user client scope; }"
--- mock
    location = /gh {
        default_type application/x-www-form-urlencoded;
        return 200 'access_token=at-canary-$arg_t&scope=$arg_s&token_type=bearer';
    }
    location = /gh/no {
        default_type application/x-www-form-urlencoded;
        return 200 'error=bad_verification_code&error_description=x';
    }
    location = /user {
        default_type "application/json; charset=utf-8";
        return 200 '{"login":"$arg_u","id":$arg_u,"type":"User"}';
    }
--- config
    location /gh { oauth_token_endpoint mine; proxy_pass http://provider; }
    location = /user {
        oauth_guard mine;
        oauth_userinfo_endpoint mine;
        oauth_token_from $github_token;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard mine;
        oauth_token_from $github_token;
        add_header X-Scope $oauth_scope always;
        proxy_pass http://provider;
    }
--- steps
connect 1 path=/gh s=repo : 200 | /^access_token=at-canary-1&scope=repo&/
connect 2 path=/gh s=repo : 200 | /^access_token=at-canary-2/
connect 3 path=/gh s=gist : 200 | /^access_token=at-canary-3/
connect 9 path=/gh/no : 200 | /^error=bad/ | !OAuth-Connection-Status
GET /user?u=583231
| Authorization: token at-canary-1
: 200 | id=583231
call 2 /user u=583231
call 3 /user u=583231
sleep 0.3
GET /api/x
| Authorization: token at-canary-1
: 409 | user=583231 | limit.per.2=scope
call 2 : 200 | X-Scope: repo
call 3 : 200 | X-Scope: gist

=== TEST: github, the eleventh ends the first; and a GitHub App's refresh
--- http_config eval
"include $::conf/github.conf;"
--- mock
    location = /user { return 200 '{"login":"octo","id":1}'; }
--- config
    location = /token { oauth_token_endpoint github; proxy_pass http://provider; }
    location = /app { oauth_token_endpoint github_app; proxy_pass http://provider/token; }
    location = /user {
        oauth_guard github;
        oauth_userinfo_endpoint github;
        oauth_token_from $github_token;
        proxy_pass http://provider;
    }
    location /api/app {
        oauth_guard github_app;
        add_header X-Verdict $oauth_verdict always;
        proxy_pass http://provider;
    }
    location /api { oauth_guard github; proxy_pass http://provider; }
--- steps eval
join '', (map "connect $_\ncall $_ /user\n", 1 .. 11), 'sleep 0.3
call 1 : 409 | user=1 | limit.n=10 | limit.held=10
call 2
call 11
connect 21 path=/app
refresh 21 as=22 path=/app
call 21 /api/app : 200 | X-Verdict: rotated
call 22 /api/app : 200 | X-Verdict: active
'

=== TEST: entra and generic OpenID Connect
--- http_config eval
"include $::conf/entra.conf; include $::conf/oidc.conf;
 map \$arg_j \$idt { ana $::ana; ben $::ben; }
 oauth_provider mine from entra { limit 1 per tenant client; }
 oauth_provider other from oidc { limit 1 per user tenant client; }"
--- mock
    location /idt { return 200 '{"access_token":"at-canary-$arg_t","id_token":"$idt"}'; }
--- config
    location = /idt/entra { oauth_token_endpoint mine; proxy_pass http://provider; }
    location = /idt/oidc { oauth_token_endpoint other; proxy_pass http://provider; }
    location /api/entra { oauth_guard mine; proxy_pass http://provider; }
    location /api/oidc { oauth_guard other; proxy_pass http://provider; }
--- steps
connect 1 path=/idt/entra j=ana
connect 2 path=/idt/entra j=ben
call 1 /api/entra : 409 | user=ana-oid | tenant=acme-tid
call 2 /api/entra
connect 3 path=/idt/oidc j=ana
connect 4 path=/idt/oidc j=ben
call 3 /api/oidc
connect 5 path=/idt/oidc j=ana
call 3 /api/oidc : 409 | user=ana | tenant=https://idp.example/acme
call 4 /api/oidc

=== TEST: a host per customer, which is the tenant and must be on the list
--- http_config eval
"include $::conf/customer_host.conf;
 map \$arg_n \$at { 1 $::netsuite[0]; 2 $::netsuite[1]; 3 $::netsuite[2]; }
 oauth_provider z from zendesk { limit 1 per tenant client; }
 oauth_provider s from shopify { limit 1 per tenant client; }
 oauth_provider n from netsuite { limit 1 per user tenant client; }"
--- mock
    location = /jwt { return 200 '{"access_token":"$at"}'; }
    location = /api/v2/users/me.json { return 200 '{"user":{"id":$arg_u,"email":"x@acme.example"}}'; }
--- config
    location ~ ^/zendesk/(?<customer_host>[a-z0-9-]+\.zendesk\.com)/oauth/tokens$ {
        if ($customer_upstream = "") { return 403; }
        oauth_token_endpoint z;
        rewrite ^ /token break;
        proxy_pass http://provider;
    }
    location ~ ^/zendesk/(?<customer_host>[a-z0-9-]+\.zendesk\.com)/api/v2/users/me(\.json)?$ {
        if ($customer_upstream = "") { return 403; }
        oauth_guard z;
        oauth_userinfo_endpoint z;
        rewrite ^/zendesk/[^/]+(/.*)$ $1 break;
        proxy_pass http://provider;
    }
    location ~ ^/zendesk/(?<customer_host>[a-z0-9-]+\.zendesk\.com)/ {
        if ($customer_upstream = "") { return 403; }
        oauth_guard z;
        rewrite ^/zendesk/[^/]+(/.*)$ $1 break;
        proxy_pass http://provider;
    }
    location ~ ^/shopify/(?<customer_host>[a-z0-9-]+\.myshopify\.com)/token$ {
        oauth_token_endpoint s;
        rewrite ^ /token break;
        proxy_pass http://provider;
    }
    location ~ ^/shopify/(?<customer_host>[a-z0-9-]+\.myshopify\.com)/ {
        oauth_guard s;
        oauth_token_from $http_x_shopify_access_token;
        rewrite ^/shopify/[^/]+(/.*)$ $1 break;
        proxy_pass http://provider;
    }
    location ~ ^/netsuite/(?<customer_host>[a-z0-9.-]+)/token$ {
        oauth_token_endpoint n;
        rewrite ^ /jwt break;
        proxy_pass http://provider;
    }
    location ~ ^/netsuite/(?<customer_host>[a-z0-9.-]+)/ {
        oauth_guard n;
        rewrite ^/netsuite/[^/]+(/.*)$ $1 break;
        proxy_pass http://provider;
    }
--- steps eval
"connect 1 path=/zendesk/example.zendesk.com/oauth/tokens
connect 2 path=/zendesk/other.zendesk.com/oauth/tokens : 403
connect 3 path=/zendesk/example.zendesk.com/oauth/tokens
call 1 /zendesk/example.zendesk.com/api/v2/users/me : 409 | tenant=example.zendesk.com
call 3 /zendesk/example.zendesk.com/api/v2/users/me : 200 | uri~^/api/v2/users/me
call 3 /zendesk/other.zendesk.com/api/v2/users/me : 403
call 3 /zendesk/example.zendesk.com/api/v2/users/me.json u=35436 : 200 | user.id=35436
sleep 0.3
connect 9 path=/zendesk/example.zendesk.com/oauth/tokens
call 3 /zendesk/example.zendesk.com/api/v2/users/me.json : 409 | user=35436
connect 4 path=/shopify/example.myshopify.com/token
connect 5 path=/shopify/example.myshopify.com/token
GET /shopify/example.myshopify.com/admin/shop.json
| X-Shopify-Access-Token: at-canary-4
: 409 | tenant=example.myshopify.com
GET /shopify/example.myshopify.com/admin/shop.json
| X-Shopify-Access-Token: at-canary-5
: 200
connect 6 path=/netsuite/1234567.suitetalk.api.netsuite.com/token n=1 : 200 | /access_token/
connect 7 path=/netsuite/7654321.suitetalk.api.netsuite.com/token n=2 : 200 | /access_token/
GET /netsuite/1234567.suitetalk.api.netsuite.com/x
| Authorization: Bearer $::netsuite[0]
: 200
connect 8 path=/netsuite/1234567.suitetalk.api.netsuite.com/token n=3 : 200 | /access_token/
GET /netsuite/1234567.suitetalk.api.netsuite.com/x
| Authorization: Bearer $::netsuite[0]
: 409 | user=3;7 | tenant=1234567.suitetalk.api.netsuite.com
"
