# A dead token by another way to write where the call goes. What must hold:
#
#   path        case, //, /./, %2f, ;x, a slash behind, encoded letters, '\',
#               %00, an empty one: a superseded token reaches the provider by
#               none of them, a live one by each that nginx takes
#   target      absolute form, other authority, CONNECT, OPTIONS *: the same
#   Host        another one, two, none, with a port, in another case: the same
#   methods     HEAD, TRACE, unknown ones, in lower case: the same
#   token path  what is not the token endpoint for nginx, but may be for the
#               provider, carries no grant there (t/bypass.t), also with HEAD
use lib 't';
use OAuthGateway;
use Wire;

our $call = sub {
    my ($line, $token, @fields) = @_;

    return wire(join "\r\n", $line, 'Connection: close',
                "Authorization: Bearer at-canary-$token", @fields, '', '');
};

# what the provider has seen of the calls since it was asked last
our $seen = 0;
our $saw = sub {
    my @lines = provider_saw();
    my @new = @lines[$seen .. $#lines];

    $seen = @lines;

    return scalar @new;
};

# the dead token never reaches the provider; the live one does if "passes"
our $both = sub {
    my ($name, $line, $passes, @fields) = @_;

    @fields = ('Host: localhost') if !@fields;
    my $dead = $call->($line, 1, @fields);

    is($saw->(), 0, "$name: the provider does not see the dead token");
    unlike($dead, qr{^HTTP/1.\d 200}, "$name: it is not answered");

    my $live = $call->($line, 2, @fields);

    if ($passes) {
        is($saw->(), 1, "$name: the live token passes");
    } else {
        is($saw->(), 0, "$name: nginx refuses it");
    }
};

no_root_location();

add_block_preprocessor(sub {
    my ($block) = @_;

    $seen = 0;
    $block->set_value(config => <<'END') if !defined $block->config;
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location / {
            oauth_guard p;
            proxy_pass http://provider;
        }
END
    $block->set_value(steps => "connect 1 u=jane\nconnect 2 u=jane\n")
        if !defined $block->steps;
});

run_tests();

__DATA__

=== TEST: paths
--- check
for my $path ('/', '//', '/api//x', '/api/./x', '/api/../api/x', '/API/X', '/api/x/', '/api%2fx', '/%61pi/x',
              '/api/x;y=1', '/api\\x', '/api/x%20', '/api/x?', '/api/x?a=/../..', '/api/x%3fa=1', '/api/x%23a',
              '/api/%2e%2e/x', '/token/', '/token;x=1', '/TOKEN', '/api/%ff', '/api/x%0d%0aX:1') {
    $both->($path, "GET $path HTTP/1.1", 1);
}

=== TEST: paths that nginx takes for none
--- check
for my $path ('/api/%00', '/../x', '/api/../../x', '/%', '/%zz', 'api/x', '') {
    $both->("'$path'", "GET $path HTTP/1.1", 0);
}

=== TEST: a guard for one path, and its other spellings
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /api/x { oauth_guard p; proxy_pass http://provider; }
    location / { return 404; }
--- check
for my $path ('/api/x', '//api/x', '/api/./x', '/%61pi/x', '/y/../api/x', '/api%2fx', '/api/x?y', '/api/x#y') {
    $both->($path, "GET $path HTTP/1.1", 1);
}

for my $path ('/API/x', '/api/x/', '/api/x;y', '/api\\x', '/api/x%20', '/api%252fx') {
    $both->($path, "GET $path HTTP/1.1", 0);
}

=== TEST: absolute targets
--- check
$both->('its own host', 'GET http://localhost/api/x HTTP/1.1', 1);
$both->('another host', 'GET http://provider.example/api/x HTTP/1.1', 1);
$both->('another scheme', 'GET https://provider.example/api/x HTTP/1.1', 1);
$both->('no path', 'GET http://provider.example HTTP/1.1', 1);
$both->('a query alone', 'GET http://provider.example?a=b HTTP/1.1', 1);
$both->('a user', 'GET http://user@localhost/api/x HTTP/1.1', 0);
$both->('CONNECT', 'CONNECT provider.example:443 HTTP/1.1', 0);
$both->('OPTIONS *', 'OPTIONS * HTTP/1.1', 0);
$both->('HTTP/1.0', 'GET /api/x HTTP/1.0', 1);
$both->('HTTP/2.0 in text', 'GET /api/x HTTP/2.0', 0);

=== TEST: HTTP/0.9 has no fields, and so no token
--- check
unlike($call->('GET /api/x', 1, 'Host: localhost'), qr/canary/, 'the provider sees no token');

=== TEST: a token request to an absolute target
--- steps
connect 1 u=jane
connect 2 u=jane
--- check
my $body = 'grant_type=refresh_token&refresh_token=rt-canary-1';
my @type = 'Content-Type: application/x-www-form-urlencoded';
ok_status(post('http://provider.example/token', \@type, $body), 400, 'the token endpoint refuses it');
ok_status(post('http://provider.example/TOKEN', \@type, $body), 400, 'the guard refuses it');
is($saw->(), 0, 'the provider sees none');

=== TEST: Host
--- check
$both->('another', 'GET /api/x HTTP/1.1', 1, 'Host: provider.example');
$both->('with a port', 'GET /api/x HTTP/1.1', 1, 'Host: localhost:443');
$both->('in capitals', 'GET /api/x HTTP/1.1', 1, 'HOST: LOCALHOST.');
$both->('an address', 'GET /api/x HTTP/1.1', 1, 'Host: [::1]');
$both->('none in HTTP/1.0', 'GET /api/x HTTP/1.0', 1, 'X: 1');
$both->('none', 'GET /api/x HTTP/1.1', 0, 'X: 1');
$both->('two', 'GET /api/x HTTP/1.1', 0, 'Host: localhost', 'Host: provider.example');
$both->('with a path', 'GET /api/x HTTP/1.1', 0, 'Host: localhost/x');
$both->('fields of proxies', 'GET /api/x HTTP/1.1', 1, 'Host: localhost', 'X-Forwarded-Host: other', 'X-Original-URL: /token', 'X-Rewrite-URL: /token', 'X-Forwarded-Uri: /health');

=== TEST: methods
--- check
for my $method ('HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND', 'FOO', 'GETX') {
    $both->($method, "$method /api/x HTTP/1.1", 1);
}

for my $method ('get', 'TRACE', 'G ET', '') {
    $both->("'$method'", "$method /api/x HTTP/1.1", 0);
}

=== TEST: HEAD of a token request is judged like any other
--- steps
connect 1 u=jane
connect 2 u=jane
--- check
my $body = 'grant_type=refresh_token&refresh_token=rt-canary-1';
my @type = 'Content-Type: application/x-www-form-urlencoded';
ok_status(post('/token', \@type, $body, 'HEAD'), 400, 'at the token endpoint');
ok_status(post('/api/x', \@type, $body, 'HEAD'), '4xx', 'at the guard');
is($saw->(), 0, 'the provider sees none');
ok_status(post('/api/x', \@type, 'a=b', 'HEAD'), 200, 'what is none passes');
