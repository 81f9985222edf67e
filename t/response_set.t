# response_set: members of the answer replaced, everything else kept.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => <<'END') if !defined $block->config;
        location /t/ {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /api { oauth_guard p; proxy_pass http://provider; }
END
});

run_tests();

__DATA__

=== TEST: a member is replaced, the others stay
--- provider
    user          $oauth_response_user;
    limit         1 per user client;
    response_set  instance_url "http://$host/acme";
--- mock
    location = /t/a {
        add_header ETag '"abc"';
        add_header Digest 'sha-256=abc';
        add_header X-Kept yes;
        return 200 '{"access_token":"at-canary-$arg_t","user":"jane","instance_url":"https://x.example","n":1.5,"deep":{"a":[1,null,true]}}';
    }
--- steps
connect 1 path=/t/a : 200 | instance_url=http://localhost/acme | user=jane | n=1.5
:       200 | deep={"a":[1,null,true]} | access_token=at-canary-1
:       200 | !ETag | !Digest | X-Kept: yes | Content-Type: application/json
connect 2 path=/t/a : 200
call 1 : 409
call 2

=== TEST: an empty VALUE leaves the member
--- provider
    user          $oauth_response_user;
    response_set  instance_url $arg_set;
--- mock
    location = /t/a {
        return 200 '{"access_token":"at-canary-1", "instance_url":"https://x.example"}';
    }
--- steps
connect 1 path=/t/a : 200 | /^\{"access_token":"at-canary-1", "instance_url":"https://x.example"\}$/
connect 1 path=/t/a set=here : 200 | instance_url=here

=== TEST: a member that the answer lacks is not invented
--- provider
    user          $oauth_response_user;
    response_set  instance_url $oauth_response_instance_url;
--- mock
    location = /t/a {
        return 200 '{"access_token":"at-canary-1"}';
    }
--- steps
connect 1 path=/t/a : 200 | -instance_url | access_token=at-canary-1

=== TEST: several members, by map of what stood there
--- http_config
    map $oauth_response_api_domain $domain_of_test {
        https://www.zohoapis.eu   http://gw/zoho/eu;
        https://www.zohoapis.com  http://gw/zoho/com;
        default                   "";
    }
--- provider
    user          $oauth_response_user;
    response_set  api_domain $domain_of_test;
    response_set  user "gateway's $oauth_response_user";
--- mock
    location = /t/a {
        return 200 '{"access_token":"at-canary-1","user":"jane","api_domain":"https://www.zohoapis.$arg_d"}';
    }
--- steps
connect 1 path=/t/a d=eu : 200 | api_domain=http://gw/zoho/eu | user=gateway's jane
connect 1 path=/t/a d=evil : 200 | api_domain=https://www.zohoapis.evil

=== TEST: a form-encoded answer stays one
--- provider
    user          $oauth_response_user;
    response_set  instance_url "http://gw/a b&c";
--- mock
    location = /t/a {
        default_type application/x-www-form-urlencoded;
        return 200 'access_token=at-canary-1&user=jane%20doe&instance_url=https%3A%2F%2Fx';
    }
--- steps
connect 1 path=/t/a : 200 | Content-Type: application/x-www-form-urlencoded
:       200 | /(^|&)instance_url=http%3A%2F%2Fgw%2Fa(%20|\+)b%26c(&|$)/
:       200 | /(^|&)user=jane(%20|\+)doe(&|$)/ | /(^|&)access_token=at-canary-1(&|$)/

=== TEST: the length is right
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/gw.sock;
        access_log off;
        location /t/ {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
    }
--- provider
    user          $oauth_response_user;
    response_set  instance_url "a much longer text than what stood there";
--- mock
    location = /t/a {
        return 200 '{"access_token":"at-canary-1","instance_url":"x"}';
    }
--- steps
connect 1 path=/t/a : 200 | instance_url=a much longer text than what stood there
--- check
my ($head, $body) = split /\n\n/,
    curl('gw.sock', '-d', 'grant_type=authorization_code&code=canary-1',
         'http://localhost/t/a'), 2;
my ($length) = $head =~ /^Content-Length: (\d+)$/m;

is($length, length $body, 'Content-Length');

=== TEST: an answer that is no token answer stays as it is
--- provider
    user          $oauth_response_user;
    response_set  error "changed";
--- mock
    location = /t/a { return 400 '{"error":"invalid_grant"}'; }
--- steps
connect 1 path=/t/a : 400 | error=invalid_grant

=== TEST: values are escaped as JSON
--- provider
    user          $oauth_response_user;
    response_set  instance_url $http_x_url;
--- mock
    location = /t/a {
        return 200 '{"access_token":"at-canary-1","instance_url":"x"}';
    }
--- steps
connect 1 path=/t/a @X-Url=a"b\c : 200 | instance_url=a"b\c

=== TEST: an inherited response_set is replaced as a whole
--- http_config
    oauth_provider base {
        user          $oauth_response_user;
        response_set  a base;
        response_set  b base;
    }
    oauth_provider mine from base {
        response_set  a mine;
    }
--- config
    location /t/ {
        oauth_token_endpoint mine;
        proxy_pass http://provider;
    }
--- mock
    location = /t/a {
        return 200 '{"access_token":"at-canary-1","a":"x","b":"x"}';
    }
--- steps
connect 1 path=/t/a : 200 | a=mine | b=x
