# Credentials and our own fields, written in another way. What must hold:
#
#   white space   before, between, behind: the token is found, or it is refused
#   folded lines  nginx or the guard refuses them
#   odd schemes   "Bearer" without a token, with '=' or ':', a list, a quote, a
#                 control byte: refused or another scheme, never half a token
#   repetition    two fields, in any case, in HTTP/1 and HTTP/2: refused
#   '_' for '-'   not seen by nginx, or the same field as with '-'
#   length        16384 bytes are judged, 16385 refused
#   our fields    OAuth-Connection-Status and X-OAuth-Owner of a provider or a
#                 runner are never handed on as ours
use lib 't';
use OAuthGateway;
use Wire;

our $authorization = sub {
    my (@lines) = @_;

    return wire(join "\r\n", 'GET /api/x HTTP/1.1', 'Host: localhost',
                'Connection: close', @lines, '', '');
};

# nothing that holds the dead token of "connect 1" passes
our $never = sub {
    my ($name, @lines) = @_;

    ok_status($authorization->(@lines), '4xx', "$name: refused");
};

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(steps => "connect 1 u=jane\nconnect 2 u=jane\n")
        if !defined $block->steps;
});

run_tests();

__DATA__

=== TEST: white space
--- check
for my $field ("Authorization:Bearer at-canary-1", "Authorization:   Bearer   at-canary-1   ", "Authorization:\tBearer at-canary-1",
               "Authorization: Bearer\tat-canary-1", "Authorization: Bearer at-canary-1\t", "Authorization: \t Bearer \t at-canary-1",
               "Authorization:\x09\x09Bearer  at-canary-1", "Authorization: Basic YTpi\x01Bearer at-canary-1",
               "Authorization: Bearer\x0bat-canary-1", "Authorization: \x0bBearer at-canary-1", "Authorization: Bearer \xc2\xa0at-canary-1",
               "Authorization: Bearer at-canary-1\x0c") {
    $never->($field =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger, $field);
}

for my $field ("Authorization:Bearer at-canary-2", "Authorization:   Bearer   at-canary-2   ") {
    ok_status($authorization->($field), 200, "$field: passes");
}

Time::HiRes::sleep(0.1);
is(() = slurp(html('provider.log')) =~ m{GET /api/x}g, 2, 'the provider sees these two');

=== TEST: space before the colon
--- check
$never->('space', 'Authorization : Bearer at-canary-1');
$never->('tab', "Authorization\t: Bearer at-canary-1");

=== TEST: folded lines
--- check
$never->('the value folded', "Authorization:\r\n Bearer at-canary-1");
$never->('the token folded', "Authorization: Bearer\r\n at-canary-1");
$never->('by a tab', "Authorization: Bearer\r\n\tat-canary-1");
$never->('a bare CR', "Authorization: Bearer\rat-canary-1");
$never->('behind another', "X: 1\r\n Authorization: Bearer at-canary-1", 'Authorization: Bearer at-canary-1');

=== TEST: lines that end in LF alone are lines
--- check
ok_status(wire("GET /api/x HTTP/1.1\nHost: localhost\nConnection: close\nAuthorization: Bearer at-canary-1\n\n"), 409, 'the dead token is refused');
ok_status(wire("GET /api/x HTTP/1.1\nHost: localhost\nConnection: close\nAuthorization: Bearer at-canary-2\n\n"), 200, 'the live one passes');

=== TEST: odd schemes
--- check
$never->($_, "Authorization: $_") for 'Bearer', 'Bearer ', 'DPoP', 'OAuth', 'Bearer=at-canary-1', 'Bearer:at-canary-1', 'Bearer: at-canary-1',
    'Bearer,at-canary-1', 'Bearer, at-canary-1', 'Bearer at-canary-1,', 'Bearer "at-canary-1"',
    'Basic YTpi, Bearer at-canary-1', 'Basic YTpi,bearer at-canary-1', 'Digest a="b", DPoP at-canary-1', 'Bearer at-canary-1 x', 'Bearer x at-canary-1',
    ', Bearer at-canary-1', 'Bearer Bearer at-canary-1', 'Bearer at-canary-1 ;', 'Bearer%20at-canary-1';
ok_status($authorization->("Authorization: $_"), 200, "$_: passes as no token") for 'X', '"Bearer" at-canary-1', 'Basic', 'Basic YTpi', 'Bear at', 'BearerX at', 'Negotiate abc==';

=== TEST: what could stand in another provider's token makes another token
--- check
like($authorization->("Authorization: Bearer $_"), qr/"verdict":"unknown"/, "$_: unknown") for 'at-canary-1;', "'at-canary-1'", 'at-canary-1=', 'AT-canary-1', 'at%2Dcanary-1';

=== TEST: a field of its own, with white space
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p;
        oauth_token_from $http_x_token;
        proxy_pass http://provider;
    }
--- check
for my $field ("X-Token:\tat-canary-1", "X-Token: at-canary-1\t", "X-Token: \t at-canary-1", "X-Token:\t at-canary-1 \t", "X-Token:\tBearer at-canary-1",
               "X-Token: \x0bat-canary-1", "X-Token: \x0b at-canary-1") {
    $never->($field =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger, $field);
}

ok_status($authorization->("X-Token: \t at-canary-2"), 200, 'the live token passes');

=== TEST: a client's name and secret behind a tab are still a credential
--- check
ok_status(post('/api/x', ["Authorization:\tBasic YTpi", 'Content-Type: application/x-www-form-urlencoded'], 'grant_type=client_credentials'), 400, 'refused');
ok_status(post('/api/x', ["Authorization:\tBasic YTpi", 'Content-Type: application/x-www-form-urlencoded'], 'kind=client_credentials'), 200, 'what is none passes');

=== TEST: two fields
--- may_leak
--- check
$never->('the same twice', ('Authorization: Bearer at-canary-2') x 2);
$never->('dead and live', 'Authorization: Bearer at-canary-1', 'Authorization: Bearer at-canary-2');
$never->('live and dead', 'Authorization: Bearer at-canary-2', 'AUTHORIZATION: Bearer at-canary-1');
$never->('with another scheme', 'Authorization: Basic YTpi', 'authorization: Bearer at-canary-1');
$never->('with an empty one', 'Authorization:', 'Authorization: Bearer at-canary-1');

=== TEST: '_' for '-', as gateways of CGI read it
--- http_config
    underscores_in_headers on;
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p;
        oauth_token_from $http_x_token;
        proxy_pass http://provider;
    }
--- check
$never->('the dead token', 'X_Token: at-canary-1');
$never->('with the live one before', 'X-Token: at-canary-2', 'X_Token: at-canary-1');
$never->('with the live one behind', 'X_Token: at-canary-1', 'X-Token: at-canary-2');
ok_status($authorization->('X_Token: at-canary-2'), 200, 'the live token passes');

=== TEST: by default nginx drops such a field, and writes it to its log
--- may_leak
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api {
        oauth_guard p;
        oauth_token_from $http_x_token;
        proxy_set_header X-Verdict $oauth_verdict;
        proxy_pass http://provider;
    }
--- check
like($authorization->('X_Token: at-canary-1'), qr/"verdict":"none"/, 'it is none');
$never->('the other one is judged', 'X_Token: at-canary-2', 'X-Token: at-canary-1');

=== TEST: the field that names the owner, with '_'
--- http_config
    underscores_in_headers on;
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/echo.sock;
        access_log off;
        underscores_in_headers on;
        location / { return 200 '{"access_token":"at-canary-$arg_t","user":"jane","seen":"$http_x_oauth_owner"}'; }
    }
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/echo.sock; }
    location /api { oauth_guard p; proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/echo.sock; }
--- steps
connect 1 @X_OAuth_Owner=alpha : 200 | seen=
connect 2 @x_oauth_owner=beta : 200 | seen=
GET /api/x
| X_OAuth_Owner: alpha
: 200 | seen=
GET /api/x
| X-OAuth_Owner: alpha
| X_OAuth-Owner: beta
: 200 | seen=

=== TEST: the mark of a provider or a runner is none of ours
--- mock
    location /api/mark {
        add_header OAuth-Connection-Status 'superseded; owner="evil"';
        add_header oauth-connection-status 'flagged';
        return 200 '{"sent":"$http_oauth_connection_status"}';
    }
    location = /marked {
        add_header OAuth-Connection-Status 'healed';
        return 200 '{"access_token":"at-canary-3","user":"john"}';
    }
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /marked { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /api/plain { proxy_pass http://provider/api/mark; }
    location /api { oauth_guard p; proxy_pass http://provider; }
    location /flag/ { oauth_guard p flag; proxy_pass http://provider/; }
--- steps
connect 1 u=jane
connect 2 u=jane
call 2 /api/mark : 200 | /sent/ | !OAuth-Connection-Status
call 9 /api/mark : 200 | /sent/ | !OAuth-Connection-Status
GET /api/mark : 200 | !OAuth-Connection-Status
GET /api/mark
| OAuth-Connection-Status: superseded
: 200 | !OAuth-Connection-Status
call 1 /flag/api/mark : 200 | OAuth-Connection-Status: superseded; connection="1"
connect 3 u=john path=/marked : 200 | !OAuth-Connection-Status
GET /api/plain : 200 | OAuth-Connection-Status: evil
--- check
is(() = $authorization->('X: 1') =~ /oauth-connection/gi, 0, 'no field at all');
my $flagged = wire("GET /flag/api/mark HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer at-canary-1\r\n\r\n");
cmp_ok(scalar(() = $flagged =~ /^oauth-connection-status:/gmi), '<=', 1, 'one mark at most');

=== TEST: a length at the bound
--- http_config
    large_client_header_buffers 4 40k;
--- check
ok_status($authorization->('Authorization: Bearer ' . 'z' x 16385), 400, 'over the bound: refused');
ok_status($authorization->('Authorization: Bearer ' . 'z' x 39000), 400, 'far over the bound: refused');
ok_status($authorization->('Authorization: Bearer at-canary-1' . ' ' x 20000), 409, 'spaces do not count');

=== TEST: HTTP/2, where fields have no lines
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/h2.sock http2;
        location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
        location / { oauth_guard p; proxy_pass http://provider; }
    }
--- may_leak
--- check
my $h2 = sub { return curl('h2.sock', '--http2-prior-knowledge', @_, 'http://localhost/api/x') };
my @form = ('-d', 'grant_type=refresh_token&refresh_token=rt-canary-1');

like($h2->('-H', 'Authorization: Bearer at-canary-1'), qr{^HTTP/2 409}, 'the dead token');
like($h2->('-H', 'Authorization: Bearer at-canary-2'), qr{^HTTP/2 200}, 'the live one');
like($h2->('-H', 'Authorization: Bearer at-canary-2', '-H', 'authorization: Bearer at-canary-1'), qr{^HTTP/2 400}, 'two fields');
like($h2->('-H', "Authorization: Bearer\tat-canary-1"), qr{^HTTP/2 4}, 'a tab');
like($h2->('-X', 'HEAD', '-I', '-H', 'Authorization: Bearer at-canary-1'), qr{^HTTP/2 409}, 'HEAD');
like($h2->('-H', 'Host: other', '-H', 'Authorization: Bearer at-canary-1'), qr{^HTTP/2 409}, 'another authority');
like($h2->(@form), qr{^HTTP/2 400}, 'a grant at a guard');
like($h2->('-X', 'PUT', @form), qr{^HTTP/2 400}, 'by PUT');
like($h2->('-F', 'grant_type=refresh_token', '-F', 'refresh_token=rt-canary-1'), qr{^HTTP/2 400}, 'as multipart');
like($h2->('-H', 'Content-Length: 5', @form), qr{^(HTTP/2 4|$)}, 'a length that is wrong');
like($h2->('-d', 'a=b'), qr{^HTTP/2 200}, 'what is no grant');
like(curl('h2.sock', '--http2-prior-knowledge', @form, 'http://localhost/token'), qr{^HTTP/2 400.*invalid_grant}s, 'a dead refresh token');
