# Single flight: however many callers refresh a token at once, the provider
# sees one exchange at a time, and one alone where they ask for the same.
use lib 't';
use OAuthGateway;
use Flights;

use POSIX ();
use Time::HiRes ();

add_block_preprocessor(sub {
    my ($block) = @_;
    my $slow = '    upstream slow { server unix:' . html('slow.sock') . '; }';
    my $mode = $block->flag // '';

    $block->set_value(http_config => ($block->http_config // '') . <<"END");
$slow
    server {
        listen unix:@{[html('gw.sock')]};
        access_log off;

        location ~ ^/slow {
            oauth_token_endpoint p $mode;
            add_header X-Action \$oauth_action always;
            proxy_set_header X-Worker \$pid;
            proxy_pass http://slow;
        }

        location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    }
END
});

# no two exchanges of the provider's log overlap
sub one_by_one (@)
{
    my @seen = sort { $a->{at} <=> $b->{at} } @_;

    return !grep { $seen[$_]{at} < $seen[$_ - 1]{until} } 1 .. $#seen;
}

run_tests();

__DATA__

=== TEST: forty at once are one exchange
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 0.5);

my @answers = together((1) x 40);
my @seen = seen();

is(scalar @seen, 1, 'one exchange');
is(statuses(@answers), join(' ', (200) x 40), 'all are answered');
is(distinct('access_token', @answers), 'at-canary-1.1', 'with one token');
is(distinct('refresh_token', @answers), 'rt-canary-1.1', 'and one to refresh');
is(scalar(grep { $_->{action} eq 'forward' } @answers), 1, 'one was sent');
is(scalar(grep { $_->{action} eq 'join' } @answers), 39, 'the others joined');

my %text = map { $_->{text} => 1 } @answers;
cmp_ok(scalar(keys %text), '<=', 2, 'the same bytes, but for the age');

my ($late) = together(1);
is($late->{action}, 'replay', 'who comes later gets a replay');
is($late->{json}{access_token}, 'at-canary-1.1', 'of the same');

my ($next) = together('1.1');
is($next->{status}, 200, 'the grant is alive');
is($next->{action}, 'forward', 'and goes on');
stop_providers();

=== TEST: again and again
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 0.05);

my $token = '1';
my $good = 0;

for (1 .. 15) {
    my @answers = together(($token) x 12);
    my ($new) = distinct('refresh_token', @answers) =~ /^rt-canary-([\w.]+)$/;

    last if !defined $new || statuses(@answers) ne join ' ', (200) x 12;
    $good++;
    $token = $new;
}

is($good, 15, 'fifteen rounds, each with one answer for all');
is(scalar(seen()), 15, 'an exchange each');
stop_providers();

=== TEST: a token that nobody saw before flies alike
--- steps
connect 1 u=john
--- check
slow_provider();

my @answers = together((8) x 10);

is(scalar(seen()), 1, 'one exchange');
is(distinct('access_token', @answers), 'at-canary-8.1', 'one token');
stop_providers();

=== TEST: tokens of several connections do not wait for each other
--- provider
    user   $oauth_response_user;
--- steps
connect 1 u=jane
connect 2 u=john
connect 3 u=jack
--- check
slow_provider(delay => 1);

my @answers = together(1, 2, 3);
my @seen = sort { $a->{at} <=> $b->{at} } seen();

is(statuses(@answers), '200 200 200', 'all are answered');
is(scalar @seen, 3, 'three exchanges');
cmp_ok($seen[2]{at}, '<', $seen[0]{until}, 'at the same time');
stop_providers();

=== TEST: another request of a token that is being rotated is not sent
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 1);

my @other = ([body => 'scope=all'], [client => 'other'], [path => '/slow/other'],
             [body => 'resource=x'], [header => "DPoP: canary\r\n"],
             [header => "Authorization: Basic Y2FuYXJ5OmNhbmFyeQ==\r\n"]);
my @answers = together(1, (map { refresh_of(1, @$_, after => 0.3) } @other),
                       refresh_of(1, after => 0.3));

is(scalar(seen()), 1, 'one exchange');
is($answers[0]{json}{access_token}, 'at-canary-1.1', 'of the first');
is($answers[-1]{json}{access_token}, 'at-canary-1.1', 'which another one shares');
is(join(' ', map { ($_->{json}{type} // '-') =~ s/.*://r } @answers[1 .. 6]),
   'rotated other-client rotated rotated rotated other-client',
   'and the others are refused');
is(distinct('error', @answers[1 .. 6]), 'invalid_grant', 'as OAuth says it');
stop_providers();

=== TEST: without rotation each resource has its own exchange, one by one
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 1, answer => sub {
    my ($body, $n) = @_;
    my ($resource) = $body =~ /resource=(\w+)/;

    return (200, qq({"access_token":"at-canary-$resource-$n","user":"jane"}));
});

my @answers = together(map { my $r = $_; map { refresh_of(1, body => "resource=$r") } 1 .. 5 }
                           'mail', 'files', 'people');
my @seen = seen();

is(statuses(@answers), join(' ', (200) x 15), 'all are answered');
is(scalar @seen, 3, 'an exchange for each resource');
ok(one_by_one(@seen), 'one after the other');

for my $i (0 .. 2) {
    my $resource = ('mail', 'files', 'people')[$i];

    like(distinct('access_token', @answers[5 * $i .. 5 * $i + 4]),
         qr/^at-canary-$resource-\d$/, "one token for $resource");
}

my @late = together(map { refresh_of(1, body => "resource=$_") } 'mail', 'files', 'people');

is(join(' ', map { $_->{action} } @late), 'replay replay replay', 'also for those who are late');
is(scalar(seen()), 3, 'without another exchange');
stop_providers();

=== TEST: replay 0, who waits still shares, who comes later does not
--- provider
    user    $oauth_response_user;
    replay  0;
--- steps
connect 1 u=jane
--- check
slow_provider();

my @answers = together((1) x 8);

is(scalar(seen()), 1, 'one exchange');
is(distinct('access_token', @answers), 'at-canary-1.1', 'one token');
is(scalar(grep { $_->{action} eq 'join' } @answers), 7, 'seven joined');

my ($late) = together(1);
is($late->{status}, 400, 'later: refused');
is($late->{json}{type}, 'urn:oauth-gateway:rotated', 'as rotated');
is(scalar(seen()), 1, 'and not sent');
stop_providers();

=== TEST: response_set is applied for each who joins
--- provider
    user          $oauth_response_user;
    response_set  user "for $arg_h";
--- steps
connect 1 u=jane
--- check
slow_provider();

my @answers = together(map { refresh_of(1, path => "/slow?h=h$_") } 1 .. 4);

is(scalar(seen()), 1, 'one exchange');
is(distinct('user', @answers), 'for h1 for h2 for h3 for h4', 'each its own');
is(distinct('access_token', @answers), 'at-canary-1.1', 'one token');
stop_providers();

=== TEST: 500 is not shared
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 0.1, answer => sub { (500, '{"error":"server_error"}') });

my @answers = together((1) x 5);

is(statuses(@answers), '500 500 500 500 500', 'each is told');
is(scalar(seen()), 5, 'by the provider');
ok(one_by_one(seen()), 'one after the other');
stop_providers();

=== TEST: 429 is not shared
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 0.1, answer => sub { (429, '{"error":"slow_down"}') });

my @answers = together((1) x 4);

is(statuses(@answers), '429 429 429 429', 'each is told');
is(scalar(seen()), 4, 'by the provider');
stop_providers();

=== TEST: invalid_client is not shared
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 0.1, answer => sub { (401, '{"error":"invalid_client"}') });

my @answers = together((1) x 4);

is(statuses(@answers), '401 401 401 401', 'each is told');
is(distinct('type', @answers), '-', 'not by the gateway');
is(scalar(seen()), 4, 'but by the provider');
stop_providers();

=== TEST: one failure, and the next caller's success is shared
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 0.2, answer => sub {
    $_[1] == 1 ? (503, '{"error":"temporarily_unavailable"}') : Flights::rotate(@_)
});

my @answers = together((1) x 8);

is(statuses(@answers), '200 200 200 200 200 200 200 503', 'one bears the failure');
is(distinct('access_token', grep { $_->{status} == 200 } @answers), 'at-canary-1.2',
   'the others share the success');
is(scalar(seen()), 2, 'two exchanges');
stop_providers();

=== TEST: invalid_grant is told to all who wait, and for a while
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 0.2, answer => sub { (400, '{"error":"invalid_grant"}') });

my @answers = together((1) x 20);

is(scalar(seen()), 1, 'the provider was asked once');
is(statuses(@answers), join(' ', (400) x 20), 'all are refused');
is(distinct('error', @answers), 'invalid_grant', 'with the same error');
is(scalar(grep { !defined $_->{json}{type} } @answers), 1, 'one by the provider');

my ($again) = together(1);
is($again->{status}, 400, 'a moment later, too');
is($again->{json}{error}, 'invalid_grant', 'the same error');
is(scalar(seen()), 1, 'without asking');

my ($other) = together(refresh_of(1, body => 'scope=less'));
is($other->{json}{type}, undef, 'another request is another matter');
is(scalar(seen()), 2, 'which the provider decides');

Time::HiRes::sleep(5.2);
together(1);
is(scalar(seen()), 3, 'and the memory fades');
stop_providers();

=== TEST: in flag mode invalid_grant is remembered for nobody
--- flag
flag
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 0.1, answer => sub { (400, '{"error":"invalid_grant"}') });

my @answers = together((1) x 4);

is(statuses(@answers), '400 400 400 400', 'all are refused');
is(distinct('type', @answers), '-', 'none by the gateway');
is(scalar(seen()), 4, 'each asked');
stop_providers();

=== TEST: in flag mode a success is shared all the same
--- flag
flag
--- steps
connect 1 u=jane
--- check
slow_provider();

my @answers = together((1) x 6);

is(scalar(seen()), 1, 'one exchange');
is(distinct('access_token', @answers), 'at-canary-1.1', 'one token');
stop_providers();

=== TEST: the first caller hangs up, its answer is not lost
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 1);

my @curl = ('curl', '-s', '-o', '/dev/null', '--unix-socket', html('gw.sock'));
system(@curl, '--max-time', '0.4', '-d',
       'grant_type=refresh_token&refresh_token=rt-canary-1&client_id=app',
       'http://localhost/slow');
is($? >> 8, 28, 'it did not wait');

my @answers = together((1) x 3);

is(scalar(seen()), 1, 'one exchange');
is(distinct('access_token', @answers), 'at-canary-1.1', 'the others have its tokens');
is(scalar(grep { $_->{action} eq 'join' } @answers), 3, 'they joined');
is((together(1))[0]{json}{access_token}, 'at-canary-1.1', 'and so has its retry');
is(scalar(seen()), 1, 'one exchange still');
stop_providers();

=== TEST: a caller that waits hangs up, and nobody minds
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 1);

my $pid = fork // die;

if ($pid == 0) {
    Flights::child();
    Time::HiRes::sleep(0.2);
    exec 'curl', '-s', '-o', '/dev/null', '--max-time', '0.3', '--unix-socket',
         html('gw.sock'), '-d',
         'grant_type=refresh_token&refresh_token=rt-canary-1&client_id=app',
         'http://localhost/slow';
}

my @answers = together((1) x 4);
waitpid $pid, 0;

is($? >> 8, 28, 'it did not wait');
is(statuses(@answers), '200 200 200 200', 'the others are answered');
is(scalar(seen()), 1, 'one exchange');
stop_providers();

=== TEST: an exchange that takes longer than the lease is still the only one
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 6.5);

my @answers = together((1) x 4);

is(statuses(@answers), '200 200 200 200', 'all are answered');
is(distinct('access_token', @answers), 'at-canary-1.1', 'one token');
is(scalar(seen()), 1, 'one exchange');
stop_providers();

=== TEST: a reload in the middle of a flight
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 2.5);

my $pid = fork // die;

if ($pid == 0) {
    Flights::child();
    Time::HiRes::sleep(0.5);
    exec 'kill', '-HUP', slurp("$ENV{TEST_NGINX_SERVER_ROOT}/logs/nginx.pid") + 0;
}

my @answers = together((1) x 4, map { refresh_of(1, after => 1.5) } 1 .. 4);

waitpid $pid, 0;
is(statuses(@answers), join(' ', (200) x 8), 'old workers and new ones answer');
is(distinct('access_token', @answers), 'at-canary-1.1', 'with one token');
is(scalar(seen()), 1, 'one exchange');
stop_providers();

=== TEST: the worker that flies is killed
--- may_alert
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 2);

my $pid = fork // die;

if ($pid == 0) {
    Flights::child();
    my @seen;

    for (1 .. 100) {
        last if @seen = grep { $_->{worker} } seen();
        Time::HiRes::sleep(0.02);
    }

    kill KILL => $seen[0]{worker};
    POSIX::_exit(0);
}

my $from = Time::HiRes::time();
my @answers = together((1) x 40);
my $took = Time::HiRes::time() - $from;

waitpid $pid, 0;

my @gone = grep { $_->{status} == 0 } @answers;
my @lived = grep { $_->{status} } @answers;

cmp_ok(scalar @gone, '>=', 1, 'it had callers');
cmp_ok(scalar(seen()), '<=', 2, 'at most two exchanges');
is(statuses(@lived), join(' ', (200) x @lived), 'the other worker answers its own');
cmp_ok($took, '<', 12, 'before the lease and the exchange are over');

my ($retry) = together(1);
is($retry->{status}, 200, 'who was cut off tries again');
is(distinct('access_token', @lived, $retry), 'at-canary-1.2', 'and has the same tokens');
cmp_ok(scalar(seen()), '<=', 2, 'without another exchange');
stop_providers();

=== TEST: who has waited for thirty seconds is told to try again
--- timeout: 60
--- steps
connect 1 u=jane
--- check
slow_provider(delay => 33);

my $from = Time::HiRes::time();
my @answers = together((1) x 3);
my ($busy) = grep { $_->{status} == 503 } @answers;

is(statuses(@answers), '200 503 503', 'the one that flies has its answer');
is($busy->{json}{type}, 'urn:oauth-gateway:busy', 'the others are told why');
is($busy->{json}{error}, 'temporarily_unavailable', 'as an error of OAuth');
like($busy->{header}, qr/^Retry-After: \d+/mi, 'and when to try again');
is(scalar(seen()), 1, 'nobody went past the flight');
cmp_ok(Time::HiRes::time() - $from, '<', 40, 'in time');
stop_providers();
