# X-OAuth-Owner is for the gateway: it never reaches the provider.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: not on a token request, and it names the owner
--- mock
    location = /echo {
        return 200 '{"access_token":"at-canary-$arg_t","user":"jane","seen":"$http_x_oauth_owner"}';
    }
--- config
    location = /echo {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 path=/echo owner=alpha : 200 | seen=
connect 2 path=/echo owner=beta : 200 | seen=
call 1 : 409 | owner=alpha | superseded_by.owner=beta

=== TEST: not on an API call
--- steps
connect 1 u=jane owner=alpha
call 1 owner=alpha : 200 | owner=
call 9 owner=alpha : 200 | owner= | verdict=unknown
GET /api/x
| X-OAuth-Owner: alpha
: 200 | owner= | verdict=none

=== TEST: in no spelling
--- steps
GET /api/x
| x-oauth-owner: alpha
: 200 | owner=
GET /api/x
| X-OAUTH-OWNER: alpha
| X-OAuth-Owner: beta
: 200 | owner=

=== TEST: not where the owner has another source either
--- provider
    user   $oauth_response_user;
    owner  $http_x_recipe;
    limit  1 per user client;
--- steps
connect 1 u=jane @X-Recipe=gamma @X-OAuth-Owner=alpha
connect 2 u=jane @X-Recipe=delta
call 1 owner=alpha : 409 | owner=gamma | superseded_by.owner=delta
call 2 owner=alpha : 200 | owner=

=== TEST: not where the guard only flags
--- config
    location = /token {
        oauth_token_endpoint p flag;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p flag; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 owner=alpha : 200 | owner= | OAuth-Connection-Status: superseded

=== TEST: where we have no say, it passes
--- config
    location /plain { proxy_pass http://provider; }
--- steps
GET /plain
| X-OAuth-Owner: alpha
: 200 | owner=alpha

=== TEST: the rest of the header reaches the provider
--- mock
    location /rest { return 200 '{"a":"$http_a","b":"$http_b"}'; }
--- config
    location /rest { oauth_guard p; proxy_pass http://provider; }
--- steps
GET /rest
| A: 1
| X-OAuth-Owner: alpha
| B: 2
: 200 | a=1 | b=2

=== TEST: header of more than one part
--- mock
    location /rest { return 200 '{"a":"$http_a41","o":"$http_x_oauth_owner"}'; }
--- config
    location /rest { oauth_guard p; proxy_pass http://provider; }
--- steps
GET /rest
| A1: 1
| A2: 1
| A3: 1
| A4: 1
| A5: 1
| A6: 1
| A7: 1
| A8: 1
| A9: 1
| A10: 1
| A11: 1
| A12: 1
| A13: 1
| A14: 1
| A15: 1
| A16: 1
| A17: 1
| A18: 1
| A19: 1
| A20: 1
| X-OAuth-Owner: alpha
| A41: last
: 200 | a=last | o=

=== TEST: as the last of them, or one in a part of nginx's list by itself
--- mock
    location /rest { return 200 '{"a":"$http_a","z":"$http_z","o":"$http_x_oauth_owner"}'; }
--- config
    location /rest { oauth_guard p; proxy_pass http://provider; }
--- steps eval
my @many = map { "| H$_: $_" } 1 .. 60;
CORE::join "\n",
     map({ my $n = $_;
           ('GET /rest', '| A: 1', @many[0 .. $n - 1], '| X-OAuth-Owner: alpha',
            ': 200 | a=1 | o=',
            'GET /rest', '| A: 1', @many[0 .. $n - 1], '| X-OAuth-Owner: alpha',
            '| Z: 26', ': 200 | a=1 | z=26 | o=') }
         0, 15 .. 24, 35 .. 44), ''
