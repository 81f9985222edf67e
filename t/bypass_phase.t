# Ways within nginx around a guard or a token endpoint. What must hold:
#
#   satisfy any      with allow, auth_basic, auth_request: the guard and the
#                    token endpoint speak all the same
#   subrequests      of auth_request, mirror, SSI, slice: judged by
#                    the guard of their location; none exchanges tokens
#   X-Accel-Redirect of a provider: ignored at a token endpoint by the module,
#                    elsewhere by conf/to_provider.conf; an internal location is
#                    not served, and no guard is passed over
#   redirects        rewrite, try_files, error_page, named locations, index,
#                    return: the guard of the location that sends is the one
#                    that counts, and each on the way judges
#   error pages      proxy_intercept_errors at a guard: the mark and the refusal
#                    stay; a refusal is not sent to the provider
use lib 't';
use OAuthGateway;
use Wire;

our $to_provider = "$ENV{PWD}/conf/to_provider.conf";

# dead or live token at PATH
our $call = sub {
    my ($token, $path, @fields) = @_;

    return wire(join "\r\n", "GET $path HTTP/1.1", 'Host: localhost', 'Connection: close',
                "Authorization: Bearer at-canary-$token", @fields, '', '');
};

our $calls_seen = sub { return scalar(my @lines = provider_saw()) };

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => <<'END' . ($block->more // ''));
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /api/ {
            oauth_guard p;
            proxy_pass http://provider;
        }
        location = /secret {
            internal;
            return 200 'top secret';
        }
END
    $block->set_value(steps => "connect 1 u=jane\nconnect 2 u=jane\n")
        if !defined $block->steps;
});

run_tests();

__DATA__

=== TEST: satisfy any, with each module that may be satisfied
--- more
    location /allowed { satisfy any; allow all; deny all; oauth_guard p; proxy_pass http://provider; }
    location /asked { satisfy any; auth_request /yes; deny all; oauth_guard p; proxy_pass http://provider; }
    location = /yes { internal; return 204; }
    location = /either { satisfy any; allow all; oauth_token_endpoint p; proxy_pass http://provider/token; }
    location /closed { satisfy any; deny all; auth_request /no; oauth_guard p; proxy_pass http://provider; }
    location = /no { internal; return 403; }
--- check
ok_status($call->(1, $_), 409, "$_: the dead token") for '/allowed', '/asked', '/closed';
ok_status($call->(2, $_), 200, "$_: the live token") for '/allowed', '/asked';
ok_status($call->(2, '/closed'), 403, 'who satisfies none is out');
ok_status(post('/either', ['Content-Type: application/x-www-form-urlencoded'], 'grant_type=refresh_token&refresh_token=rt-canary-1'), 400, 'a dead refresh token');
is($calls_seen->(), 2, 'the provider sees the live one only');

=== TEST: a subrequest exchanges no tokens
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/page.sock;
        access_log off;
        default_type text/html;
        location / { return 200 '[<!--# include virtual="/token?grant_type=authorization_code&code=code-1&t=3" -->]'; }
    }
--- more
    location /page { access_log off; ssi on; proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/page.sock; }
    location /mirrored { mirror /token; mirror_request_body on; proxy_pass http://provider; }
    location /asks { auth_request /token; proxy_pass http://provider; }
--- steps
GET /page : 200 | /403 Forbidden/
POST /mirrored
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=rt-canary-1
: 200
GET /asks : 403
--- provider_saw
POST /mirrored
--- log_like
a subrequest cannot use the token endpoint

=== TEST: a grant in the body of a mirrored request
--- more
    location /mirrored { mirror /api/copy; proxy_pass http://provider; }
--- steps
POST /mirrored
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=rt-canary-1
: 200
POST /mirrored
| Content-Type: application/x-www-form-urlencoded
> kind=refresh_token
: 200
sleep 0.3
--- provider_saw
POST /mirrored
POST /mirrored
POST /api/copy

=== TEST: what is included, sliced or asked is judged
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/page.sock;
        access_log off;
        default_type text/html;
        location / { return 200 'x<!--# include virtual="/api/part" -->'; }
    }
--- more
    location /page { ssi on; proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/page.sock; }
    location /asks { auth_request /api/ask; proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/html/page.sock; }
    location /sliced { slice 4; oauth_guard p; proxy_set_header Range $slice_range; proxy_pass http://provider; }
--- check
$call->(1, $_) for '/page', '/asks', '/sliced';
is($calls_seen->(), 0, 'the dead token reaches the provider by none');
unlike($call->(1, '/page'), qr/"authorization"/, 'nothing of it is shown');

for my $n (1 .. 3) {
    my $path = ('/page', '/asks', '/sliced')[$n - 1];

    $call->(2, $path);
    is($calls_seen->(), $n, "$path: the live one does");
}
--- may_alert

=== TEST: X-Accel-Redirect of a provider at a token endpoint
--- mock
    location = /accel {
        add_header X-Accel-Redirect /secret always;
        return 200 '{"access_token":"at-canary-3","user":"john"}';
    }
    location = /refused { add_header X-Accel-Redirect /secret always; return 400 '{"error":"invalid_grant"}'; }
--- more
    location = /accel { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /refused { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider/accel; }
--- check
my @type = ('Content-Type: application/x-www-form-urlencoded');
unlike(post('/accel', \@type, 'grant_type=authorization_code&code=code-canary-3'), qr/top secret/, 'with tokens');
unlike(post('/refused', \@type, 'grant_type=authorization_code&code=code-canary-3'), qr/top secret/, 'with an error');
unlike(post('/revoke', \@type, 'token=rt-canary-2'), qr/top secret/, 'of a revocation');
unlike(wire("GET /secret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), qr/top secret/, 'nor by itself');

=== TEST: X-Accel-Redirect of an API, by conf/to_provider.conf
--- http_config eval
"include $::to_provider;"
--- mock
    location /api/accel { add_header X-Accel-Redirect /secret always; return 200 'the API'; }
    location /other/ { add_header X-Accel-Redirect /api/x always; return 200 'the API'; }
--- more
    location /other/ { oauth_guard p flag; proxy_pass http://provider; }
--- check
like($call->(2, '/api/accel'), qr/the API/, 'it is ignored');
like($call->(1, '/other/x'), qr/the API/, 'where a guard flags, too');

=== TEST: where it is obeyed, it passes over no guard
--- mock
    location /open/ { add_header X-Accel-Redirect /api/inner always; return 200 'x'; }
    location /name/ { if ($http_x_from = front) { add_header X-Accel-Redirect @named always; return 200 'x'; } return 200 'named'; }
--- more
    location /open/ { proxy_pass http://provider; }
    location /name/ { proxy_set_header X-From front; proxy_pass http://provider; }
    location @named { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
connect 2 u=jane
--- check
ok_status($call->(1, $_), 409, "$_: the dead token") for '/open/x', '/name/x';
ok_status($call->(2, $_), 200, "$_: the live token") for '/open/x', '/name/x';

=== TEST: redirects within nginx lead through the guard
--- more
    location /rewritten { rewrite ^ /api/x last; }
    location /broken_off { oauth_guard p; rewrite ^ /api/x break; proxy_pass http://provider; }
    location /tried { try_files /none /api/x; }
    location /named { try_files /none @guarded; }
    location @guarded { oauth_guard p; proxy_pass http://provider; }
    location /failed { error_page 404 = /api/x; return 404; }
    location /failed_named { error_page 404 = @guarded; return 404; }
    location /if { oauth_guard p; if ($request_method = GET) { set $a 1; } proxy_pass http://provider; }
    location /if_proxied { oauth_guard p; if ($request_method = GET) { proxy_pass http://provider; } }
    location /nested { oauth_guard p; location /nested/x { proxy_pass http://provider; } }
    location /limited { oauth_guard p; limit_except POST { allow all; } proxy_pass http://provider; }
--- check
my @paths = ('/rewritten', '/broken_off', '/tried', '/named', '/failed', '/failed_named', '/if', '/if_proxied', '/nested/x', '/limited');
ok_status($call->(1, $_), 409, "$_: the dead token") for @paths;
is($calls_seen->(), 0, 'the provider sees none');
ok_status($call->(2, $_), 200, "$_: the live token") for @paths;
is($calls_seen->(), scalar @paths, 'and each of these');

=== TEST: a guard is passed on the way to a location without one
--- more
    location /out { oauth_guard p; try_files /none /plain; }
    location /plain { proxy_pass http://provider; }
--- check
ok_status($call->(1, '/out'), 409, 'the dead token');
is($calls_seen->(), 0, 'the provider does not see it');
ok_status($call->(2, '/out'), 200, 'the live token');

=== TEST: a token request that nginx redirects to its endpoint
--- more
    location /rewritten { rewrite ^ /token last; }
    location /tried { try_files /none @token; }
    location @token { oauth_token_endpoint p; rewrite ^ /token break; proxy_pass http://provider; }
    location /guarded { oauth_guard p; try_files /none @token; }
--- check
my @type = ('Content-Type: application/x-www-form-urlencoded');
my $dead = 'grant_type=refresh_token&refresh_token=rt-canary-1';
ok_status(post($_, \@type, $dead), 400, "$_: a dead token") for '/rewritten', '/tried', '/guarded';
is($calls_seen->(), 0, 'the provider sees none');
ok_status(post("$_?t=3&u=jane", \@type, $dead =~ s/1$/2/r), 200, "$_: a live one") for '/rewritten';

=== TEST: a refusal stays one where errors are intercepted
--- more
    location /seen/ {
        oauth_guard p;
        proxy_intercept_errors on;
        error_page 401 403 404 500 502 = /instead;
        proxy_pass http://provider;
    }
    location /kept/ {
        oauth_guard p;
        error_page 409 /page;
        proxy_pass http://provider;
    }
    location = /instead { return 200 instead; }
    location = /page { internal; return 409 'its own page'; }
--- check
like($call->(1, '/seen/x'), qr/^HTTP\S+ 409.*superseded/s, 'another status is intercepted');
like($call->(1, '/kept/x'), qr/^HTTP\S+ 409.*its own page/s, 'with a page of its own');
is($calls_seen->(), 0, 'the provider sees none');
like($call->(2, '/seen/dead'), qr/instead/, 'what the provider answers is intercepted');

=== TEST: intercepted errors at a token endpoint
--- more
    location = /x { oauth_token_endpoint p; proxy_intercept_errors on; proxy_pass http://provider; }
--- message
proxy_intercept_errors" would hide the provider's
