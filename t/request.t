# Token requests: their forms, their bounds, and what is refused.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;

    # an echo of what arrived, so that forwarding can be compared
    $block->set_value(mock => ($block->mock // '') . <<'END');
        location = /size {
            client_max_body_size 0;
            return 200 '{"access_token":"at-canary-$arg_t","user":"$arg_u","length":"$content_length","type":"$content_type","encoding":"$http_transfer_encoding","authorization":"$http_authorization"}';
        }
END
    $block->set_value(config => <<'END') if !defined $block->config;
        location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
        location = /size { oauth_token_endpoint p; proxy_pass http://provider; }
        location = /flag {
            oauth_token_endpoint p flag;
            proxy_pass http://provider/size;
        }
        location /api { oauth_guard p; proxy_pass http://provider; }
END
});

run_tests();

__DATA__

=== TEST: form
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409

=== TEST: form with charset and odd case
--- steps
POST /token?t=1&u=jane
| Content-Type: Application/X-WWW-Form-Urlencoded ; charset="UTF-8"
> grant_type=authorization_code&code=canary&client_id=app
: 200
connect 2 u=jane
call 1 : 409

=== TEST: JSON
--- steps
POST /token?t=1&u=jane
| Content-Type: application/json
> {"grant_type":"authorization_code","code":"canary","client_id":"app"}
: 200
connect 2 u=jane
call 1 : 409

=== TEST: everything in the query
--- config
    location = /token {
        access_log off;
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
POST /token?t=1&u=jane&grant_type=authorization_code&code=canary&client_id=app : 200
connect 2 u=jane
call 1 : 409

=== TEST: query and body are one request
--- steps
POST /token?t=1&u=jane&grant_type=authorization_code&client_id=app
| Content-Type: application/x-www-form-urlencoded
> code=canary
: 200
connect 2 u=jane
call 1 : 409

=== TEST: the same parameter in query and body is refused
--- steps
POST /token?t=1&u=jane&grant_type=authorization_code
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary&client_id=app
: 400 | error=invalid_request | error_description~grant_type
--- provider_saw

=== TEST: repeated parameters that we read are refused
--- steps
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&grant_type=refresh_token&code=canary
: 400 | error=invalid_request | error_description~grant_type
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary&client_id=a&client_id=b
: 400 | error=invalid_request | error_description~client_id
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=rt-canary-1&refresh_token=rt-canary-1
: 400 | error=invalid_request | error_description~refresh_token
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary&scope=a&scope=b
: 400 | error=invalid_request | error_description~scope
POST /token
| Content-Type: application/json
> {"grant_type":"refresh_token","refresh_token":"rt-canary-1",
> "refresh_token":"rt-canary-2"}
: 400 | error=invalid_request | error_description~more than once
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary&code=
: 400 | error=invalid_request
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&%67rant_type=password&code=canary
: 400 | error=invalid_request
--- provider_saw

=== TEST: resource and audience may repeat
--- steps
POST /token?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary&client_id=app&resource=https%3A%2F%2Fa&resource=https%3A%2F%2Fb&audience=x&audience=y
: 200
connect 2 u=jane
call 1 : 409

=== TEST: a malformed form is refused
--- steps
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=%zz
: 400 | error=invalid_request
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=a%
: 400 | error=invalid_request
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=a%00b
: 400 | error=invalid_request
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=a%ff
: 400 | error=invalid_request
--- provider_saw

=== TEST: malformed JSON is refused
--- steps
POST /token
| Content-Type: application/json
> {"grant_type":"authorization_code"
: 400 | error=invalid_request
POST /token
| Content-Type: application/json
> ["grant_type","authorization_code"]
: 400 | error=invalid_request
POST /token
| Content-Type: application/json
> {"grant_type":"authorization_code"} {}
: 400 | error=invalid_request
--- provider_saw

=== TEST: a request without grant_type and code is the provider's to judge
--- steps
POST /token?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
> foo=bar
: 200 | access_token=at-canary-1

=== TEST: GET is forwarded
--- steps
GET /token?t=1&u=jane : 200 | access_token=at-canary-1
--- provider_saw
GET /token?t=1&u=jane

=== TEST: the body reaches the provider byte for byte
--- config
    location = /raw {
        oauth_token_endpoint p;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/raw.sock;
    }
--- tcp_listen: $TEST_NGINX_SERVER_ROOT/html/raw.sock
--- tcp_reply eval
sub {
    my ($query) = @_;

    open my $out, '>', ::html('provider-query.txt');
    print $out $query;
    close $out;

    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
           . "Content-Length: 30\r\nConnection: close\r\n\r\n"
           . '{"access_token":"at-canary-1"}';
}
--- steps
POST /raw?x=%41&y=+
| Content-Type: application/x-www-form-urlencoded
| X-Mine: kept
> grant_type=authorization_code&&code=a+b%2Bc&empty=&=novalue&client_id=app
: 200 | access_token=at-canary-1
--- check
my $query = slurp html 'provider-query.txt';

like($query, qr/\r\n\r\n\Qgrant_type=authorization_code&&code=a+b%2Bc&empty=&=novalue&client_id=app\E\z/, 'body');
like($query, qr{^POST /raw\?x=%41&y=\+ HTTP/1\.[01]\r\n}, 'request line');
like($query, qr/\r\nX-Mine: kept\r\n/, 'header');

=== TEST: chunked
--- steps
POST /token?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
chunked
> grant_type=authoriz
> ation_code&code=canary&cli
> ent_id=app
: 200
connect 2 u=jane
call 1 : 409

=== TEST: 64 KB
--- steps
POST /size?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary&client_id=app&x={{z x 65478}}
: 200 | length=65536
connect 2 u=jane
call 1 : 409

=== TEST: 64 KB and a byte
--- steps
POST /size?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary&client_id=app&x={{z x 65479}}
: 413 | error=invalid_request | Content-Type: application/json | Cache-Control: no-store
--- provider_saw

=== TEST: 64 KB and a byte, chunked
--- steps
POST /size?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
chunked
> grant_type=authorization_code&code=canary&client_id=app&x={{z x 30000}}
> {{z x 35478}}
: 200
POST /size?t=2&u=jane
| Content-Type: application/x-www-form-urlencoded
chunked
> grant_type=authorization_code&code=canary&client_id=app&x={{z x 30000}}
> {{z x 35479}}
: 413 | error=invalid_request
--- provider_saw
POST /size?t=1&u=jane

=== TEST: too large in flag mode is forwarded, unrecorded
--- steps
POST /flag?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary&client_id=app&x={{z x 70000}}
: 200 | access_token=at-canary-1 | length=70058 | OAuth-Connection-Status: unrecorded
call 1 : 200

=== TEST: malformed in flag mode is forwarded
--- steps
POST /flag?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary&code=canary
: 200 | access_token=at-canary-1

=== TEST: a small client_body_buffer_size does not hurt
--- config
    client_body_buffer_size 1k;
    location = /size { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
POST /size?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=canary&client_id=app&x={{z x 20000}}
: 200 | length=20058
connect 2 u=jane
call 1 : 409

=== TEST: unbuffered and HTTP/1.1 to the provider
--- config
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_buffering off;
    location = /size { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
POST /size?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
chunked
> grant_type=authorization_code&code=canary
> &client_id=app
: 200
connect 2 u=jane
call 1 : 409

=== TEST: Basic passes through
--- steps
POST /size?t=1&u=jane
| Content-Type: application/x-www-form-urlencoded
| Authorization: Basic YXBwOmNhbmFyeQ==
> grant_type=authorization_code&code=canary
: 200 | authorization=Basic YXBwOmNhbmFyeQ==

=== TEST: 256 parameters
--- steps
POST /token?t=1&u=jane
| Content-Type: application/json
> {"grant_type":"authorization_code","code":"canary"}
: 200
--- check
my $form = sub { join '&', 'grant_type=authorization_code', 'code=canary', map { "p$_=1" } 3 .. $_[0] };
my $port = server_port();
my $post = sub { `curl -sS -i -d '$_[0]' http://127.0.0.1:$port/token` };

like($post->($form->(256)), qr/^HTTP\S+ 200/, '256 parameters');
like($post->($form->(257)), qr/^HTTP\S+ 400.*invalid_request/s, '257 parameters');

=== TEST: HTTP/2
--- http_config
    log_format status '$status';
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/h2.sock http2;
        access_log html/h2.log status;
        location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    }
--- steps
connect 1 u=jane
--- check
my @h2 = ('--http2-prior-knowledge');
my $port = server_port();
my $form = 'grant_type=authorization_code&client_id=app&code=canary';

like(curl('h2.sock', @h2, '-d', $form, 'http://localhost/token?t=2&u=jane'),
     qr{^HTTP/2 200.*at-canary-2}s, 'exchange');
like(curl('h2.sock', @h2, '-H', 'Expect: 100-continue', '-d', "$form&x=" . 'z' x 60000,
          'http://localhost/token?t=3&u=jane'),
     qr{^HTTP/2 (?:100.*HTTP/2 )?200.*at-canary-3}s, 'exchange of 60 KB');

# curl gives up on a stream that is answered before the upload is through
open my $quiet, '>&', \*STDERR;
open STDERR, '>', '/dev/null';
curl('h2.sock', @h2, '-d', "$form&x=" . 'z' x 66000, 'http://localhost/token?t=4&u=jane');
open STDERR, '>&', $quiet;
like(slurp(html 'h2.log'), qr/^200\n200\n413\n\z/m, 'too large');
unlike(slurp(html 'provider.log'), qr/t=4/, 'and not forwarded');

like(`curl -sS -i -H 'Authorization: Bearer at-canary-2' http://127.0.0.1:$port/api/x`,
     qr/^HTTP\S+ 409/, 'recorded');

=== TEST: a body that comes slowly, in the middle of a name
--- request eval
[["POST /token?t=1&u=jane
grant_ty", { value => "pe=authorization_code&code=canary&client_id=app", delay_before => 0.3 }]]
--- more_headers
Content-Type: application/x-www-form-urlencoded
--- response_body_like: at-canary-1
