# Events of one worker: their counts, and the live stream.
use lib 't';
use OAuthGateway;

use IO::Socket::INET ();

our %streams;

workers(1);
worker_connections(256);

# a stream of events: what comes until all patterns have been seen
sub stream_open {
    my ($name, @fields) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => gateway_port()) or die $!;

    print $s join "\r\n", "GET /status/events$fields[0] HTTP/1.1",
                  'Host: localhost', 'Accept: text/event-stream',
                  @fields[1 .. $#fields], '', '';
    $streams{$name} = { socket => $s, text => '' };
}

sub stream_wait {
    my ($name, $pattern, $seconds) = @_;
    my $stream = $streams{$name};
    my $end = Time::HiRes::time() + ($seconds // 5);

    while ($stream->{text} !~ $pattern) {
        my $left = $end - Time::HiRes::time();
        my $rin = '';

        last if $left <= 0;
        vec($rin, fileno $stream->{socket}, 1) = 1;
        next if !select $rin, undef, undef, $left;

        my $n = sysread $stream->{socket}, my $more, 65536;

        if (!$n) {
            $stream->{closed} = 1;
            last;
        }

        $stream->{text} .= $more =~ s/\r//gr;
    }

    return $stream->{text};
}

sub gateway {
    my ($method, $uri, $body, @fields) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => gateway_port()) or die $!;

    print $s join "\r\n", "$method $uri HTTP/1.0", 'Host: localhost', @fields,
                  'Content-Length: ' . length $body, '', $body;
    local $/;

    return scalar <$s>;
}

sub connect_as {
    my ($t, $user, $owner) = @_;

    return gateway('POST', "/token?t=$t&u=$user",
                   "grant_type=authorization_code&code=code-canary-$t"
                   . '&client_id=app',
                   "X-OAuth-Owner: $owner",
                   'Content-Type: application/x-www-form-urlencoded');
}

sub gateway_port { return $Test::Nginx::Util::ServerPortForClient }

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => told_locations()) if !defined $block->config;
});

run_tests();

__DATA__

=== TEST: the count is told when its time has come
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 409
call 1 : 409
call 1 : 409
    sleep 10.6
GET /status/events?after=4 : 200 | items.0.type=rejected | items.0.count=2 | -items.1

=== TEST: or when the worker ends
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 409
call 1 : 409
    reload
GET /status/events?after=4 : 200 | items.0.type=rejected | items.0.count=1 | -items.1

=== TEST: the stream tells what happens, at once
--- steps
connect 1 u=jane owner=alpha
--- check
stream_open('live', '');
like(stream_wait('live', qr/\n:\n\n/), qr/200 OK.*Content-Type: text\/event-stream\n/s, 'a stream');
like($streams{live}{text}, qr/^Cache-Control: no-store$/m, 'not stored');
unlike($streams{live}{text}, qr/"connected"/, 'nothing of the past');
my $start = Time::HiRes::time();
connect_as(2, 'jane', 'beta');
like(stream_wait('live', qr/superseded.*\n\n/s),
     qr/id: 2\nevent: connected\ndata: \{.*\}\n\nid: 3\nevent: superseded\ndata: \{"seq":3,"type":"superseded".*"owner":"alpha".*\}\n\n/s,
     'both events');
cmp_ok(Time::HiRes::time() - $start, '<', 1, 'within a second');
close $streams{live}{socket};

=== TEST: from an event on
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
--- check
stream_open('a', '?after=1');
like(stream_wait('a', qr/id: 3\n/), qr/id: 2\n.*id: 3\n/s, 'after=1');
unlike($streams{a}{text}, qr/id: 1\n/, 'not the first');
stream_open('b', '?after=0', 'Last-Event-ID: 2');
like(stream_wait('b', qr/id: 3\n/), qr/id: 3\n/s, 'Last-Event-ID');
unlike($streams{b}{text}, qr/id: 2\n/, 'goes before the parameter');
stream_open('c', '?after=0');
like(stream_wait('c', qr/id: 3\n/), qr/id: 1\n.*id: 2\n.*id: 3\n/s, 'all');
stream_open('d', '', 'Last-Event-ID: x');
like(stream_wait('d', qr/\n\n.*after/s), qr/^HTTP\/1.1 400 .*invalid-parameter/s, 'no cursor');

=== TEST: many events for a slow reader
--- steps
connect 1 u=jane owner=alpha
--- check
for my $i (2 .. 120) { connect_as($i, 'jane', 'alpha') }
stream_open('slow', '?after=0');
Time::HiRes::sleep(1);
my $text = stream_wait('slow', qr/id: 239\n.*\n\n/s, 10);
my @ids = $text =~ /^id: (\d+)$/mg;
is("@ids[0 .. 238]", join(' ', 1 .. 239), 'each once, in order');

=== TEST: a reload ends streams, and the worker
--- steps
connect 1 u=jane owner=alpha
--- check
stream_open('old', '');
stream_wait('old', qr/\n:\n\n/);
my $start = Time::HiRes::time();
OAuthGateway::reload();
cmp_ok(Time::HiRes::time() - $start, '<', 5, 'the old worker is gone');
like(stream_wait('old', qr/\n0\n\n$/), qr/\n0\n\n$/, 'the stream came to its end');

=== TEST: who goes away leaves room for others
--- steps
connect 1 u=jane owner=alpha
--- check
for my $i (1 .. 64) { stream_open($i, ''); stream_wait($i, qr/\n:\n\n/) }
stream_open('more', '');
like(stream_wait('more', qr/too-many/), qr/^HTTP\/1.1 503 .*urn:oauth-gateway:too-many-streams/s, 'one too many');
close $streams{7}{socket};
Time::HiRes::sleep(0.5);
stream_open('next', '');
like(stream_wait('next', qr/\n:\n\n/), qr/^HTTP\/1.1 200 /, 'room again');
connect_as(2, 'jane', 'beta');
like(stream_wait('64', qr/id: 3\n/), qr/id: 3\n/, 'the others still hear');
close $streams{$_}{socket} for 1 .. 6, 8 .. 64, 'next';
