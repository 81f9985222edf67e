# Answers that name the user of the token in the request.
use lib 't';
use OAuthGateway;

use IO::Compress::Gzip ();

our $open = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
our $json = "${open}Content-Type: application/json\r\n";

# a profile of jane's that is "size" bytes long
sub profile_of ($)
{
    my ($size) = @_;
    my $head = '{"id":"jane","bio":"';

    return $head . 'z' x ($size - length($head) - 2) . '"}';
}


sub whole ($;$)
{
    my ($body, $header) = @_;

    return $main::json . ($header // '')
           . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}


sub chunks (@)
{
    return $main::json . "Transfer-Encoding: chunked\r\n\r\n"
           . join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } @_)
           . "0\r\n\r\n";
}


sub gzip ($)
{
    my ($text) = @_;
    my $out;

    IO::Compress::Gzip::gzip(\$text => \$out) or die 'gzip';

    return $out;
}


add_block_preprocessor(sub {
    my ($block) = @_;
    my $raw = html 'raw.sock';

    if (defined $block->tcp_reply) {
        $block->set_value(tcp_listen => $raw);
    }

    $block->set_value(provider => <<'END') if !defined $block->provider;
        user    $oauth_response_user $oauth_userinfo_id;
        tenant  $oauth_response_tenant $company;
        login   $oauth_request_username;
        limit   1 per user client;
END

    $block->set_value(http_config => <<'END' . ($block->http_config // ''));
        oauth_json $company userinfo /company/id;
        log_format user '$uri user=$oauth_user company=$oauth_tenant '
                        'id=$oauth_userinfo_id mail=$oauth_userinfo_email '
                        'session=$oauth_userinfo_session_token '
                        'odd=$oauth_userinfo_odd';
END

    $block->set_value(mock => <<'END' . ($block->mock // ''));
        location = /user {
            if ($arg_status) { return 403 '{"id":"$arg_u"}'; }
            return 200 '{"id":"$arg_u","company":{"id":"$arg_o"},"email":"$arg_u@acme.example"}';
        }
END

    return if defined $block->config;

    my $more = $block->locations // '';

    $block->set_value(config => <<"END");
        access_log html/user.log user;
        location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
        location = /user {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_pass http://provider;
        }
        location = /raw {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_http_version 1.1;
            proxy_pass http://unix:$raw;
        }
        location /api {
            oauth_guard p;
            add_header X-User \$oauth_user always;
            add_header X-Tenant \$oauth_tenant always;
            proxy_set_header X-Verdict \$oauth_verdict;
            proxy_pass http://provider;
        }
$more
END
});

run_tests();

__DATA__

=== TEST: scenario 1, with users who become known later
--- steps
connect 1 owner=alpha
connect 2 owner=beta
call 1 : 200 | !X-User
call 2
call 1 /user u=jane : 200 | id=jane | !OAuth-Connection-Status
call 2 /user u=jane
sleep 0.3
call 1 : 409 | user=jane | owner=alpha | superseded_by.owner=beta
call 2 : 200 | X-User: jane
refresh 1 as=3 : 400 | error=invalid_grant

=== TEST: whoever asks first, the older one goes
--- steps
connect 1 owner=alpha
connect 2 owner=beta
call 2 /user u=jane
sleep 0.3
call 1
call 1 /user u=jane
sleep 0.3
call 1 : 409 | superseded_by.owner=beta
call 2

=== TEST: scenario 2, a company that becomes known later
--- provider
    user    $oauth_response_user $oauth_userinfo_id;
    tenant  $company;
    limit   1 per tenant client;
--- steps
connect 1
connect 2
call 1 /user u=jane o=acme
call 2 /user u=john o=acme
sleep 0.3
call 1 : 409 | tenant=acme | user=jane
call 2 : 200 | X-User: john | X-Tenant: acme

=== TEST: other users stay
--- steps
connect 1
connect 2
call 1 /user u=jane
call 2 /user u=john
sleep 0.3
call 1 : 200 | X-User: jane
call 2 : 200 | X-User: john

=== TEST: a connect after the binding supersedes
--- steps
connect 1 owner=alpha
call 1 /user u=jane
sleep 0.3
connect 2 u=jane owner=beta
call 1 : 409 | superseded_by.owner=beta
call 2

=== TEST: without a guard: found and judged, but nothing is refused
--- locations
        location = /alone {
            oauth_userinfo_endpoint p;
            add_header X-Verdict $oauth_verdict always;
            add_header X-Action $oauth_action always;
            proxy_set_header X-Owner $http_x_oauth_owner;
            proxy_pass http://provider/user;
        }
--- steps
connect 1
connect 2
call 1 /alone u=jane owner=who : 200 | id=jane | X-Verdict: active | X-Action: pass
call 2 /alone u=jane
sleep 0.3
call 1 : 409
call 1 /alone u=jane : 200 | id=jane | X-Verdict: superseded | X-Action: pass | !OAuth-Connection-Status
GET /alone?u=jane : 200 | X-Verdict: none
GET /alone?u=jane
| Authorization: Bearer a b
: 200 | id=jane
POST /alone?u=jane
> grant_type=refresh_token&refresh_token=x
: 200 | id=jane

=== TEST: with a guard it is refused
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 /user u=jane : 409
POST /user?u=jane
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=x
: 4xx

=== TEST: a guard that is off
--- config
    oauth_guard p;
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /user {
        oauth_guard off;
        oauth_userinfo_endpoint p;
        proxy_pass http://provider;
    }
    location /api { proxy_pass http://provider; }
--- steps
connect 1
connect 2
call 1 /user u=jane
call 2 /user u=jane
sleep 0.3
call 1 : 409
call 1 /user u=jane : 200

=== TEST: a whole server, and the token endpoint in it
--- config
    oauth_guard p;
    oauth_userinfo_endpoint p;
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /user { proxy_pass http://provider; }
    location /api { proxy_pass http://provider; }
--- steps
connect 1
connect 2
call 1 /user u=jane
call 2 /user u=jane
sleep 0.3
call 1 : 409
call 2

=== TEST: another place of the token
--- locations
        location = /cookie {
            oauth_token_from $cookie_token;
            oauth_userinfo_endpoint p;
            proxy_pass http://provider/user;
        }
        location = /form {
            oauth_token_from form=token;
            oauth_userinfo_endpoint p;
            proxy_pass http://provider/user;
        }
--- steps
connect 1
connect 2
GET /cookie?u=jane
| Cookie: token=at-canary-1
: 200 | id=jane
POST /form?u=john
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-2
: 200 | id=john
sleep 0.3
call 1 : 200 | X-User: jane
call 2 : 200 | X-User: john

=== TEST: a user who is bound is never another one
--- steps
connect 1
call 1 /user u=jane o=acme
sleep 0.3
call 1 /user u=john o=other
sleep 0.3
call 1 : 200 | X-User: jane | X-Tenant: acme
refresh 1 as=2
call 2 /user u=john o=other
sleep 0.3
call 2 : 200 | X-User: jane | X-Tenant: acme
--- log_like
connection "1" .*was bound

=== TEST: a user of the token answer is never another one
--- steps
connect 1 u=jane
call 1 /user u=john o=acme
sleep 0.3
call 1 : 200 | X-User: jane | X-Tenant: acme

=== TEST: what one answer lacks, the next may name
--- steps
connect 1
call 1 /user u=jane
sleep 0.3
call 1 : 200 | X-User: jane | !X-Tenant
call 1 /user u=jane o=acme
sleep 0.3
call 1 : 200 | X-User: jane | X-Tenant: acme

=== TEST: two at the same time bind once
--- steps
connect 1
--- check
my $port = server_port();
my $call = "curl -s -H 'Authorization: Bearer at-canary-1' http://127.0.0.1:$port";

system "for i in 1 2 3 4 5 6 7 8; do $call/user?u=jane >/dev/null & done; wait";
select undef, undef, undef, 0.3;
like(`$call/api/x -D -`, qr/^X-User: jane\r$/m, 'bound');

my $log = slurp "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log";
is(() = $log =~ /connection "1" .*was bound/g, 1, 'once');

=== TEST: the answer is believed before the request, where it stands first
--- provider
    user   $oauth_userinfo_id $http_x_user;
    limit  1 per user;
--- steps
connect 1
call 1 /user u=jane @X-User=john
sleep 0.3
call 1 : 200 | X-User: jane
connect 2
call 2 /user status=1 @X-User=john : 403
call 2 /user @X-User=john
sleep 0.3
call 2 : 200 | X-User: john

=== TEST: a map of a member, read before the answer came
--- http_config
    map $oauth_userinfo_id $short { "~^u-(?<n>.*)$" $n; }
--- provider
    user   $short;
    limit  1 per user;
--- steps
connect 1
call 1 /user u=u-7
sleep 0.3
call 1 : 200 | X-User: 7

=== TEST: variables, in the access log, but no secret
--- mock
    location = /me {
        return 200 '{"id":"jane","email":"j@acme.example","session_token":"canary-s","odd":"canaryAA1bbbCCCdddEEEfff"}';
    }
--- provider
    user   $oauth_userinfo_session_token_type $oauth_userinfo_id;
--- locations
        location = /me { oauth_userinfo_endpoint p; proxy_pass http://provider; }
--- steps
connect 1
call 1 /me : 200 | id=jane
sleep 0.3
call 1
call 1 /me
--- file_like
user.log
^/me user=jane company=- id=jane mail=j@acme\.example session=- odd=-$
^/me user=jane company=- id=- mail=- session=- odd=-$

=== TEST: a VALUE may be made of a secret member
--- http_config
    map $oauth_userinfo_session_token $kind { "~^canary-(?<k>\d+)$" "user $k"; }
--- provider
    user   $kind;
--- mock
    location = /me { return 200 '{"session_token":"canary-7"}'; }
--- locations
        location = /me { oauth_userinfo_endpoint p; proxy_pass http://provider; }
--- steps
connect 1
call 1 /me : 200
sleep 0.3
call 1 : 200 | X-User: user 7

=== TEST: another status binds nothing
--- mock
    location = /m/302 { return 302 /x; }
    location = /m/404 { return 404 '{"id":"jane"}'; }
    location = /m/500 { return 500 '{"id":"jane"}'; }
    location = /m/204 { return 204; }
    location = /m/201 { return 201 '{"id":"jane"}'; }
--- locations
        location /m { oauth_guard p; oauth_userinfo_endpoint p; proxy_pass http://provider; }
--- steps
connect 1
call 1 /user u=jane status=1 : 403 | id=jane
call 1 /m/302 : 302 | /./
call 1 /m/404 : 404 | id=jane
call 1 /m/500 : 500 | id=jane
call 1 /m/204 : 204
sleep 0.3
call 1 : 200 | !X-User
call 1 /m/201 : 201 | id=jane
sleep 0.3
call 1 : 200 | X-User: jane
--- log_unlike
learns nothing

=== TEST: another type binds nothing
--- mock
    location = /m/html { default_type text/html; return 200 '{"id":"jane"}'; }
    location = /m/jwt { default_type application/jwt; return 200 '{"id":"jane"}'; }
    location = /m/xjson { default_type application/xjson; return 200 '{"id":"jane"}'; }
    location = /m/json { default_type json; return 200 '{"id":"jane"}'; }
    location = /m/none { default_type ""; return 200 '{"id":"jane"}'; }
    location = /m/vendor {
        default_type "Application/vnd.github+JSON; charset=utf-8";
        return 200 '{"id":"jane"}';
    }
--- locations
        location /m { oauth_guard p; oauth_userinfo_endpoint p; proxy_pass http://provider; }
--- steps
connect 1
call 1 /m/html : 200 | id=jane
call 1 /m/jwt : 200 | id=jane
call 1 /m/xjson : 200 | id=jane
call 1 /m/json : 200 | id=jane
call 1 /m/none : 200 | id=jane
sleep 0.3
call 1 : 200 | !X-User
call 1 /m/vendor : 200 | id=jane
sleep 0.3
call 1 : 200 | X-User: jane
--- log_like
learns nothing from a userinfo answer of "p": its type is not JSON

=== TEST: no JSON object, and none that names anybody
--- mock
    location = /m/text { return 200 'jane'; }
    location = /m/half { return 200 '{"id":"jane"'; }
    location = /m/array { return 200 '[{"id":"jane"}]'; }
    location = /m/two { return 200 '{"id":"jane"} {}'; }
    location = /m/empty { return 200 ''; }
    location = /m/nobody { return 200 '{"name":"jane","id":""}'; }
    location = /m/null { return 200 '{"id":null,"company":{"id":null}}'; }
    location = /m/deep { return 200 '{"id":{"id":"jane"},"company":"acme"}'; }
--- locations
        location /m { oauth_guard p; oauth_userinfo_endpoint p; proxy_pass http://provider; }
--- steps
connect 1
call 1 /m/text : 200 | /^jane$/
call 1 /m/half : 200 | /jane/
call 1 /m/array : 200 | /^\[/
call 1 /m/two : 200 | /\{\}$/
call 1 /m/empty : 200
call 1 /m/nobody : 200 | name=jane
call 1 /m/null : 200
call 1 /m/deep : 200 | company=acme
sleep 0.3
call 1 : 200 | !X-User | !X-Tenant
--- log_like
: it is no JSON object
: it does not name who is unknown
--- log_unlike
was bound

=== TEST: 256 KB
--- tcp_reply eval
::whole(::profile_of 262144)
--- steps
connect 1
call 1 /raw : 200 | Content-Length: 262144 | /^\{"id":"jane","bio":"(?:z{60000}){4}z{22122}"\}$/
sleep 0.3
call 1 : 200 | X-User: jane
--- log_unlike
too large

=== TEST: 256 KB and a byte
--- tcp_reply eval
::whole(::profile_of 262145)
--- steps
connect 1
call 1 /raw : 200 | Content-Length: 262145 | /^\{"id":"jane","bio":"(?:z{60000}){4}z{22123}"\}$/
sleep 0.3
call 1 : 200 | !X-User
--- log_like
learns nothing from a userinfo answer of "p": it is too large

=== TEST: 256 KB in chunks
--- tcp_reply eval
my $body = ::profile_of 262144;
::chunks(substr($body, 0, 1), substr($body, 1, 100000), substr $body, 100001)
--- steps
connect 1
call 1 /raw : 200 | /^\{"id":"jane","bio":"(?:z{60000}){4}z{22122}"\}$/
sleep 0.3
call 1 : 200 | X-User: jane

=== TEST: 256 KB and a byte, in chunks
--- tcp_reply eval
my $body = ::profile_of 262145;
::chunks(substr($body, 0, 1), substr($body, 1, 100000), substr $body, 100001)
--- steps
connect 1
call 1 /raw : 200 | /^\{"id":"jane","bio":"(?:z{60000}){4}z{22123}"\}$/
sleep 0.3
call 1 : 200 | !X-User
--- log_like
: it is too large

=== TEST: through files, and unbuffered
--- user_files eval
">>> big.json\n" . ::profile_of 200000
--- mock
    location = /m/x {
        alias $TEST_NGINX_SERVER_ROOT/html/big.json;
    }
--- http_config
    proxy_buffer_size 1k;
    proxy_buffers 2 1k;
    proxy_busy_buffers_size 1k;
--- locations
        location = /m/file {
            oauth_userinfo_endpoint p;
            limit_rate 800k;
            proxy_pass http://provider/m/x;
        }
        location = /m/flow {
            oauth_userinfo_endpoint p;
            proxy_buffering off;
            proxy_pass http://provider/m/x;
        }
--- steps
connect 1
call 1 /m/file : 200 | /(?:z{50000}){3}z{49978}"\}$/
sleep 0.3
call 1 : 200 | X-User: jane
connect 2
call 2 /m/flow : 200 | /(?:z{50000}){3}z{49978}"\}$/
sleep 0.3
call 1 : 409
call 2 : 200 | X-User: jane

=== TEST: gzip
--- tcp_reply eval
::whole(::gzip('{"id":"jane"}'), "Content-Encoding: gzip\r\n")
--- steps
connect 1
call 1 /raw : 200 | Content-Encoding: gzip | /^\x1f\x8b/
sleep 0.3
call 1 : 200 | X-User: jane

=== TEST: gzip that unpacks to 256 KB
--- tcp_reply eval
::whole(::gzip(::profile_of 262144), "Content-Encoding: gzip\r\n")
--- steps
connect 1
call 1 /raw : 200 | /^\x1f\x8b/
sleep 0.3
call 1 : 200 | X-User: jane

=== TEST: gzip that unpacks to 256 KB and a byte
--- tcp_reply eval
::whole(::gzip(::profile_of 262145), "Content-Encoding: gzip\r\n")
--- steps
connect 1
call 1 /raw : 200 | /^\x1f\x8b/
sleep 0.3
call 1 : 200 | !X-User
--- log_like
: it cannot be decompressed, or is too large then

=== TEST: gzip that is damaged
--- tcp_reply eval
my $body = ::gzip('{"id":"jane"}');
substr($body, 14, 2) = 'XX';
::whole($body, "Content-Encoding: gzip\r\n")
--- steps
connect 1
call 1 /raw : 200 | /^\x1f\x8b/
sleep 0.3
call 1 : 200 | !X-User
--- log_like
: it cannot be decompressed

=== TEST: a coding that nobody here knows
--- tcp_reply eval
::whole('{"id":"jane"}', "Content-Encoding: br\r\n")
--- steps
connect 1
call 1 /raw : 200 | Content-Encoding: br | id=jane
sleep 0.3
call 1 : 200 | !X-User
--- log_like
: it cannot be decompressed

=== TEST: gzip of the gateway's own towards the runner
--- http_config
    gzip on;
    gzip_types application/json;
    gzip_min_length 1;
    gzip_proxied any;
--- steps
connect 1
call 1 /user u=jane @Accept-Encoding=gzip : 200 | Content-Encoding: gzip | /^\x1f\x8b/
sleep 0.3
call 1 : 200 | X-User: jane

=== TEST: cut short, although what came is JSON
--- steps
connect 1
--- check
my $port = server_port();
my $call = "curl -sS -H 'Authorization: Bearer at-canary-1' http://127.0.0.1:$port";

for my $reply ($::json . "Content-Length: 100\r\n\r\n" . '{"id":"jane"}',
               $::json . "Transfer-Encoding: chunked\r\n\r\nd\r\n"
               . '{"id":"jane"}' . "\r\n")
{
    my $pid = answer_once('raw.sock', $reply);

    like(`$call/raw 2>&1`, qr/^curl: \(18\).*|jane/, 'cut short for the runner');
    waitpid $pid, 0;
}

select undef, undef, undef, 0.3;
unlike(`$call/api/x -D -`, qr/^X-User/m, 'nobody bound');

my $log = slurp "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log";
is(() = $log =~ /answer of "p": it was cut short/g, 2, 'and the log says why');

=== TEST: what the path names is bound, whatever becomes of the answer
--- provider
    user   $oauth_userinfo_id $http_x_user;
--- tcp_reply eval
::whole(::profile_of 262145)
--- mock
    location = /m/html { default_type text/html; return 200 'jane'; }
    location = /m/text { return 200 'jane'; }
--- locations
        location /m { oauth_guard p; oauth_userinfo_endpoint p; proxy_pass http://provider; }
--- steps
connect 1
connect 2
connect 3
connect 4
call 1 /raw @X-User=john : 200 | Content-Length: 262145 | /jane/
call 2 /m/html @X-User=jack : 200 | /jane/
call 3 /m/text @X-User=jill : 200 | /jane/
sleep 0.3
call 1 : 200 | X-User: john
call 2 : 200 | X-User: jack
call 3 : 200 | X-User: jill
--- check
my $port = server_port();
my $call = "curl -sS -H 'Authorization: Bearer at-canary-4' http://127.0.0.1:$port";
my $pid = answer_once('raw.sock', $::json . "Content-Length: 100\r\n\r\n{");

`$call/raw -H 'X-User: june' 2>&1`;
waitpid $pid, 0;
select undef, undef, undef, 0.3;
like(`$call/api/x -D -`, qr/^X-User: june/m, 'cut short');

=== TEST: a token that nobody knows, and none
--- steps
call 1 /user u=jane : 200 | id=jane
GET /user?u=jane : 200 | id=jane
GET /user?u=jane
| Authorization: Basic YXBwOnNlY3JldA==
: 200
connect 1
call 1 : 200 | !X-User
--- log_unlike
was bound

=== TEST: a token of another provider
--- http_config
    oauth_provider q { user $oauth_userinfo_id; }
--- locations
        location = /q { oauth_userinfo_endpoint q; proxy_pass http://provider/user; }
--- steps
connect 1
call 1 /q u=jane : 200 | id=jane
sleep 0.3
call 1 : 200 | !X-User

=== TEST: a dead token's answer binds nothing
--- http_config
    map $upstream_http_x_dead $is_dead { yes 1; }
--- provider
    user  $oauth_userinfo_id;
    dead  200 $is_dead;
--- mock
    location = /m/dead { add_header X-Dead yes; return 200 '{"id":"jane"}'; }
    location = /m/alive { return 200 '{"id":"jane"}'; }
--- locations
        location /m { oauth_guard p; oauth_userinfo_endpoint p; proxy_pass http://provider; }
--- steps
connect 1
call 1 /m/dead : 200 | id=jane
sleep 0.3
call 1 : 200 | !X-User
connect 2
call 2 /m/alive : 200 | id=jane
sleep 0.3
call 2 : 200 | X-User: jane

=== TEST: HEAD
--- steps
connect 1
--- check
my $port = server_port();
my $call = "curl -s -H 'Authorization: Bearer at-canary-1' http://127.0.0.1:$port";

like(`$call/user?u=jane -I`, qr/^HTTP\S+ 200/, 'passed');
select undef, undef, undef, 0.3;
unlike(`$call/api/x -D -`, qr/^X-User/m, 'nothing bound');
unlike(slurp("$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log"),
       qr/learns nothing/, 'nor looked for');

=== TEST: a part of the answer, which begins at another user
--- http_config
    proxy_force_ranges on;
--- mock
    location = /m/x {
        default_type application/json;
        alias $TEST_NGINX_SERVER_ROOT/html/me.json;
    }
--- user_files
>>> me.json
{"boss":{"id":"boss"},"id":"jane"}
--- locations
        location = /m/x { oauth_guard p; oauth_userinfo_endpoint p; proxy_pass http://provider; }
        location = /m/cut {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_set_header Range "";
            proxy_pass http://provider/m/x;
        }
        location = /m/pass {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_set_header Range bytes=8-20;
            proxy_pass http://provider/m/x;
        }
--- steps
connect 1
call 1 /m/x @Range=bytes=8-20 : 206 | /^\{"id":"boss"\}$/
call 1 /m/cut @Range=bytes=8-20 : 206 | /^\{"id":"boss"\}$/
call 1 /m/pass : 206 | /^\{"id":"boss"\}$/
sleep 0.3
call 1 : 200 | !X-User
call 1 /m/x : 200 | id=jane
sleep 0.3
call 1 : 200 | X-User: jane

=== TEST: 304, of the provider and of nginx's own
--- http_config
    proxy_cache_path html/cache keys_zone=c:1m;
--- mock
    location = /m/304 { return 304; }
    location = /m/etag {
        add_header ETag '"abc"';
        return 200 '{"id":"jane"}';
    }
--- locations
        location /m { oauth_guard p; oauth_userinfo_endpoint p; proxy_pass http://provider; }
        location = /m/etag {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_cache c;
            proxy_cache_valid 1m;
            proxy_pass http://provider;
        }
--- steps
connect 1
call 1 /m/304 : 304
call 1 /m/etag?1 @If-None-Match="abc" : 304
sleep 0.3
call 1 : 200 | !X-User
call 1 /m/etag?2 : 200 | id=jane
sleep 0.3
call 1 : 200 | X-User: jane
--- log_unlike
learns nothing

=== TEST: an answer from a cache was given to another token
--- http_config
    proxy_cache_path html/cache keys_zone=c:1m;
--- locations
        location = /m/x {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_cache c;
            proxy_cache_valid 1m;
            proxy_pass http://provider/user;
        }
--- steps
connect 1
connect 2
call 1 /m/x u=jane : 200 | id=jane
call 2 /m/x u=jane : 200 | id=jane
sleep 0.3
call 1 : 200 | X-User: jane
call 2 : 200 | !X-User

=== TEST: subrequests name nobody
--- locations
        location = /check {
            internal;
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_pass http://provider/user?u=john;
        }
        location = /front { auth_request /check; proxy_pass http://provider/api/front; }
        location = /mirror { mirror /check; proxy_pass http://provider/api/front; }
        location = /page {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            ssi on;
            ssi_types application/json;
            proxy_pass http://provider/m/page;
        }
--- mock
    location = /m/page { return 200 '<!--#include virtual="/check" -->'; }
--- steps
connect 1
call 1 /front : 200 | /front/
call 1 /mirror : 200 | /front/
call 1 /page : 200 | id=john
sleep 0.3
call 1 : 200 | !X-User

=== TEST: an error_page away from it, and one to it
--- mock
    location = /m/gone { return 404 '{"id":"john"}'; }
    location = /m/other { return 200 '{"id":"john"}'; }
--- locations
        location = /m/gone {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_intercept_errors on;
            error_page 404 = /m/other;
            proxy_pass http://provider;
        }
        location = /m/other { proxy_pass http://provider; }
        location = /m/to {
            proxy_intercept_errors on;
            error_page 404 = @user;
            proxy_pass http://provider/m/gone;
        }
        location @user {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_pass http://provider;
            rewrite ^ /user?u=jane break;
        }
--- steps
connect 1
call 1 /m/gone : 200 | id=john
sleep 0.3
call 1 : 200 | !X-User
call 1 /m/to : 200 | id=jane
sleep 0.3
call 1 : 200 | X-User: jane

=== TEST: X-Accel-Redirect away from it
--- mock
    location = /m/away { add_header X-Accel-Redirect /m/other; return 200 '{"id":"john"}'; }
    location = /m/other { return 200 '{"id":"john"}'; }
--- locations
        location = /m/away {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_pass http://provider;
        }
        location = /m/other { internal; proxy_pass http://provider; }
--- steps
connect 1
call 1 /m/away : 200 | id=john
sleep 0.3
call 1 : 200 | !X-User

=== TEST: an answer of the gateway's own
--- locations
        location = /static { oauth_userinfo_endpoint p; return 200 '{"id":"jane"}'; }
--- steps
connect 1
call 1 /static : 200 | id=jane
sleep 0.3
call 1 : 200 | !X-User

=== TEST: a user beyond the bound is unknown
--- http_config eval
"map \$oauth_userinfo_id \$long { jane '" . 'x' x 256 . "'; john '" . 'y' x 255 . "'; }"
--- provider
    user   $long;
--- steps
connect 1
connect 2
call 1 /user u=jane
call 2 /user u=john
sleep 0.3
call 1 : 200 | !X-User
call 2 : 200 | X-User: y+

=== TEST: a login leads to the user whom userinfo named
--- provider
    user      $oauth_userinfo_id;
    login     $oauth_request_username;
    owner     $http_x_oauth_owner;
    takeover  reject;
    limit     1 per user client;
--- steps
connect 1 owner=alpha grant=password +username=j@acme
connect 2 owner=beta grant=password +username=j@acme
call 1 /user u=jane
sleep 0.3
connect 3 owner=beta grant=password +username=j@acme : 409 | error=connection_conflict | held_by.owner=alpha | user=jane
connect 4 owner=alpha grant=password +username=j@acme
connect 5 owner=beta grant=password +username=other@acme
--- provider_saw
POST /token?t=1
POST /token?t=2
GET /user?u=jane
POST /token?t=4
POST /token?t=5

=== TEST: an integration user who becomes known later
--- provider
    user               $oauth_userinfo_id;
    integration_users  robot;
    other_users        reject;
--- steps
connect 1
connect 2
call 1
call 1 /user u=jane : 200 | id=jane
call 2 /user u=robot : 200 | id=robot
sleep 0.3
call 1 : 409 | type=urn:oauth-gateway:other-user | user=jane
call 2

=== TEST: a reload keeps what was bound
--- steps
connect 1
connect 2
call 1 /user u=jane
call 2 /user u=jane
sleep 0.3
reload
call 1 : 409 | user=jane
call 2

=== TEST: what is known is not read again
--- steps
connect 1 u=jane o=acme
call 1 /user u=john o=other
connect 2 u=jill
call 2 /user u=john
--- file_like
user.log
^/user user=jane company=acme id=- mail=-
^/user user=jill company=- id=john mail=john@acme\.example

=== TEST: HTTP/2
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/h2.sock http2;
        access_log off;
        location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
        location = /user {
            oauth_guard p;
            oauth_userinfo_endpoint p;
            proxy_pass http://provider;
        }
    }
--- steps
connect 1
connect 2
--- check
my $port = server_port();
my @h2 = ('--http2-prior-knowledge', '-H');

for my $n (1, 2) {
    like(curl('h2.sock', @h2, "Authorization: Bearer at-canary-$n",
              'http://localhost/user?u=jane'),
         qr{^HTTP/2 200.*\n\n\{"id":"jane".*\}$}s, 'passed');
}

select undef, undef, undef, 0.3;
like(curl('h2.sock', @h2, 'Authorization: Bearer at-canary-1',
          'http://localhost/user?u=jane'), qr{^HTTP/2 409}, 'bound');

=== TEST: a provider that is not there
--- config
    location = /user { oauth_userinfo_endpoint other; proxy_pass http://provider; }
--- message
unknown oauth_provider "other"

=== TEST: twice
--- config
    location = /user { oauth_userinfo_endpoint p; oauth_userinfo_endpoint p; }
--- message
"oauth_userinfo_endpoint" directive is duplicate

=== TEST: without a name
--- config
    location = /user { oauth_userinfo_endpoint; }
--- message
invalid number of arguments in "oauth_userinfo_endpoint" directive

=== TEST: with more than a name
--- config
    location = /user { oauth_userinfo_endpoint p flag; }
--- message
invalid number of arguments in "oauth_userinfo_endpoint" directive

=== TEST: with a guard of another provider
--- http_config
    oauth_provider q { user $oauth_userinfo_id; }
--- config
    oauth_guard q;
    location = /user { oauth_userinfo_endpoint p; proxy_pass http://provider; }
--- message
"oauth_userinfo_endpoint" names "p", but the "oauth_guard" of the same location names "q": both must name one provider

=== TEST: in the http context
--- http_config
    oauth_userinfo_endpoint p;
--- message
"oauth_userinfo_endpoint" directive is not allowed here
