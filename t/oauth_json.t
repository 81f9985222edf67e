# oauth_json: any member of a message by JSON Pointer.
use lib 't';
use OAuthGateway;

our $claims = jwt({ sub => 'alice', org => { id => 'acme', list => [7, 8] } });

add_block_preprocessor(sub {
    my ($block) = @_;

    # what the pointer finds is the user, and that a refusal tells
    $block->set_value(provider => <<'END');
        user    $v "(empty)";
        limit   1 per user;
        exempt  none;
END
    $block->set_value(config => <<'END');
        location / {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /api {
            oauth_token_endpoint off;
            oauth_guard p;
            proxy_pass http://provider;
        }
END
});

no_root_location();
run_tests();

__DATA__

=== TEST: nested member of the answer
--- http_config
    oauth_json $v response /a/b/c;
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","a":{"b":{"c":"deep"}}}'; }
--- steps
connect 1 path=/x
connect 2 path=/x
call 1 : 409 | user=deep

=== TEST: element of an array
--- http_config
    oauth_json $v response /a/1/id;
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","a":[{"id":"no"},{"id":"second"}]}'; }
--- steps
connect 1 path=/x
connect 2 path=/x
call 1 : 409 | user=second

=== TEST: escapes of RFC 6901
--- http_config
    oauth_json $v response /a~1b/m~0n;
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","a/b":{"m~n":"escaped"}}'; }
--- steps
connect 1 path=/x
connect 2 path=/x
call 1 : 409 | user=escaped

=== TEST: numbers and truth values become text
--- http_config
    oauth_json $n response /n;
    oauth_json $t response /t;
    oauth_json $big response /big;
    map "$n,$t,$big" $v { default "$n,$t,$big"; }
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","n":12,"t":true,"big":12345678901234567}'; }
--- steps
connect 1 path=/x
connect 2 path=/x
call 1 : 409 | user=12,true,12345678901234567

=== TEST: nothing there, null, objects and arrays are empty
--- http_config
    oauth_json $v1 response /nothing/there;
    oauth_json $v2 response /null;
    oauth_json $v3 response /object;
    oauth_json $v4 response /array;
    oauth_json $v5 response /array/9;
    map "$v1$v2$v3$v4$v5" $v { default "$v1$v2$v3$v4$v5"; }
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","null":null,"object":{"a":1},"array":[1]}'; }
--- steps
connect 1 path=/x
connect 2 path=/x
call 1 : 409 | user=(empty)

=== TEST: member of a JSON request
--- http_config
    oauth_json $v request /account/id;
--- steps
POST /token?t=1
| Content-Type: application/json
> {"grant_type":"authorization_code","code":"canary","account":{"id":"A1"}}
: 200
POST /token?t=2
| Content-Type: application/json
> {"grant_type":"authorization_code","code":"canary","account":{"id":"A1"}}
: 200
call 1 : 409 | user=A1

=== TEST: member of a form
--- http_config
    oauth_json $v request /account_id;
--- steps
connect 1 +account_id=A2
connect 2 +account_id=A2
call 1 : 409 | user=A2

=== TEST: claim of an id_token
--- http_config eval
qq{
    oauth_json \$v id_token /org/id;
    map \$arg_t \$id_token_of_test { default $::claims; }
}
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","id_token":"$id_token_of_test"}'; }
--- steps
connect 1 path=/x
connect 2 path=/x
call 1 : 409 | user=acme

=== TEST: claim of an assertion
--- http_config
    oauth_json $v assertion /org/list/1;
--- steps eval
qq{
connect 1 grant=urn:ietf:params:oauth:grant-type:jwt-bearer +assertion=$::claims
connect 2 grant=urn:ietf:params:oauth:grant-type:jwt-bearer +assertion=$::claims
call 1 : 409 | user=8
}

=== TEST: claim of a client_assertion
--- http_config
    oauth_json $v client_assertion /org/id;
--- steps eval
qq{
connect 1 +client_assertion=$::claims
connect 2 +client_assertion=$::claims
call 1 : 409 | user=acme
}

=== TEST: claim of an access token
--- http_config eval
qq{
    oauth_json \$v access_token /org/id;
    map \$arg_t \$token_of_test { default $::claims; }
}
--- mock
    location = /x { return 200 '{"access_token":"$token_of_test","refresh_token":"rt-canary-$arg_t"}'; }
--- steps eval
qq{
connect 1 path=/x : 200
connect 2 : 200
refresh 1 as=9 : 200
connect 3 path=/x : 200
GET /api/x
| Authorization: Bearer $::claims
: 200
}

=== TEST: what is no JWT has no claims
--- http_config
    oauth_json $v id_token /sub;
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","id_token":"not.a jwt.canary"}'; }
--- steps
connect 1 path=/x
connect 2 path=/x
call 1 : 409 | user=(empty)

=== TEST: an answer of the deepest level that is taken
--- http_config
    oauth_json $v response /a/a/a/a;
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","a":{"a":{"a":{"a":"four","b":[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}}}'; }
--- steps
connect 1 path=/x
connect 2 path=/x
call 1 : 409 | user=four

=== TEST: an answer that is too deep is delivered, unrecorded
--- http_config
    oauth_json $v response /a;
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","b":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}'; }
--- steps
connect 1 path=/x : 200 | access_token=at-canary-1
:       200 | OAuth-Connection-Status: unrecorded
