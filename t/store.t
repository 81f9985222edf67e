# The store and its key file: made once, kept private, kept over reloads.
use lib 't';
use OAuthGateway;

our $store;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(no_store => 1);

    # every block keeps a store of its own, where a reload finds it again
    $main::store = html('kept-' . (($block->name // '') =~ s/\W+/-/gr));
    $block->set_value(http_config => "    oauth_store $main::store"
                      . ($block->store_parameters // '') . ";\n"
                      . ($block->http_config // ''))
        if !defined $block->http_only;
});

run_tests();

__DATA__

=== TEST: the first start makes store and key file
--- steps
connect 1 u=jane
call 1
--- check
my $mode = sub { sprintf '%04o', (stat $_[0])[2] & 07777 };

is($mode->($main::store), '0700', 'store');
is($mode->("$main::store.key"), '0400', 'key file');
like(slurp("$main::store.key"), qr/\A[0-9a-f]{64}\n\z/, 'key');
is($mode->($_), '0600', $_) for glob "$main::store/*";
is((stat "$main::store.key")[4], 0, 'key file belongs to root');

=== TEST: a reload keeps every connection
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
reload
call 1 : 409 | superseded_by.owner=beta
call 2
connect 3 u=jane owner=gamma
reload
call 2 : 409 | superseded_by.owner=gamma
call 3

=== TEST: many reloads
--- steps
connect 1 u=jane
reload
call 1
reload
call 1
reload
connect 2 u=jane
reload
reload
call 1 : 409
call 2

=== TEST: a start from nothing finds what was there
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
--- check
my $root = $ENV{TEST_NGINX_SERVER_ROOT};
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $pid = slurp("$root/logs/nginx.pid");

chomp $pid;
kill QUIT => $pid;

for (1 .. 100) {
    last if !kill 0 => $pid;
    select undef, undef, undef, 0.05;
}

unlink html 'provider.sock';
is(system("$nginx -e $root/logs/error.log -p $root/ "
          . "-c $root/conf/nginx.conf"), 0, 'nginx starts again');

my $port = server_port();
my $answer = `curl -sS -i -H 'Authorization: Bearer at-canary-1' http://127.0.0.1:$port/api/x`;

like($answer, qr/^HTTP\S+ 409.*"beta"/s, 'still superseded');

=== TEST: nginx -t makes nothing
--- bare
--- http_only
--- config
    location /ok { return 200; }
--- steps
GET /ok
--- check
my $root = $ENV{TEST_NGINX_SERVER_ROOT};
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $load = $ENV{TEST_NGINX_LOAD_MODULES} ? "load_module $ENV{TEST_NGINX_LOAD_MODULES};" : '';

open my $out, '>', html 'test.conf';
print $out <<"END";
$load
error_log $root/html/test.log;
pid $root/html/test.pid;
events { }
http {
    oauth_store $root/html/untouched;
    oauth_provider p { user \$arg_u; }
    server {
        listen unix:$root/html/test.sock;
        location / { oauth_guard p; return 204; }
    }
}
END
close $out;

is(system("$nginx -t -q -e $root/html/test.log -p $root/ "
          . "-c $root/html/test.conf 2>/dev/null"), 0, 'accepted');
ok(!-e html 'untouched', 'no store');
ok(!-e html 'untouched.key', 'no key file');

=== TEST: a key file elsewhere
--- http_config
    oauth_key_file $TEST_NGINX_SERVER_ROOT/html/elsewhere.key;
--- steps
connect 1 u=jane
--- check
ok(-e html 'elsewhere.key', 'made there');
ok(!-e "$main::store.key", 'and not here');

=== TEST: a key file that was there is taken
--- http_config
    oauth_key_file $TEST_NGINX_SERVER_ROOT/html/user-given.txt;
--- user_files
>>> user-given.txt
# the key of 2026
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef

--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409
--- check
like(slurp(html 'user-given.txt'), qr/\A# the key of 2026\n/, 'unchanged');

=== TEST: a key file that is none
--- http_config
    oauth_key_file $TEST_NGINX_SERVER_ROOT/html/user-given.txt;
--- user_files
>>> user-given.txt
not a key
--- message
user-given\.txt.*(key|hex|line)

=== TEST: a key that is too short
--- http_config
    oauth_key_file $TEST_NGINX_SERVER_ROOT/html/user-given.txt;
--- user_files
>>> user-given.txt
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde
--- message
user-given\.txt

=== TEST: an empty key file
--- http_config
    oauth_key_file $TEST_NGINX_SERVER_ROOT/html/user-given.txt;
--- user_files
>>> user-given.txt
--- message
user-given\.txt

=== TEST: eight keys
--- http_config
    oauth_key_file $TEST_NGINX_SERVER_ROOT/html/user-given.txt;
--- user_files
>>> user-given.txt
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde1
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde2
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde3
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde4
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde5
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde6
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde7
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde8
--- steps
connect 1 u=jane
call 1

=== TEST: nine keys
--- http_config
    oauth_key_file $TEST_NGINX_SERVER_ROOT/html/user-given.txt;
--- user_files
>>> user-given.txt
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde1
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde2
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde3
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde4
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde5
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde6
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde7
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde8
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde9
--- message
user-given\.txt

=== TEST: a key in front of the old one, and the old tokens are known
--- http_config
    oauth_key_file $TEST_NGINX_SERVER_ROOT/html/user-given.txt;
--- user_files
>>> user-given.txt
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde1
--- steps
connect 1 u=jane
connect 2 u=jane
prepend user-given.txt {{f x 64}}
reload
call 1 : 409
call 2
connect 3 u=jane
call 2 : 409
call 3

=== TEST: another key than the store's
--- http_config
    oauth_key_file $TEST_NGINX_SERVER_ROOT/html/user-given.txt;
--- user_files
>>> user-given.txt
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde1
--- steps
connect 1 u=jane
connect 2 u=jane
--- check
my $root = $ENV{TEST_NGINX_SERVER_ROOT};

open my $out, '>', html 'user-given.txt';
print $out 'f' x 64, "\n";
close $out;

my $pid = slurp("$root/logs/nginx.pid");

chomp $pid;
kill HUP => $pid;
select undef, undef, undef, 1;

like(slurp("$root/logs/error.log"), qr/\[(?:emerg|alert|crit|error)\].*key/,
     'the log says so');

my $port = server_port();
my $answer = `curl -sS -i -H 'Authorization: Bearer at-canary-1' http://127.0.0.1:$port/api/x`;

like($answer, qr/^HTTP\S+ 200.*unrecorded/s, 'calls pass, for nothing is known');
like(`curl -sS -i -d 'grant_type=authorization_code&code=canary' http://127.0.0.1:$port/token`,
     qr/^HTTP\S+ 503.*^Retry-After: \d+/ms, 'exchanges wait');

open $out, '>', html 'user-given.txt';
print $out "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde1\n";
close $out;

kill HUP => $pid;
select undef, undef, undef, 1;

$answer = `curl -sS -i -H 'Authorization: Bearer at-canary-1' http://127.0.0.1:$port/api/x`;
like($answer, qr/^HTTP\S+ 409/, 'the right key, and all is known again');
--- may_alert

=== TEST: the store's files reveal no token
--- steps
connect 1 u=jane owner=alpha
refresh 1 as=2 u=jane
connect 3 u=jane owner=beta
call 1 : 409
--- check
my $data = join '', map { slurp $_ } glob "$main::store/*";

like($data, qr/jane/, 'the user stands there');
unlike($data, qr/canary/, 'no token does');
require Digest::SHA;
unlike($data, qr/\Q${\ Digest::SHA::sha256('at-canary-1')}\E/, 'no bare hash');

=== TEST: a full store refuses in time and loses nothing
--- store_parameters chop
 max_size=1m
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/gw.sock;
        access_log off;
        location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
        location = /flag { oauth_token_endpoint p flag; proxy_pass http://provider/token; }
        location /api { oauth_guard p; oauth_unknown flag; proxy_pass http://provider; }
    }
--- may_alert
--- steps
connect 1 u=jane
--- check
my ($recorded, $unrecorded, $refused, @wrong) = (0, 0, 0);

for my $n (2 .. 600) {
    my $answer = curl('gw.sock', '-d', 'grant_type=authorization_code&client_id=app&scope='
                      . 's' x 4000 . "&code=code-canary-$n",
                      "http://localhost/token?t=$n&u=user$n");

    if ($answer =~ m{^HTTP\S+ 200}) {
        my $marked = $answer =~ /^OAuth-Connection-Status: unrecorded/m;
        my $known = curl('gw.sock', '-H', "Authorization: Bearer at-canary-$n",
                         'http://localhost/api/x')
                    !~ /^OAuth-Connection-Status: unknown/m;

        push @wrong, $n if !$marked != $known;
        $marked ? $unrecorded++ : $recorded++;

    } elsif ($answer =~ m{^HTTP\S+ 503.*^Retry-After: \d+}ms) {
        $refused++;

    } else {
        push @wrong, "$n: $answer";
    }

    last if $refused > 2;
}

is("@wrong", '', 'what is not marked is recorded');
ok($recorded > 5, "$recorded recorded");
ok($refused > 2, "refused with Retry-After after $unrecorded unrecorded");
like(curl('gw.sock', '-d', 'grant_type=authorization_code&client_id=app&code=canary-9',
          'http://localhost/flag?t=flag&u=x'),
     qr/^HTTP\S+ 200.*^OAuth-Connection-Status: unrecorded.*at-canary-flag/ms,
     'flag forwards and marks');
