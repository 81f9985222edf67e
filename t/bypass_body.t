# A grant in a body that is written, typed or packed in another way. What must
# hold where a guard or a token endpoint rejects:
#
#   media types      a form or JSON under another name, in two fields, in none,
#                    or as a part of multipart/form-data: refused
#   methods          PUT, PATCH, DELETE, and fields that override it: refused
#   packed           gzip, deflate: looked into; another coding: passes
#   character sets   UTF-16, UTF-32, byte order marks: refused
#   JSON             duplicate names, deep nesting beside it, an odd member
#                    before it, a cut: refused
#   names            in another case, as some frameworks read them: refused
#   already read     by oauth_token_from or a mirror before the guard: refused
#
# The twin of each passes: the same shape without a grant.
use lib 't';
use OAuthGateway;
use Wire;

use Compress::Zlib ();
use Encode ();

our $form = 'grant_type=refresh_token&refresh_token=rt-canary-1';
our $harmless = 'kind=refresh_token&note=rt-1';
our $object = '{"grant_type":"refresh_token","refresh_token":"rt-canary-1"}';
our $other_object = '{"kind":"refresh_token","note":"rt-1"}';

our $type = sub { return ['Content-Type: ' . $_[0], @_[1 .. $#_]] };

our $parts = sub {
    my (@pairs) = @_;
    my $text = '';

    while (my ($name, $value) = splice @pairs, 0, 2) {
        $text .= "--edge\r\nContent-Disposition: form-data; $name\r\n\r\n$value\r\n";
    }

    return "$text--edge--\r\n";
};

our $refused = sub {
    my ($name, @request) = @_;

    ok_status(post('/api/x', @request), '4xx', "$name: refused");
};

our $passes = sub {
    my ($name, @request) = @_;

    ok_status(post('/api/x', @request), 200, "$name: passes");
};

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
            proxy_pass http://provider;
        }
END
    $block->set_value(steps => "GET /api/first : 200\n")
        if !defined $block->steps;
});

run_tests();

__DATA__

=== TEST: a form under another name
--- check
for my $name ('application/x-www-form-urlencoded, text/plain', '*/*', 'text/html', 'application/octet-stream',
              'application/x-www-form-urlencoded/x', '"application/x-www-form-urlencoded"') {
    $refused->($name, $type->($name), $form);
    $passes->("$name without a grant", $type->($name), $harmless);
}

=== TEST: JSON under another name
--- check
for my $name ('text/json', 'application/vnd.api+json', 'application/json, text/plain', 'text/javascript') {
    $refused->($name, $type->($name), $object);
    $passes->("$name without a grant", $type->($name), $other_object);
}

=== TEST: two fields for the type
--- check
my @types = ('application/xml', 'application/x-www-form-urlencoded');
$refused->("the form last", [map { "Content-Type: $_" } @types], $form);
$refused->("the form first", [map { "Content-Type: $_" } reverse @types], $form);
$passes->("without a grant", [map { "Content-Type: $_" } @types], $harmless);

=== TEST: an empty type
--- check
$refused->('an empty type', ['Content-Type:'], $form);
$passes->('without a grant', ['Content-Type:'], $harmless);

=== TEST: multipart/form-data
--- check
my $kind = $type->('multipart/form-data; boundary=edge');
my @token = ('name="refresh_token"' => 'rt-canary-1');

$refused->('two parts', $kind, $parts->('name="grant_type"' => 'refresh_token', @token));
$refused->('the other order', $kind, $parts->(@token, 'name="grant_type"' => 'refresh_token'));
$refused->('a name without quotes', $kind, $parts->('name=grant_type' => 'refresh_token', 'name=refresh_token' => 'rt-canary-1'));
$refused->('other members', $kind, $parts->('name="a"' => 1, @token, 'name="b"; filename="b"' => 'x', 'name="grant_type"' => 'refresh_token'));
$refused->('lines that end in LF alone', $kind, $parts->('name="grant_type"' => 'refresh_token', @token) =~ s/\r//gr);
$refused->('the field in another case', $type->('Multipart/Form-Data; boundary="edge"'), $parts->('name="grant_type"' => 'refresh_token', @token) =~ s/Content-Disposition/content-disposition/gr);
$passes->('a file that quotes one', $kind, $parts->('name="file"; filename="a.txt"' => $form));
$passes->('without a credential', $kind, $parts->('name="grant_type"' => 'refresh_token', 'name="note"' => 'x'));
$passes->('an upload', $kind, $parts->('name="file"; filename="a.bin"' => 'x' x 9000));

=== TEST: another method
--- check
for my $method ('PUT', 'PATCH', 'DELETE', 'OPTIONS', 'FOO', 'GET') {
    $refused->($method, $type->('application/x-www-form-urlencoded'), $form, $method);
    $refused->("$method with JSON", $type->('application/json'), $object, $method);
    $passes->("$method without a grant", $type->('application/json'), $other_object, $method);
}

=== TEST: a field that overrides the method
--- check
for my $name ('X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override') {
    $refused->("PUT, $name", $type->('application/x-www-form-urlencoded', "$name: POST"), $form, 'PUT');
    $refused->("POST, $name", $type->('application/x-www-form-urlencoded', "$name: GET"), $form);
    $passes->("$name without a grant", $type->('application/x-www-form-urlencoded', "$name: PUT"), $harmless);
}

=== TEST: packed
--- check
my $deflate = sub {
    my ($text, $bits) = @_;
    my ($z) = Compress::Zlib::deflateInit(-WindowBits => $bits);
    my ($first) = $z->deflate($text);
    my ($rest) = $z->flush;

    return $first . $rest;
};
my $of_form = 'application/x-www-form-urlencoded';
my $gzip = Compress::Zlib::memGzip($form);

$refused->('gzip', $type->($of_form, 'Content-Encoding: gzip'), $gzip);
$refused->('in capitals', $type->($of_form, 'Content-Encoding: GZIP'), $gzip);
$refused->('x-gzip', $type->($of_form, 'Content-Encoding: x-gzip'), $gzip);
$refused->('JSON', $type->('application/json', 'Content-Encoding: gzip'), Compress::Zlib::memGzip($object));
$refused->('deflate', $type->($of_form, 'Content-Encoding: deflate'), $deflate->($form, 15));
$refused->('raw deflate', $type->($of_form, 'Content-Encoding: deflate'), $deflate->($form, -15));
$refused->('more than fits', $type->($of_form, 'Content-Encoding: gzip'), Compress::Zlib::memGzip("$form&a=" . join '', map { chr(32 + rand 90) } 1 .. 90000));
$refused->('not packed', $type->($of_form, 'Content-Encoding: identity'), $form);
$refused->('not packed, but said to be', $type->($of_form, 'Content-Encoding: gzip'), $form);
$passes->('without a grant', $type->($of_form, 'Content-Encoding: gzip'), Compress::Zlib::memGzip($harmless));
$passes->('a bomb', $type->('application/json', 'Content-Encoding: gzip'), Compress::Zlib::memGzip('{"a":"' . '0' x 10_000_000 . '"}'));
$passes->('damaged', $type->('application/json', 'Content-Encoding: gzip'), "\x1f\x8b\x08junk");
$passes->('another coding, which nobody looks into', $type->($of_form, 'Content-Encoding: br'), "\x0b\x19\x80" . $form);
$passes->('nothing', $type->('application/json', 'Content-Encoding: gzip'), '');

=== TEST: UTF-16 and UTF-32, with a mark or without
--- check
for my $set ('UTF-16LE', 'UTF-16BE', 'UTF-16', 'UTF-32LE', 'UTF-32BE', 'UTF-32') {
    $refused->("JSON in $set", $type->('application/json'), Encode::encode($set, $object));
    $refused->("JSON in $set, said so", $type->("application/json; charset=$set"), Encode::encode($set, '{"a":"' . "\x{122}\x{e9}\x{1f600}" . '",' . substr($object, 1)));
    $refused->("a form in $set", $type->("application/x-www-form-urlencoded; charset=$set"), Encode::encode($set, $form));
    $passes->("JSON in $set without a grant", $type->('application/json'), Encode::encode($set, $other_object));
}

=== TEST: a mark of UTF-8
--- check
$refused->('JSON', $type->('application/json'), "\xef\xbb\xbf $object");
$refused->('a form', $type->('application/x-www-form-urlencoded'), "\xef\xbb\xbf$form");
$passes->('without a grant', $type->('application/json'), "\xef\xbb\xbf$other_object");

=== TEST: JSON with something odd beside it
--- check
my $beside = sub { return '{' . $_[0] . ',' . substr $object, 1 };
my $behind = sub { return substr($object, 0, -1) . ',' . $_[0] . '}' };
my %odd = (
    'a name twice'       => '"a":1,"a":2',
    'deep nesting'       => '"a":' . '[' x 200 . ']' x 200,
    'too many members'   => join(',', map { qq("m$_":$_) } 1 .. 300),
    'no UTF-8'           => qq("a":"\xe9"),
    'a control byte'     => qq("a":"\x01"),
    'not a number'       => '"a":NaN',
    'a NUL in a name'    => '"\u0000":1',
    'half a character'   => '"a":"\ud800"',
);

for my $what (sort keys %odd) {
    $refused->("$what before", $type->('application/json'), $beside->($odd{$what}));
    $refused->("$what behind", $type->('application/json'), $behind->($odd{$what}));
    $passes->("$what without a grant", $type->('application/json'), "{$odd{$what}}");
}

=== TEST: JSON that says it twice
--- check
$refused->('the grant first', $type->('application/json'), '{"grant_type":"refresh_token","refresh_token":"rt-canary-1","grant_type":"x"}');
$refused->('the grant last', $type->('application/json'), '{"grant_type":"x","refresh_token":"rt-canary-1","grant_type":"refresh_token"}');
$passes->('no grant', $type->('application/json'), '{"grant_type":"x","refresh_token":"rt-1","grant_type":"y"}');

=== TEST: JSON with something behind it
--- check
$refused->('junk', $type->('application/json'), "$object junk");
$refused->('another object', $type->('application/json'), "$object$other_object");
$refused->('a comma too many', $type->('application/json'), $object =~ s/\}$/,}/r);
$refused->('no end', $type->('application/json'), $object =~ s/\}$//r);
$passes->('no grant', $type->('application/json'), "$other_object junk");

=== TEST: a name in another case, as some frameworks read it
--- check
$refused->('in a form', $type->('application/x-www-form-urlencoded'), 'Grant_Type=refresh_token&Refresh_Token=rt-canary-1');
$refused->('in JSON', $type->('application/json'), '{"GRANT_TYPE":"refresh_token","REFRESH_TOKEN":"rt-canary-1"}');
$passes->('another name', $type->('application/json'), '{"GRANTTYPE":"refresh_token","REFRESH_TOKEN":"rt-1"}');

=== TEST: a body that oauth_token_from has read
--- config
    location / {
        oauth_guard p;
        oauth_token_from form=token;
        proxy_pass http://provider;
    }
--- check
$refused->('a form', $type->('application/x-www-form-urlencoded'), $form);
$refused->('JSON', $type->('application/json'), $object);
$passes->('without a grant', $type->('application/x-www-form-urlencoded'), $harmless);
$passes->('with a token', $type->('application/x-www-form-urlencoded'), 'token=at-9');

=== TEST: a body that a mirror has read before another location guards it
--- config
    location = /api/x {
        mirror /copy;
        try_files /none @guarded;
    }
    location = /copy { internal; return 204; }
    location @guarded {
        oauth_guard p;
        proxy_pass http://provider;
    }
    location / { proxy_pass http://provider; }
--- check
$refused->('a form', $type->('application/x-www-form-urlencoded'), $form);
$passes->('without a grant', $type->('application/x-www-form-urlencoded'), $harmless);

=== TEST: a token request that two readers may read in two ways is refused
--- steps
connect 1 u=jane
connect 2 u=jane
--- check
my $both = '{"grant_type":"authorization_code","code":"code-canary-3","x":"&grant_type=refresh_token&refresh_token=rt-canary-1&y="}';
my @types = map { "Content-Type: $_" } 'application/json', 'application/x-www-form-urlencoded';
my $of_form = 'application/x-www-form-urlencoded';
my $token = sub { ok_status(post('/token?t=3&u=jane', $_[1], $_[2], $_[3]), '400', "$_[0]: refused") };

$token->('two types', \@types, $both);
$token->('two types, the other way', [reverse @types], $form);
$token->('a name in another case', $type->($of_form), 'grant_type=refresh_token&Refresh_Token=rt-canary-1');
$token->('both cases', $type->($of_form), 'grant_type=refresh_token&refresh_token=rt-canary-9&Refresh_Token=rt-canary-1');
$token->('a grant in another case', $type->('application/json'), '{"grant_type":"authorization_code","code":"c","Grant_Type":"refresh_token","refresh_token":"rt-canary-1"}');
$token->('packed', $type->($of_form, 'Content-Encoding: gzip'), Compress::Zlib::memGzip($form));
$token->('multipart', $type->('multipart/form-data; boundary=edge'), $parts->('name="grant_type"' => 'refresh_token', 'name="refresh_token"' => 'rt-canary-1'));
$token->('UTF-16', $type->('application/json; charset=utf-16'), Encode::encode('UTF-16LE', $object));
$token->('a form in UTF-16', $type->("$of_form; charset=utf-16"), Encode::encode('UTF-16LE', $form));
$token->('JSON after a mark', $type->($of_form), "\xef\xbb\xbf$object");
$token->('deep', $type->('application/json'), '{"a":' . '[' x 200 . ']' x 200 . ',' . substr $object, 1);
$token->('PUT', $type->($of_form), $form, 'PUT');
$token->('PATCH', $type->($of_form), $form, 'PATCH');
$token->('overridden', $type->($of_form, 'X-HTTP-Method-Override: POST'), $form, 'PUT');
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
