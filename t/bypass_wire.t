# What stands on the wire in an unusual way. What must hold:
#
#   pipelining       each request is judged by its own token and body
#   100-continue     a grant is judged before anything goes on, with the body
#                    sent at once, late or never
#   smuggling        lengths that contradict each other, two lengths, chunks
#                    with odd sizes, extensions, trailers, HTTP/1.0 with
#                    chunks, bodies of GET, folded fields: nginx refuses them or
#                    they are one request; the bytes behind are judged as the
#                    next request, and the provider sees what was judged
#   slow bytes       a body that comes byte by byte is looked at as a whole
use lib 't';
use OAuthGateway;
use Wire;

our $head = "Host: localhost\r\n";
our $form = "Content-Type: application/x-www-form-urlencoded\r\n";
our $grant = 'grant_type=refresh_token&refresh_token=rt-canary-1';

our $get = sub { return "GET /api/x HTTP/1.1\r\n${head}Authorization: Bearer at-canary-$_[0]\r\n" . ($_[1] // '') . "\r\n" };
our $end = "GET /end HTTP/1.1\r\n${head}Connection: close\r\n\r\n";
our $chunks = sub { return join '', map({ sprintf "%x\r\n%s\r\n", length $_, $_ } @_), "0\r\n\r\n" };

our $seen = sub { return join ' ', map { s/ .*//r } grep { !m{ /end} } provider_saw() };

no_root_location();

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => <<'END') if !defined $block->config;
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location / {
            oauth_guard p;
            proxy_http_version 1.1;
            proxy_set_header Connection '';
            proxy_pass http://provider;
        }
END
    $block->set_value(steps => "connect 1 u=jane\nconnect 2 u=jane\n")
        if !defined $block->steps;
});

run_tests();

__DATA__

=== TEST: pipelined calls
--- check
is(statuses_of(wire($get->(2) . $get->(1) . $get->(2) . $get->(1) . $end)), '200 409 200 409 200', 'each by its own token');
is($seen->(), 'GET GET', 'the provider sees the live ones');

=== TEST: pipelined grants
--- check
my $request = sub { return "POST $_[0] HTTP/1.1\r\n$head${form}Content-Length: " . length($_[1]) . "\r\n\r\n$_[1]" };
is(statuses_of(wire($get->(2) . $request->('/token', $grant) . $get->(2) . $end)), '200 400 200 200', 'at the token endpoint');
like(statuses_of(wire($request->('/api/x', 'a=b') . $request->('/api/x', $grant) . $end)), qr/^200 4\d\d( 200)?$/, 'at a guard');
is($seen->(), 'GET GET POST', 'the provider sees no grant');

=== TEST: a refused call with a body that looks like a request
--- check
my $inner = $get->(2);
my $refused = "POST /api/x HTTP/1.1\r\n${head}Authorization: Bearer at-canary-1\r\nContent-Length: " . length($inner) . "\r\n\r\n$inner";
is(statuses_of(wire($refused . $end)), '409 200', 'its body is passed over');
is($seen->(), '', 'the provider sees none of it');

=== TEST: 100-continue
--- check
my $ask = "POST %s HTTP/1.1\r\n$head${form}Expect: 100-continue\r\nConnection: close\r\nContent-Length: " . length($grant) . "\r\n\r\n";
ok_status(wire(sprintf($ask, '/token'), $grant), '100 400', 'at the token endpoint, late');
ok_status(wire(sprintf($ask, '/token') . $grant), '(100 )?400', 'at once');
ok_status(wire(sprintf($ask, '/api/x'), $grant), '(100 )?4xx', 'at a guard, late');
ok_status(wire(sprintf($ask, '/api/x') . $grant), '(100 )?4xx', 'at once');
ok_status(wire(sprintf($ask =~ s/100-continue/200-ok/r, '/token') . $grant), '(100 )?4xx', 'another expectation');
is($seen->(), '', 'the provider sees none');
ok_status(wire(sprintf($ask =~ s/Length: \d+/Length: 3/r, '/api/x'), 'a=b'), '(100 )?200', 'what is none passes');

=== TEST: byte by byte
--- check
my $ask = "POST %s HTTP/1.1\r\n$head${form}Connection: close\r\nContent-Length: " . length($grant) . "\r\n\r\n";
ok_status(wire(sprintf($ask, '/token'), split /(?<=_)/, $grant), 400, 'at the token endpoint');
ok_status(wire(sprintf($ask, '/api/x'), split /(?<=_)/, $grant), '4xx', 'at a guard');
ok_status(wire((map { "$_" } split /(?<=:)/, $get->(1) =~ s/\r\n\r\n$/\r\nConnection: close\r\n\r\n/r)), 409, 'a header');
is($seen->(), '', 'the provider sees none');

=== TEST: lengths that contradict each other
--- check
my $post = "POST %s HTTP/1.1\r\n$head${form}Connection: close\r\n";
my $len = 'Content-Length: ' . length($grant) . "\r\n";
my $te = "Transfer-Encoding: chunked\r\n";

for my $path ('/token', '/api/x') {
    my $start = sprintf $post, $path;

    ok_status(wire("$start$len$te\r\n" . $chunks->($grant)), '4xx', "$path: CL and TE");
    ok_status(wire("$start$te$len\r\n" . $chunks->($grant)), '4xx', "$path: TE and CL");
    ok_status(wire("$start${len}Content-Length: 3\r\n\r\n$grant"), 400, "$path: two lengths");
    ok_status(wire("$start$len$len\r\n$grant"), 400, "$path: the same twice");
    ok_status(wire($start . $len =~ s/(\d+)/+$1/r . "\r\n$grant"), 400, "$path: a sign");
    ok_status(wire($start . $len =~ s/(\d+)/$1, $1/r . "\r\n$grant"), 400, "$path: a list");
    ok_status(wire($start . $len =~ s/(\d+)/sprintf '0x%x', $1/er . "\r\n$grant"), 400, "$path: hexadecimal");
    ok_status(wire($start . "Content-Length: -1\r\n\r\n$grant"), 400, "$path: negative");
    ok_status(wire($start . "Content-Length: 99999999999999999999\r\n\r\n$grant"), '4xx', "$path: huge");
    ok_status(wire($start . "Transfer-Encoding: chunked, chunked\r\n\r\n" . $chunks->($grant)), '(501|400)', "$path: chunked twice");
    ok_status(wire("$start$te$te\r\n" . $chunks->($grant)), '(501|400)', "$path: two fields of it");
    ok_status(wire($start . "Transfer-Encoding: xchunked\r\n\r\n" . $chunks->($grant)), '(501|400)', "$path: a word like it");
    ok_status(wire($start . "Transfer-Encoding:\tchunked\r\n\r\n" . $chunks->($grant)), '(501|4xx)', "$path: behind a tab");
    ok_status(wire($start . "Transfer-Encoding:\x0bchunked\r\n\r\n" . $chunks->($grant)), '(501|400)', "$path: behind a control byte");
    ok_status(wire($start . "Transfer-Encoding: identity\r\n\r\n"), '(501|4xx|200)', "$path: identity");
    ok_status(wire($start . "Transfer-Encoding:\r\n chunked\r\n\r\n" . $chunks->($grant)), '(501|400)', "$path: folded");
    ok_status(wire($start =~ s/1\.1/1.0/r . "$te\r\n" . $chunks->($grant)), '4xx', "$path: chunks in HTTP/1.0");
}

unlike($seen->(), qr/POST.*POST.*POST/, 'next to nothing reaches the provider');
unlike(slurp(html('provider.log')), qr{POST /token$}m, 'and no grant does');

=== TEST: chunks
--- check
my $start = sub { return "POST $_[0] HTTP/1.1\r\n$head${form}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" };

for my $path ('/token', '/api/x') {
    my $begin = $start->($path);

    ok_status(wire($begin . $chunks->(split //, $grant)), 400, "$path: one for each byte");
    ok_status(wire($begin . $chunks->($grant) =~ s/^(\w+)/$1;ext="0\\r\\n"/r), 400, "$path: an extension");
    ok_status(wire($begin . $chunks->($grant) =~ s/^(\w+)/000000$1/r), 400, "$path: zeros in front");
    ok_status(wire($begin . $chunks->($grant) =~ s/\r\n\r\n$/\r\nTrailer: x\r\nAuthorization: Bearer at-canary-1\r\n\r\n/r), 400, "$path: trailers");
    ok_status(wire($begin . $chunks->($grant) =~ s/^\w+/-5/r), 400, "$path: a negative size");
    ok_status(wire($begin . $chunks->($grant) =~ s/^\w+/fffffffffffffffff/r), '4xx', "$path: a huge size");
    ok_status(wire($begin . $chunks->($grant) =~ s/^\w+/0x32/r), 400, "$path: hexadecimal by name");
}

is($seen->(), '', 'the provider sees none');
ok_status(wire($start->('/api/x') . $chunks->('a', '=', 'b')), 200, 'what is none passes');

=== TEST: what stands behind a body is the next request
--- check
my $first = "POST /api/x HTTP/1.1\r\n${head}Content-Length: 3\r\n\r\na=b";
my $post = "POST /api/x HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n" . $chunks->('a=b');

is(statuses_of(wire($first . $get->(1) . $end)), '200 409 200', 'behind a length');
is(statuses_of(wire($post . $get->(1) . $end)), '200 409 200', 'behind chunks');
is($seen->(), 'POST POST', 'the dead token is in none');
like(statuses_of(wire("GET /api/x HTTP/1.1\r\n${head}Content-Length: " . length($get->(1)) . "\r\n\r\n" . $get->(1) . $end)), qr/^200 200$/, 'the body of a GET is a body');
unlike(slurp(html('provider.log')), qr/409/, 'and no request');

=== TEST: a body without a length
--- check
ok_status(wire("POST /token HTTP/1.1\r\n$head${form}Connection: close\r\n\r\n$grant"), '(400|200)', 'there is no body');
unlike(slurp(html('provider.log')), qr{refresh_token}, 'no grant at the provider');

=== TEST: more than nginx takes
--- check
ok_status(wire("GET /api/x HTTP/1.1\r\n${head}Connection: close\r\nX: " . 'x' x 40000 . "\r\nAuthorization: Bearer at-canary-1\r\n\r\n"), 400, 'a large header');
ok_status(wire('GET /api/' . 'x' x 40000 . " HTTP/1.1\r\n${head}Authorization: Bearer at-canary-1\r\n\r\n"), 414, 'a long path');
is($seen->(), '', 'the provider sees none');
