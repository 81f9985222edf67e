# Connects of several owners that are under way at once: none ends another's.
use lib 't';
use OAuthGateway;
use Flights;

use IO::Socket::UNIX ();
use POSIX ();
use Time::HiRes ();

our $known = <<'KNOWN';
    user      $oauth_request_username;
    tenant    $oauth_request_company;
    owner     $http_x_oauth_owner;
KNOWN

our $usual = $known . <<'USUAL';
    limit     1 per user client;
    takeover  reject;
USUAL

add_block_preprocessor(sub {
    my ($block) = @_;
    my $slow = '    upstream slow { server unix:' . html('slow.sock') . '; }';
    my $mode = $block->flag // '';

    $block->set_value(provider => $usual) if !defined $block->provider;
    $block->set_value(steps => 'call 0') if !defined $block->steps;

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
    }
END
});


# a connect of OWNER as USER
sub connect_of
{
    my ($owner, $user, %more) = @_;
    my $body = 'grant_type=' . ($more{grant} // 'password')
               . "&username=$user&client_id=app";
    my $header = $owner eq '' ? '' : "X-OAuth-Owner: $owner\r\n";

    $body .= "&$more{body}" if defined $more{body};

    return { path => '/slow', body => $body, after => $more{after} // 0,
             header => $header . ($more{header} // '') };
}


# sends it, and hangs up after a while
sub hang_up
{
    my ($r, $after) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => html 'gw.sock')
        or die "gw.sock: $!\n";

    print {$socket} "POST $r->{path} HTTP/1.1\r\nHost: localhost\r\n"
                    . "Content-Type: application/x-www-form-urlencoded\r\n"
                    . 'Content-Length: ' . length($r->{body})
                    . "\r\n$r->{header}\r\n$r->{body}";
    $socket->flush;
    Time::HiRes::sleep($after);
    $socket->close;

    return;
}


# sends it, and goes on when the provider has it
sub under_way
{
    my ($r) = @_;
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        Flights::child();
        together($r);
        POSIX::_exit(0);
    }

    for (1 .. 100) {
        last if seen();
        Time::HiRes::sleep(0.05);
    }

    return $pid;
}


# the provider's answer to a connect: tokens of its own for each
sub grant
{
    my ($body, $n) = @_;
    my ($user) = $body =~ /username=(\w+)/;

    return (200, qq({"access_token":"at-canary-$n","refresh_token":)
                 . qq("rt-canary-$n","expires_in":3600,"user":"$user"}));
}


# "200, 409 for alpha", in the order of the requests
sub told
{
    return join ', ', map { $_->{json}{held_by}
                            ? "$_->{status} for $_->{json}{held_by}{owner}"
                            : $_->{status} } @_;
}


# no two exchanges of the provider's log overlap
sub one_by_one
{
    my @seen = sort { $a->{at} <=> $b->{at} } @_;

    return !grep { $seen[$_]{at} < $seen[$_ - 1]{until} } 1 .. $#seen;
}

run_tests();

__DATA__

=== TEST: two owners at once: the second is decided when the first is recorded
--- check
slow_provider(delay => 0.5, answer => \&main::grant);

my @answers = together(main::connect_of('alpha', 'jane'),
                       main::connect_of('beta', 'jane', after => 0.1));

is(main::told(@answers), '200, 409 for alpha', 'the first one holds it');
is($answers[1]{json}{error}, 'connection_conflict', 'and the other is told');
is(scalar(seen()), 1, 'the provider saw the first alone');
stop_providers();

=== TEST: ten owners at once: one connects
--- check
slow_provider(delay => 0.3, answer => \&main::grant);

my @answers = together(map { main::connect_of("owner$_", 'jane') } 0 .. 9);

is(statuses(@answers), join(' ', 200, (409) x 9), 'one connects');
is(scalar(seen()), 1, 'the provider saw one');
stop_providers();

=== TEST: the same owner's connects all pass, one after the other
--- check
slow_provider(delay => 0.1, answer => \&main::grant);

my @answers = together(map { main::connect_of('alpha', 'jane') } 0 .. 5);
my @seen = seen();

is(statuses(@answers), join(' ', (200) x 6), 'all pass');
is(scalar @seen, 6, 'the provider saw all');
ok(main::one_by_one(@seen), 'one after the other');
stop_providers();

=== TEST: users do not wait for each other
--- check
slow_provider(delay => 1, answer => \&main::grant);

my @answers = together(main::connect_of('alpha', 'jane'),
                       main::connect_of('beta', 'john'),
                       main::connect_of('beta', 'jane', after => 0.2));
my @seen = sort { $a->{at} <=> $b->{at} } seen();

is(main::told(@answers), '200, 200, 409 for alpha', 'each has its own');
cmp_ok($seen[1]{at}, '<', $seen[0]{until}, 'at the same time');
stop_providers();

=== TEST: when the first one fails, the next one has its turn
--- check
slow_provider(delay => 0.3, answer => sub {
    my ($body, $n) = @_;

    return $n == 1 ? (400, '{"error":"invalid_grant"}')
                   : main::grant($body, $n);
});

my @answers = together(main::connect_of('alpha', 'jane'),
                       main::connect_of('beta', 'jane', after => 0.1),
                       main::connect_of('gamma', 'jane', after => 0.2));

is($answers[0]{status}, 400, 'the first one is refused by the provider');
is(statuses(@answers[1, 2]), '200 409', 'one of the others connects');
is(scalar(seen()), 2, 'the provider saw two');
stop_providers();

=== TEST: the same with errors of the provider, and with answers not understood
--- check
my @bad = ([503, '{}'], [200, 'so sorry'], [200, '{"error":"no"}'], [429, '']);

slow_provider(delay => 0.2, answer => sub {
    my ($body, $n) = @_;

    return $n <= 4 ? @{$bad[$n - 1]} : main::grant($body, $n);
});

my @answers = together(map { main::connect_of("owner$_", 'jane') } 0 .. 5);

is(scalar(grep { $_->{text} =~ /access_token/ } @answers), 1, 'one connects');
is(scalar(grep { $_->{status} == 409 } @answers), 1, 'one is refused');
is(scalar(seen()), 5, 'the provider saw five');
ok(main::one_by_one(seen()), 'one after the other');
stop_providers();

=== TEST: a provider that is not there is waited for by nobody
--- check
my @answers = together(main::connect_of('alpha', 'jane'),
                       main::connect_of('beta', 'jane'));

is(statuses(@answers), '502 502', 'both learn it');

slow_provider(delay => 0.1, answer => \&main::grant);

# proxy takes the provider for dead until its fail_timeout
Time::HiRes::sleep(1.2);
@answers = together(main::connect_of('gamma', 'jane'));
is(statuses(@answers), '200', 'and nothing is left behind');
stop_providers();

=== TEST: who hangs up while it waits leaves
--- check
slow_provider(delay => 0.8, answer => \&main::grant);

my $first = main::under_way(main::connect_of('alpha', 'jane'));

main::hang_up(main::connect_of('beta', 'jane'), 0.2);
waitpid $first, 0;

my @answers = together(main::connect_of('alpha', 'jane'));

is(statuses(@answers), '200', 'the holder goes on');
is(scalar(seen()), 2, 'and the provider saw the holder alone');
stop_providers();

=== TEST: who hangs up while its exchange runs is recorded all the same
--- check
slow_provider(delay => 0.5, answer => \&main::grant);

main::hang_up(main::connect_of('alpha', 'jane'), 0.2);

my @answers = together(main::connect_of('beta', 'jane'));

is(main::told(@answers), '409 for alpha', 'it holds the connection');
is(scalar(seen()), 1, 'the provider saw it alone');
stop_providers();

=== TEST: room for two: the third is decided when both are recorded
--- provider eval
$::known . 'limit 2 per user client; takeover reject;'
--- check
slow_provider(delay => 0.3, answer => \&main::grant);

my @answers = together(map { main::connect_of("owner$_", 'jane') } 0 .. 3);

is(statuses(@answers), '200 200 409 409', 'two connect');
is(scalar(seen()), 2, 'the provider saw two');
stop_providers();

=== TEST: several limits: other users of one tenant meet, too
--- provider eval
$::known . 'limit 1 per user client; limit 2 per tenant client; takeover reject;'
--- check
slow_provider(delay => 0.3, answer => \&main::grant);

my @answers = together(map { main::connect_of("owner$_", "user$_",
                                              body => 'company=acme') }
                           0 .. 4);

is(statuses(@answers), '200 200 409 409 409', 'two connect');
is(scalar(seen()), 2, 'the provider saw two');

@answers = together(map { main::connect_of("owner$_", "user$_",
                                           body => "company=other$_") }
                        5 .. 7);
is(statuses(@answers), '200 200 200', 'of other tenants all do');
stop_providers();

=== TEST: limits that cross: nobody waits for ever
--- provider eval
$::known . 'limit 1 per user; limit 1 per tenant; takeover reject;'
--- check
slow_provider(delay => 0.1, answer => sub { (400, '{"error":"no"}') });

my @answers = together(map { main::connect_of("owner$_", 'user' . $_ % 3,
                                              body => 'company=c' . $_ % 2) }
                           0 .. 17);

is(statuses(@answers), join(' ', (400) x 18), 'all are answered');
stop_providers();

=== TEST: the same slot twice
--- provider eval
$::known . 'limit 1 per user client; limit 2 per client user; takeover reject;'
--- check
slow_provider(delay => 0.2, answer => \&main::grant);

my @answers = together(map { main::connect_of("owner$_", 'jane') } 0 .. 2);

is(statuses(@answers), '200 409 409', 'one connects');

@answers = together(main::connect_of('x', 'john'));
is(statuses(@answers), '200', 'nothing is left behind');
stop_providers();

=== TEST: a login whose user nobody knows yet
--- provider
    user      $oauth_response_user;
    login     $oauth_request_username;
    owner     $http_x_oauth_owner;
    limit     1 per user client;
    takeover  reject;
--- check
slow_provider(delay => 0.5, answer => \&main::grant);

my @answers = together(main::connect_of('alpha', 'jane'),
                       main::connect_of('beta', 'jane', after => 0.1),
                       main::connect_of('gamma', 'john', after => 0.1));

is(main::told(@answers), '200, 409 for alpha, 200', 'the first one teaches it');
is(scalar(seen()), 2, 'the provider saw two');
stop_providers();

=== TEST: unknown owners are not the same
--- check
slow_provider(delay => 0.3, answer => \&main::grant);

my @answers = together(main::connect_of('', 'jane'),
                       main::connect_of('', 'jane'));

is(statuses(@answers), '200 409', 'one connects');
stop_providers();

=== TEST: pass: nobody waits
--- provider eval
$::known . 'limit 1 per user client; takeover pass;'
--- check
slow_provider(delay => 0.6, answer => \&main::grant);

my @answers = together(main::connect_of('alpha', 'jane'),
                       main::connect_of('beta', 'jane'));

is(statuses(@answers), '200 200', 'both connect');
ok(!main::one_by_one(seen()), 'at the same time');
stop_providers();

=== TEST: flag: nobody waits
--- provider eval
$::known . 'limit 1 per user client; takeover flag;'
--- check
slow_provider(delay => 0.6, answer => \&main::grant);

my @answers = together(main::connect_of('alpha', 'jane'),
                       main::connect_of('beta', 'jane'));

is(statuses(@answers), '200 200', 'both connect');
ok(!main::one_by_one(seen()), 'at the same time');
stop_providers();

=== TEST: flag at the endpoint: nobody waits
--- flag: flag
--- check
slow_provider(delay => 0.6, answer => \&main::grant);

my @answers = together(main::connect_of('alpha', 'jane'),
                       main::connect_of('beta', 'jane'));

is(statuses(@answers), '200 200', 'both connect');
ok(!main::one_by_one(seen()), 'at the same time');
stop_providers();

=== TEST: a variable: who may take over waits for nobody
--- http_config
    map $http_x_ticket $takeover { default reject; yes pass; }
--- provider eval
$::known . 'limit 1 per user client; takeover $takeover;'
--- check
slow_provider(delay => 0.8, answer => \&main::grant);

my @answers = together(main::connect_of('alpha', 'jane'),
                       main::connect_of('beta', 'jane', after => 0.2),
                       main::connect_of('gamma', 'jane', after => 0.2,
                                        header => "X-Ticket: yes\r\n"));

is($answers[0]{status}, 200, 'the first one connects');
is($answers[1]{status}, 409, 'the second one is refused');
is($answers[2]{status}, 200, 'who has a ticket connects');
ok(!main::one_by_one(seen()), 'at once');
stop_providers();

=== TEST: exempt grants wait for nobody, and keep nobody out
--- check
slow_provider(delay => 0.6, answer => \&main::grant);

my @answers = together(map { main::connect_of($_, 'jane',
                                              grant => 'client_credentials') }
                           'alpha', 'beta');

is(statuses(@answers), '200 200', 'both connect');
ok(!main::one_by_one(seen()), 'at the same time');
stop_providers();

=== TEST: a worker that is killed keeps nobody out
--- check
slow_provider(delay => 1.5, answer => \&main::grant);

my $first = main::under_way(main::connect_of('alpha', 'jane'));
my ($seen) = seen();

kill KILL => $seen->{worker};
waitpid $first, 0;

my $from = Time::HiRes::time();
my @answers = together(main::connect_of('beta', 'jane'),
                       main::connect_of('gamma', 'jane'));

is(statuses(@answers), '200 409', 'one of the others connects');
cmp_ok(Time::HiRes::time() - $from, '<', 5, 'before any lease is over');
stop_providers();

=== TEST: a reload in between
--- check
slow_provider(delay => 1.5, answer => \&main::grant);

my $first = main::under_way(main::connect_of('alpha', 'jane'));
my $pid = slurp "$ENV{TEST_NGINX_SERVER_ROOT}/logs/nginx.pid";

chomp $pid;
kill HUP => $pid;
Time::HiRes::sleep(0.5);

my @answers = together(main::connect_of('beta', 'jane'));

is(main::told(@answers), '409 for alpha', 'the new workers wait for the old');
is(scalar(seen()), 1, 'the provider saw the first alone');
waitpid $first, 0;
stop_providers();
