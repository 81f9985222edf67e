# Answers of the token endpoint: recorded whatever their form, delivered byte
# for byte, and marked where they could not be recorded.
use lib 't';
use OAuthGateway;

use IO::Compress::Gzip ();
use IO::Compress::Deflate ();

our $answer = '{"access_token":"at-canary-1","user":"jane"}';
our $open = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            . "Connection: close\r\n";

# an answer with a member that makes it "size" bytes long
sub answer_of ($)
{
    my ($size) = @_;
    my $head = '{"access_token":"at-canary-1","user":"jane","x":"';

    return $head . 'z' x ($size - length($head) - 2) . '"}';
}


sub whole ($;$)
{
    my ($body, $header) = @_;

    return $main::open . ($header // '')
           . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}


sub gzip ($)
{
    my ($text) = @_;
    my $out;

    IO::Compress::Gzip::gzip(\$text => \$out) or die 'gzip';

    return $out;
}


sub zlib ($)
{
    my ($text) = @_;
    my $out;

    IO::Compress::Deflate::deflate(\$text => \$out) or die 'deflate';

    return $out;
}

add_block_preprocessor(sub {
    my ($block) = @_;

    if (defined $block->tcp_reply) {
        $block->set_value(tcp_listen => html 'raw.sock');
    }

    $block->set_value(config => <<"END") if !defined $block->config;
        location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
        location = /x { oauth_token_endpoint p; proxy_pass http://provider; }
        location = /raw {
            oauth_token_endpoint p;
            proxy_pass http://unix:${\ html 'raw.sock'};
        }
        location = /raw/flag {
            oauth_token_endpoint p flag;
            proxy_pass http://unix:${\ html 'raw.sock'};
        }
        location = /raw/11 {
            oauth_token_endpoint p;
            proxy_http_version 1.1;
            proxy_pass http://unix:${\ html 'raw.sock'};
        }
        location /api {
            oauth_guard p;
            proxy_set_header X-Verdict \$oauth_verdict;
            proxy_pass http://provider;
        }
END
});

run_tests();

__DATA__

=== TEST: JSON, byte for byte
--- tcp_reply eval
::whole(qq({ "user" : "jane",\n  "access_token":"at-canary-1" , "x": 1.0e2}\n),
        "X-Kept: yes\r\nETag: \"abc\"\r\n")
--- steps
connect 1 path=/raw : 200 | /^\{ "user" : "jane",\n  "access_token":"at-canary-1" , "x": 1\.0e2\}\n$/
:       200 | X-Kept: yes | ETag: "abc" | Content-Length: 64 | !OAuth-Connection-Status
connect 2 u=jane
call 1 : 409

=== TEST: JSON with a byte order mark
--- tcp_reply eval
::whole("\xef\xbb\xbf$::answer")
--- steps
connect 1 path=/raw : 200 | /^\xef\xbb\xbf\{/ | !OAuth-Connection-Status
call 1 : 200 | verdict=active

=== TEST: JSON without a content type
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " . length($::answer) . "\r\n\r\n$::answer"
--- steps
connect 1 path=/raw : 200 | access_token=at-canary-1
call 1 : 200 | verdict=active

=== TEST: JSON under text/plain and text/javascript
--- mock
    location = /x {
        default_type text/javascript;
        return 200 '{"access_token":"at-canary-$arg_t","user":"jane"}';
    }
--- steps
connect 1 path=/x : 200 | Content-Type: text/javascript
call 1 : 200 | verdict=active

=== TEST: form-encoded
--- mock
    location = /x {
        default_type application/x-www-form-urlencoded;
        return 200 'access_token=at-canary-$arg_t&scope=&token_type=bearer&user=jane+doe';
    }
--- steps
connect 1 path=/x : 200 | /^access_token=at-canary-1&scope=&token_type=bearer&user=jane\+doe$/
connect 2 path=/x : 200
call 1 : 409 | user=jane doe

=== TEST: form-encoded under text/plain
--- mock
    location = /x {
        default_type "text/plain; charset=utf-8";
        return 200 'access_token=at-canary-$arg_t&user=jane';
    }
--- steps
connect 1 path=/x : 200 | /^access_token=/
call 1 : 200 | verdict=active

=== TEST: chunked
--- tcp_reply eval
my $half = length($::answer) / 2;
$::open . "Transfer-Encoding: chunked\r\n\r\n"
    . sprintf("%x\r\n%s\r\n", $half, substr $::answer, 0, $half)
    . sprintf("%x;ext=1\r\n%s\r\n0\r\n\r\n", $half, substr $::answer, $half)
--- steps
connect 1 path=/raw/11 : 200 | access_token=at-canary-1 | !OAuth-Connection-Status
connect 2 u=jane
call 1 : 409

=== TEST: delimited by the end of the connection
--- tcp_reply eval
$::open . "\r\n$::answer"
--- steps
connect 1 path=/raw : 200 | access_token=at-canary-1 | !OAuth-Connection-Status
connect 2 u=jane
call 1 : 409

=== TEST: delimited by the end, HTTP/1.0
--- tcp_reply eval
"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n$::answer"
--- steps
connect 1 path=/raw : 200 | access_token=at-canary-1
call 1 : 200 | verdict=active

=== TEST: in two parts
--- tcp_reply eval
[$::open . "Content-Length: " . length($::answer) . "\r\n\r\n" . substr($::answer, 0, 9),
 substr $::answer, 9]
--- steps
connect 1 path=/raw : 200 | access_token=at-canary-1
call 1 : 200 | verdict=active

=== TEST: cut short, what came is delivered and marked
--- tcp_reply eval
$::open . "Content-Length: 1000\r\n\r\n" . substr $::answer, 0, 35
--- log_like
prematurely closed
--- steps
connect 1 path=/raw : 200 | OAuth-Connection-Status: unrecorded
:       200 | /^\{"access_token":"at-canary-1","user$/
call 1 : 200 | verdict=unknown

=== TEST: cut short behind the tokens, they are recorded
--- tcp_reply eval
$::open . "Content-Length: 1000\r\n\r\n$::answer"
--- log_like
prematurely closed
--- steps
connect 1 path=/raw : 200 | access_token=at-canary-1
call 1 : 200 | verdict=active

=== TEST: cut short in the middle of a chunk
--- steps
call 1 : 200 | verdict=unknown
--- check
my $pid = answer_once('raw.sock', $::open . "Transfer-Encoding: chunked\r\n\r\n100\r\n"
                                  . substr $::answer, 0, 35);
my $port = server_port();
my $said = `curl -sS -i -d 'grant_type=authorization_code&code=canary&client_id=app' http://127.0.0.1:$port/raw/11 2>&1`;

like($said, qr/^HTTP\S+ 200.*^OAuth-Connection-Status: unrecorded/ms, 'marked');
like($said, qr/^\{"access_token":"at-canary-1","user/m, 'what came');
like($said, qr/^curl: \(18\)/m, 'and cut short for the runner, too');
like(`curl -sS -H 'Authorization: Bearer at-canary-1' http://127.0.0.1:$port/api/x`,
     qr/"verdict":"unknown"/, 'not recorded');
waitpid $pid, 0;

=== TEST: no answer at all
--- tcp_reply eval
""
--- steps
connect 1 path=/raw : 502
connect 2 u=jane
call 2

=== TEST: gzip
--- tcp_reply eval
::whole(::gzip($::answer), "Content-Encoding: gzip\r\n")
--- steps
connect 1 path=/raw : 200 | Content-Encoding: gzip | !OAuth-Connection-Status | /^\x1f\x8b/
connect 2 u=jane
call 1 : 409

=== TEST: x-gzip in upper case, chunked
--- tcp_reply eval
my $body = ::gzip($::answer);
$::open . "Content-Encoding: X-GZIP\r\nTransfer-Encoding: chunked\r\n\r\n"
    . sprintf("%x\r\n%s\r\n0\r\n\r\n", length $body, $body)
--- steps
connect 1 path=/raw/11 : 200 | /^\x1f\x8b/
connect 2 u=jane
call 1 : 409

=== TEST: deflate
--- tcp_reply eval
::whole(::zlib($::answer), "Content-Encoding: deflate\r\n")
--- steps
connect 1 path=/raw : 200 | Content-Encoding: deflate | /^x/
connect 2 u=jane
call 1 : 409

=== TEST: gzip that unpacks to 256 KB
--- tcp_reply eval
::whole(::gzip(::answer_of 262144), "Content-Encoding: gzip\r\n")
--- steps
connect 1 path=/raw : 200 | !OAuth-Connection-Status | /^\x1f\x8b/
call 1 : 200 | verdict=active

=== TEST: gzip that unpacks to 256 KB and a byte
--- tcp_reply eval
::whole(::gzip(::answer_of 262145), "Content-Encoding: gzip\r\n")
--- steps
connect 1 path=/raw : 200 | OAuth-Connection-Status: unrecorded | /^\x1f\x8b/
call 1 : 200 | verdict=unknown

=== TEST: a gzip bomb
--- tcp_reply eval
::whole(::gzip('{"access_token":"at-canary-1","x":"' . 'z' x 50_000_000 . '"}'),
        "Content-Encoding: gzip\r\n")
--- steps
connect 1 path=/raw : 200 | OAuth-Connection-Status: unrecorded | /^\x1f\x8b/
call 1 : 200 | verdict=unknown

=== TEST: gzip that is damaged
--- tcp_reply eval
my $body = ::gzip($::answer);
substr($body, 20, 4) = 'XXXX';
::whole($body, "Content-Encoding: gzip\r\n")
--- steps
connect 1 path=/raw : 200 | OAuth-Connection-Status: unrecorded | /^\x1f\x8b/

=== TEST: an encoding that nobody knows
--- tcp_reply eval
::whole("canary in brotli", "Content-Encoding: br\r\n")
--- steps
connect 1 path=/raw : 200 | OAuth-Connection-Status: unrecorded | /^canary in brotli$/

=== TEST: 256 KB
--- tcp_reply eval
::whole(::answer_of 262144)
--- steps
connect 1 path=/raw : 200 | access_token=at-canary-1 | !OAuth-Connection-Status
:       200 | Content-Length: 262144 | x~^z+$
call 1 : 200 | verdict=active

=== TEST: 256 KB and a byte, whole and marked
--- tcp_reply eval
::whole(::answer_of 262145)
--- steps
connect 1 path=/raw : 200 | access_token=at-canary-1 | x~^z+$
:       200 | OAuth-Connection-Status: unrecorded | Content-Length: 262145
call 1 : 200 | verdict=unknown

=== TEST: 256 KB and a byte, of unknown length
--- tcp_reply eval
$::open . "\r\n" . ::answer_of 262145
--- steps
connect 1 path=/raw : 200 | access_token=at-canary-1
:       200 | OAuth-Connection-Status: unrecorded
call 1 : 200 | verdict=unknown

=== TEST: an error is delivered as it is and records nothing
--- tcp_reply eval
"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
. "WWW-Authenticate: Basic realm=\"x\"\r\nConnection: close\r\nContent-Length: 25\r\n\r\n"
. '{"error":"invalid_grant"}'
--- steps
connect 1 path=/raw : 400 | /^\{"error":"invalid_grant"\}$/ | WWW-Authenticate: Basic
:       400 | !OAuth-Connection-Status
call 1 : 200 | verdict=unknown

=== TEST: an error with tokens inside records nothing
--- mock
    location = /x { return 500 '{"access_token":"at-canary-1","user":"jane"}'; }
--- steps
connect 1 path=/x : 500 | access_token=at-canary-1
call 1 : 200 | verdict=unknown

=== TEST: 200 with an error inside records nothing and is not marked
--- mock
    location = /x { return 200 '{"ok":false,"error":"invalid_code"}'; }
--- steps
connect 1 path=/x : 200 | -access_token | ok=false | error=invalid_code | !OAuth-Connection-Status
call 1 : 200 | verdict=unknown

=== TEST: 200 with a form-encoded error inside
--- mock
    location = /x {
        default_type application/x-www-form-urlencoded;
        return 200 'error=bad_verification_code&error_description=x';
    }
--- steps
connect 1 path=/x : 200 | /^error=bad_verification_code&error_description=x$/ | !OAuth-Connection-Status

=== TEST: 201 counts as success
--- mock
    location = /x { return 201 '{"access_token":"at-canary-$arg_t","user":"jane"}'; }
--- steps
connect 1 path=/x : 201
connect 2 path=/x : 201
call 1 : 409
call 2

=== TEST: 204 and empty answers pass
--- mock
    location = /x { return 204; }
--- steps
connect 1 path=/x : 204

=== TEST: an empty 200 passes
--- tcp_reply eval
::whole('')
--- steps
connect 1 path=/raw : 200 | Content-Length: 0 | /^$/

=== TEST: a redirection passes
--- mock
    location = /x { return 302 https://login.example/; }
--- steps
connect 1 path=/x : 302 | Location: https://login.example/

=== TEST: HTML passes and is marked
--- mock
    location = /x { default_type text/html; return 200 '<html>maintenance</html>'; }
--- steps
connect 1 path=/x : 200 | /^<html>maintenance<\/html>$/ | OAuth-Connection-Status: unrecorded

=== TEST: broken JSON passes and is marked
--- mock
    location = /x { return 200 '{"access_token":"at-canary-1","user":'; }
--- steps
connect 1 path=/x : 200 | /^\{"access_token":"at-canary-1","user":$/ | OAuth-Connection-Status: unrecorded

=== TEST: an access token that is no text passes
--- mock
    location = /x { return 200 '{"access_token":{"a":1},"user":"jane"}'; }
--- steps
connect 1 path=/x : 200 | /^\{"access_token":\{"a":1\},"user":"jane"\}$/

=== TEST: of a member that stands twice the last one counts
--- mock
    location = /x { return 200 '{"access_token":"at-canary-0","access_token":"at-canary-$arg_t","user":"jane"}'; }
--- steps
connect 1 path=/x
call 1 : 200 | verdict=active

=== TEST: X-Accel headers of a provider are not obeyed
--- mock
    location = /x {
        add_header X-Accel-Redirect /internal;
        add_header X-Accel-Limit-Rate 1;
        add_header X-Accel-Buffering no;
        return 200 '{"access_token":"at-canary-$arg_t","user":"jane"}';
    }
--- config
    location = /x { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /internal { internal; return 200 internal; }
    location /api {
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- steps
connect 1 path=/x
call 1 : 200 | verdict=active

=== TEST: a provider cannot forge the mark
--- mock
    location = /x {
        add_header OAuth-Connection-Status "superseded; owner=forged";
        return 200 '{"access_token":"at-canary-$arg_t","user":"jane"}';
    }
--- steps
connect 1 path=/x : 200 | !OAuth-Connection-Status

=== TEST: without proxy_buffering
--- config
    proxy_buffering off;
    location = /raw {
        oauth_token_endpoint p;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/raw.sock;
    }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- tcp_reply eval
[$::open . "\r\n" . substr($::answer, 0, 9), substr $::answer, 9]
--- steps
connect 1 path=/raw
connect 2 u=jane
call 1 : 409

=== TEST: cut short without proxy_buffering
--- config
    proxy_buffering off;
    location = /raw {
        oauth_token_endpoint p;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/raw.sock;
    }
    location /api {
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- tcp_reply eval
$::open . "Content-Length: 1000\r\n\r\n" . substr $::answer, 0, 35
--- log_like
prematurely closed
--- steps
connect 1 path=/raw : 200
call 1 : 200 | verdict=unknown

=== TEST: a slow answer is waited for although send_timeout is short
--- config
    send_timeout 500ms;
    location = /raw {
        oauth_token_endpoint p;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/raw.sock;
    }
    location /api {
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- tcp_reply eval
::whole($::answer)
--- tcp_reply_delay: 1.5
--- steps
connect 1 path=/raw
call 1 : 200 | verdict=active

=== TEST: HEAD and an answer without a body
--- steps
HEAD /x : 200
--- mock
    location = /x { return 200 '{"access_token":"at-canary-1"}'; }

=== TEST: a runner that hangs up does not lose its record
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/gw.sock;
        access_log off;
        location = /raw {
            oauth_token_endpoint p;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/raw.sock;
        }
    }
--- steps
GET /api/x : 200
--- check
my $pid = answer_once('raw.sock', ::whole($::answer), 1);

open my $quiet, '>&', \*STDERR;
open STDERR, '>', '/dev/null';
my $said = curl('gw.sock', '--max-time', '0.3', '-d',
                'grant_type=authorization_code&client_id=app&code=canary',
                'http://localhost/raw') // '';

open STDERR, '>&', $quiet;
is($said, '', 'hung up before the answer');
select undef, undef, undef, 1.5;

my $port = server_port();

like(`curl -sS -i -H 'Authorization: Bearer at-canary-1' http://127.0.0.1:$port/api/x`,
     qr/"verdict":"active"/, 'recorded all the same');
waitpid $pid, 0;

=== TEST: gzip of the gateway's own towards the runner
--- config
    gzip on;
    gzip_types application/json;
    gzip_min_length 1;
    gzip_proxied any;
    location = /x { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- mock
    location = /x { return 200 '{"access_token":"at-canary-$arg_t","user":"jane"}'; }
--- steps
connect 1 path=/x @Accept-Encoding=gzip : 200 | Content-Encoding: gzip | /^\x1f\x8b/
connect 2 path=/x
call 1 : 409

=== TEST: any content handler can stand behind the token endpoint
--- config
    location = /here {
        oauth_token_endpoint p;
        default_type application/json;
        return 200 '{"access_token":"at-canary-$arg_t","user":"jane"}';
    }
    location = /files {
        oauth_token_endpoint p;
        error_page 405 =200 /user-answer.json;
        root html;
        try_files /user-answer.json =404;
    }
    location /api {
        oauth_guard p;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- user_files
>>> user-answer.json
{"access_token":"at-canary-file","user":"john"}
--- steps
POST /files
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&client_id=app&code=canary
: 200 | access_token=at-canary-file
GET /api/x
| Authorization: Bearer at-canary-file
: 200 | verdict=active
