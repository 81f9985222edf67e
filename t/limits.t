# Limits: any number, any keys, several in order.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: no limit, nothing is superseded
--- provider
    user  $oauth_response_user;
--- steps
connect 1 u=jane
connect 2 u=jane
connect 3 u=jane
call 1
call 2
call 3

=== TEST: two per user, the third supersedes the oldest
--- provider
    user   $oauth_response_user;
    limit  2 per user;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1
call 2
connect 3 u=jane owner=gamma
call 1 : 409 | superseded_by.owner=gamma | limit.n=2 | limit.held=2
:        409 | limit.per=["user"]
call 2
call 3

=== TEST: three per user, the fourth and fifth supersede in order of age
--- provider
    user   $oauth_response_user;
    limit  3 per user;
--- steps
connect 1 u=jane
connect 2 u=jane
connect 3 u=jane
call 1
connect 4 u=jane
call 1 : 409
call 2
connect 5 u=jane
call 2 : 409
call 3
call 4
call 5

=== TEST: use and refresh do not make a connection younger
--- provider
    user   $oauth_response_user;
    limit  2 per user;
--- steps
connect 1 u=jane
connect 2 u=jane
refresh 1 as=11 u=jane
call 11
connect 3 u=jane
call 11 : 409
call 1 : 409
call 2
call 3

=== TEST: two limits, each on its own
--- provider
    user    $oauth_response_user;
    tenant  $oauth_response_tenant;
    limit   2 per user;
    limit   3 per tenant;
--- steps
connect 1 u=jane o=acme
connect 2 u=john o=acme
connect 3 u=jill o=acme
call 1
connect 4 u=jack o=acme
call 1 : 409 | limit.n=3 | limit.per=["tenant"]
call 2
call 3
call 4

=== TEST: the second limit sees what the first left live
--- provider
    user    $oauth_response_user;
    tenant  $oauth_response_tenant;
    limit   1 per user;
    limit   2 per tenant;
--- steps
connect 1 u=john o=acme
connect 2 u=jane o=acme
connect 3 u=jane o=acme
# jane's old one made room in the tenant: john's lives
call 1
call 2 : 409 | limit.per=["user"]
call 3
connect 4 u=jill o=acme
call 1 : 409 | limit.per=["tenant"]
call 3
call 4

=== TEST: the order of the limits matters
--- provider
    user    $oauth_response_user;
    tenant  $oauth_response_tenant;
    limit   2 per tenant;
    limit   1 per user;
--- steps
connect 1 u=john o=acme
connect 2 u=jane o=acme
connect 3 u=jane o=acme
# the tenant's limit came first and took the oldest of all
call 1 : 409 | limit.per=["tenant"]
call 2 : 409 | limit.per=["user"]
call 3

=== TEST: who was superseded leaves all its slots
--- provider
    user    $oauth_response_user;
    tenant  $oauth_response_tenant;
    limit   1 per user;
    limit   2 per tenant;
--- steps
connect 1 u=jane o=acme
connect 2 u=jane o=acme
connect 3 u=john o=acme
call 2
call 3
call 1 : 409

=== TEST: per scope, other scopes live side by side
--- provider
    user   $oauth_response_user;
    limit  1 per user scope;
--- steps
connect 1 u=jane s=read
connect 2 u=jane s=write
call 1
call 2
connect 3 u=jane s=read
call 1 : 409 | limit.per=["user","scope"]
call 2

=== TEST: per scope, the order of its words does not matter
--- provider
    user   $oauth_response_user;
    limit  1 per user scope;
--- steps
connect 1 u=jane scope=read%20write
connect 2 u=jane scope=write
connect 3 u=jane scope=write%20%20read%20write
call 1 : 409 | limit.per=["user","scope"]
call 2
call 3

=== TEST: per scope, the request's scope where the answer has none
--- provider
    user   $oauth_response_user;
    limit  1 per user scope;
--- steps
connect 1 u=jane scope=read
connect 2 u=jane scope=write
connect 3 u=jane scope=read
call 1 : 409
call 2
call 3

=== TEST: per variable
--- provider
    user   $oauth_response_user;
    limit  1 per user $http_x_region;
--- steps
connect 1 u=jane @X-Region=eu
connect 2 u=jane @X-Region=us
call 1
call 2
connect 3 u=jane @X-Region=eu
call 1 : 409 | limit.per=["user","$http_x_region"]
call 2

=== TEST: per variable, empty is unknown and supersedes nobody
--- provider
    user   $oauth_response_user;
    limit  1 per user $http_x_region;
--- steps
connect 1 u=jane
connect 2 u=jane
call 1
call 2

=== TEST: per map of the answer
--- http_config
    map $oauth_response_tenant $region_of_test {
        ~^eu-    europe;
        ~^us-    america;
        default  "";
    }
--- provider
    user   $oauth_response_user;
    limit  1 per user $region_of_test;
--- steps
connect 1 u=jane o=eu-1
connect 2 u=jane o=us-1
connect 3 u=jane o=eu-2
call 1 : 409
call 2
call 3

=== TEST: per client, for everybody
--- provider
    user   $oauth_response_user;
    limit  1 per client;
--- steps
connect 1 u=jane
connect 2 u=john
call 1 : 409 | limit.per=["client"]
call 2

=== TEST: slots of limits with other keys are not mixed up
--- provider
    user    $oauth_response_user;
    tenant  $oauth_response_tenant;
    limit   1 per user;
    limit   1 per tenant;
--- steps
connect 1 u=same o=one
connect 2 u=two o=same
call 1
call 2

=== TEST: parts of a slot's key are not run together
--- provider
    user    $oauth_response_user;
    tenant  $oauth_response_tenant;
    limit   1 per user tenant;
--- steps
connect 1 u=ab o=c
connect 2 u=a o=bc
call 1
call 2

=== TEST: the refusal tells the limit's real state and what reconnecting ends
--- provider
    user   $oauth_response_user;
    limit  2 per user;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
connect 3 u=jane owner=gamma
call 2 : 200 | connection>second
call 1 : 409 | limit.held=2 | reconnect_ends.connection=<second>
:        409 | reconnect_ends.owner=beta
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api {
        oauth_guard p;
        proxy_set_header X-Connection $oauth_connection;
        proxy_pass http://provider;
    }

=== TEST: reconnecting ends nobody where room has come back
--- provider
    user   $oauth_response_user;
    limit  1 per user;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta e=1 r=none
call 1 : 409 | reconnect_ends.owner=beta | limit.held=1
sleep 2.1
call 1 : 409 | limit.held=0 | -reconnect_ends
