# Who is who: user, tenant, login, owner, client, and how long a token lives.
use lib 't';
use OAuthGateway;

our $alice = jwt({ sub => 'alice', iss => 'https://idp.example', hd => 'acme' });

run_tests();

__DATA__

=== TEST: user, the first VALUE that is not empty wins
--- provider
    user   $http_x_user $oauth_response_user nobody;
    limit  1 per user;
--- steps
connect 1 u=jane @X-User=first
connect 2 u=first
call 1 : 409 | user=first
connect 3
connect 4
call 3 : 409 | user=nobody

=== TEST: user from the claims of an id_token
--- http_config eval
qq{
    map \$arg_j \$id_token_of_test { alice $::alice; }
}
--- mock
    location = /t/id {
        return 200 '{"access_token":"at-canary-$arg_t","id_token":"$id_token_of_test"}';
    }
--- provider
    user    $oauth_id_token_sub;
    tenant  $oauth_id_token_hd;
    limit   1 per user;
--- config
    location /t/ { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 path=/t/id j=alice
connect 2 path=/t/id j=alice
call 1 : 409 | user=alice | tenant=acme
connect 3 path=/t/id j=none
connect 4 path=/t/id j=none
call 3

=== TEST: user from an access token that is a JWT
--- http_config eval
qq{
    map \$arg_j \$token_of_test { one $::alice; two ${\ ::jwt({ sub => 'alice', n => 2 })}; }
}
--- mock
    location = /t/at {
        return 200 '{"access_token":"$token_of_test","token_type":"Bearer"}';
    }
--- provider
    user    $oauth_access_token_sub;
    limit   1 per user;
--- config
    location /t/ { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps eval
qq{
connect 1 path=/t/at j=one : 200
connect 2 path=/t/at j=two : 200
GET /api/x
| Authorization: Bearer $::alice
: 409 | user=alice
}

=== TEST: user from the claims of an assertion
--- provider
    user    $oauth_assertion_sub;
    limit   1 per user;
    exempt  none;
--- steps eval
qq{
connect 1 grant=urn:ietf:params:oauth:grant-type:jwt-bearer +assertion=$::alice
connect 2 grant=urn:ietf:params:oauth:grant-type:jwt-bearer +assertion=$::alice
call 1 : 409 | user=alice
call 2
}

=== TEST: user from the request, by map and named capture
--- http_config
    map $oauth_response_id $user_of_id {
        ~^https://login\.example/id/(?<org>\w+)/(?<usr>\w+)$  $usr;
    }
    map $oauth_response_id $org_of_id {
        ~^https://login\.example/id/(?<org2>\w+)/(?<usr2>\w+)$  $org2;
    }
--- mock
    location = /t/sf {
        return 200 '{"access_token":"at-canary-$arg_t","id":"https://login.example/id/$arg_o/$arg_u"}';
    }
--- provider
    user    $user_of_id;
    tenant  $org_of_id;
    limit   1 per user client;
--- config
    location /t/ { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 path=/t/sf o=00D1 u=0051
connect 2 path=/t/sf o=00D1 u=0051
connect 3 path=/t/sf o=00D1 u=0052
call 1 : 409 | user=0051 | tenant=00D1
call 2
call 3

=== TEST: tenant from the path of the token endpoint
--- provider
    tenant  $tenant_of_path;
    limit   1 per tenant;
--- config
    location ~ ^/(?<tenant_of_path>\w+)/token$ {
        oauth_token_endpoint p;
        rewrite ^ /token break;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 path=/acme/token
connect 2 path=/umbrella/token
connect 3 path=/acme/token
call 1 : 409 | tenant=acme
call 2
call 3

=== TEST: owner, the default is X-OAuth-Owner, else unknown
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane
call 1 : 409 | owner=alpha | -superseded_by.owner

=== TEST: owner, the first VALUE that is not empty wins
--- provider
    user   $oauth_response_user;
    owner  $http_x_recipe $http_x_oauth_owner $remote_addr;
    limit  1 per user client;
--- steps
connect 1 u=jane owner=alpha @X-Recipe=recipe
connect 2 u=jane owner=beta
connect 3 u=jane
call 1 : 409 | owner=recipe | superseded_by.owner=beta
call 2 : 409 | owner=beta | superseded_by.owner=127.0.0.1

=== TEST: owner, a refresh keeps the one who connected
--- steps
connect 1 u=jane owner=alpha
refresh 1 as=2 u=jane owner=other
connect 3 u=jane owner=beta
call 2 : 409 | owner=alpha

=== TEST: client from the body
--- steps
connect 1 u=jane client=one
connect 2 u=jane client=one
call 1 : 409 | detail~.

=== TEST: client from HTTP Basic
--- steps
connect 1 u=jane client= @Authorization=Basic%20b25lOmNhbmFyeQ==
connect 2 u=jane client=one
connect 3 u=jane client= @Authorization=Basic%20dHdvOmNhbmFyeQ==
call 1 : 409
call 2
call 3

=== TEST: client from HTTP Basic, form-encoded once more
--- steps
connect 1 u=jane client=a:b
connect 2 u=jane client= @Authorization=Basic%20YSUzQWI6Y2FuYXJ5
call 1 : 409

=== TEST: client from the issuer of a client_assertion
--- steps eval
qq{
connect 1 u=jane client=https://idp.example
connect 2 u=jane client= +client_assertion=$::alice +client_assertion_type=x
call 1 : 409
}

=== TEST: client by a VALUE of the provider's own
--- provider
    user    $oauth_response_user;
    client  $http_x_app $oauth_request_client_id;
    limit   1 per user client;
--- steps
connect 1 u=jane client=one @X-App=x
connect 2 u=jane client=one
connect 3 u=jane client=two @X-App=x
call 1 : 409
call 2
call 3

=== TEST: an unknown client shares no slot with another unknown one
--- steps
connect 1 u=jane client=
connect 2 u=jane client=
call 1
call 2

=== TEST: issued_at decides who is older, in seconds
--- provider
    user       $oauth_response_user;
    issued_at  $oauth_response_issued_at;
    limit      1 per user client;
--- steps
connect 1 u=jane i=1000
connect 2 u=jane i=2000
call 1 : 409
call 2

=== TEST: issued_at that is nonsense is passed over
--- provider
    user       $oauth_response_user;
    issued_at  $oauth_response_issued_at;
    limit      1 per user client;
--- steps
connect 1 u=jane i=yesterday
connect 2 u=jane i=99999999999999999999999
connect 3 u=jane i=-5
call 1 : 409
call 2 : 409
call 3

=== TEST: expires_in, a constant stands in where the answer has none
--- mock
    location = /t/none {
        return 200 '{"access_token":"at-canary-$arg_t","user":"$arg_u"}';
    }
--- provider
    user        $oauth_response_user;
    expires_in  $oauth_response_expires_in 1s;
    limit       1 per user client;
--- config
    location /t/ { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane path=/t/none
connect 2 u=john e=3600
call 1 : 200 | verdict=active
sleep 2.1
call 1 : 200 | verdict=expired
call 2 : 200 | verdict=active

=== TEST: expires_in, unknown means that it does not expire
--- mock
    location = /t/none {
        return 200 '{"access_token":"at-canary-$arg_t","user":"$arg_u"}';
    }
--- config
    location /t/ { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane path=/t/none
sleep 1.2
call 1 : 200 | verdict=active

=== TEST: expires_in as a string of digits
--- mock
    location = /t/text {
        return 200 '{"access_token":"at-canary-$arg_t","user":"$arg_u","expires_in":"1"}';
    }
--- config
    location /t/ { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane path=/t/text
sleep 2.1
call 1 : 200 | verdict=expired

=== TEST: several access tokens belong to one connection
--- http_config
    oauth_json $user_token response /authed_user/access_token;
    oauth_json $slack_user response /authed_user/id;
--- mock
    location = /t/slack {
        return 200 '{"ok":true,"access_token":"at-canary-bot$arg_t","authed_user":{"id":"$arg_u","access_token":"at-canary-usr$arg_t"}}';
    }
--- provider
    user          $slack_user;
    access_token  $oauth_response_access_token;
    access_token  $user_token;
    limit         1 per user client;
--- config
    location /t/ { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_set_header X-Connection $oauth_connection;
        proxy_pass http://provider;
    }
--- steps
connect 1 path=/t/slack u=U1 : 200
call bot1 : 200 | verdict=active | connection>c
call usr1 : 200 | verdict=active | connection=<c>
connect 2 path=/t/slack u=U1 : 200
call bot1 : 409
call usr1 : 409
call bot2
call usr2

=== TEST: exempt, client_credentials opens no slot
--- provider
    user   $oauth_request_client_id;
    limit  1 per user;
--- steps
connect 1 grant=client_credentials +client_secret=canary
connect 2 grant=client_credentials +client_secret=canary
call 1 : 200 | verdict=active
call 2 : 200 | verdict=active

=== TEST: exempt none
--- provider
    user    $oauth_request_client_id;
    limit   1 per user;
    exempt  none;
--- steps
connect 1 grant=client_credentials +client_secret=canary
connect 2 grant=client_credentials +client_secret=canary
call 1 : 409
call 2

=== TEST: exempt, the provider's own list
--- provider
    user    $oauth_response_user;
    limit   1 per user;
    exempt  password;
--- steps
connect 1 u=jane grant=password +username=jane +password=canary
connect 2 u=jane grant=client_credentials
connect 3 u=jane grant=client_credentials
call 1
call 2 : 409
call 3

=== TEST: exempt grants do not supersede others either
--- steps
connect 1 u=jane
connect 2 u=jane grant=client_credentials
call 1
call 2

=== TEST: idle ends a connection that nobody uses
--- provider
    user   $oauth_response_user;
    limit  1 per user client;
    idle   1s;
--- steps
connect 1 u=jane e=1
sleep 2.3
call 1 : 200 | verdict=expired

=== TEST: from, a preset's settings and one's own
--- http_config
    oauth_provider mine from p {
        contact  me;
        limit    2 per user;
    }
--- provider
    user     $oauth_response_user;
    owner    $http_x_recipe;
    limit    1 per user;
    contact  them;
    link     https://preset.example/;
--- config
    location = /token { oauth_token_endpoint mine; proxy_pass http://provider; }
    location /api { oauth_guard mine; proxy_pass http://provider; }
--- steps
connect 1 u=jane @X-Recipe=alpha
connect 2 u=jane
call 1
connect 3 u=jane
call 1 : 409 | provider=mine | owner=alpha | contact=me | link=https://preset.example/
:        409 | limit.n=2

=== TEST: from, the preset itself stays what it was
--- http_config
    oauth_provider mine from p { contact me; limit 2 per user; }
--- provider
    user     $oauth_response_user;
    limit    1 per user;
    contact  them;
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409 | contact=them | limit.n=1

=== TEST: identities of 255 bytes
--- steps
connect 1 u={{u x 255}} owner={{o x 255}}
connect 2 u={{u x 255}} owner={{p x 255}}
call 1 : 409 | user={{u x 255}} | owner={{o x 255}}

=== TEST: a user of 256 bytes is unknown, for a cut might merge two
--- steps
connect 1 u={{u x 256}}
connect 2 u={{u x 256}}
connect 3 u={{u x 255}}
call 1 : 200 | verdict=active
call 2 : 200 | verdict=active
call 3 : 200 | verdict=active

=== TEST: an owner that auth_request knows goes before the runner's word
--- mock
    location = /who {
        add_header X-Who $http_x_badge;
        return 204;
    }
--- config
    location = /who {
        internal;
        proxy_pass http://provider;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
    }
    location = /token {
        oauth_token_endpoint p;
        auth_request /who;
        auth_request_set $who $upstream_http_x_who;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- provider
    user   $oauth_response_user;
    owner  $who $http_x_oauth_owner;
    limit  1 per user client;
--- steps
connect 1 u=jane @X-Badge=alpha owner=mallory
connect 2 u=jane @X-Badge=beta
call 1 : 409 | owner=alpha | superseded_by.owner=beta
connect 3 u=john owner=gamma
connect 4 u=john @X-Badge=delta
call 3 : 409 | owner=gamma | superseded_by.owner=delta
