# Events below oauth_status: what is told of whom, pages, and the stream.
use lib 't';
use OAuthGateway;

use IO::Socket::INET ();

our %streams;

# a stream of events: what comes until all patterns have been seen
sub stream_open {
    my ($name, @fields) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => server_port()) or die $!;

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
                                  PeerPort => server_port()) or die $!;

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

sub server_port { return $Test::Nginx::Util::ServerPortForClient }

add_block_preprocessor(sub {
    my ($block) = @_;

    if (!defined $block->config) {
        $block->set_value(config => <<'END');
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location = /flagged {
            oauth_token_endpoint p flag;
            proxy_pass http://provider/token;
        }
        location = /revoke {
            oauth_revocation_endpoint p;
            proxy_pass http://provider/ok;
        }
        location /api {
            oauth_guard p;
            proxy_pass http://provider;
        }
        location /flag/ {
            oauth_guard p flag;
            proxy_pass http://provider/;
        }
        location /status/ {
            oauth_status;
            oauth_status_write on;
            send_timeout 2s;
        }
END
    }
});

run_tests();

__DATA__

=== TEST: none yet
--- steps
GET /status/events : 200 | Content-Type: application/json | Cache-Control: no-store | items=[] | next=null

=== TEST: connects, and who superseded whom
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=jane o=acme owner=beta
GET /status/events : 200 | items.0.seq=1 | items.0.type=connected | items.0.connection=1 | items.0.provider=p | items.0.client=app
:   200 | items.0.user=jane | items.0.tenant=acme | items.0.owner=alpha | items.0.at~^\d{4}-.*Z$ | items.0.count=1 | items.0.other=null | items.0.adopted=false
:   200 | items.1.type=connected | items.1.connection=2 | items.1.owner=beta
:   200 | items.2.type=superseded | items.2.connection=1 | items.2.owner=alpha | items.2.other.connection=2 | items.2.other.owner=beta
:   200 | items.2.reconnect=false | items.2.undecided=false | -items.3 | next=null

=== TEST: pages
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
connect 3 u=jill owner=gamma
GET /status/events?limit=2 : 200 | items.0.seq=1 | items.1.seq=2 | -items.2 | next=2
GET /status/events?limit=2&after=2 : 200 | items.0.seq=3 | items.1.seq=4 | -items.2 | next=null
GET /status/events?after=3 : 200 | items.0.seq=4 | -items.1 | next=null
GET /status/events?after=4 : 200 | items=[] | next=null
GET /status/events?after=18446744073709551615 : 200 | items=[]
HEAD /status/events : 200 | /^$/

=== TEST: parameters that cannot be used
--- steps
GET /status/events?limit=0 : 400 | type=urn:oauth-gateway:invalid-parameter
GET /status/events?limit=1001 : 400
GET /status/events?after=x : 400
GET /status/events?after=-1 : 400
GET /status/events?after=1&after=1 : 400
GET /status/events?type=connected : 400
POST /status/events : 405 | Allow: GET, HEAD

=== TEST: refusals, counted
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 409
GET /status/events?after=3 : 200 | items.0.type=rejected | items.0.connection=1 | items.0.owner=alpha | items.0.other.connection=2 | items.0.other.owner=beta | items.0.count=1 | -items.1
call 1 : 409
call 1 : 409
call 1 : 409
GET /status/events?limit=1000 : 200 | /"type":"rejected"/

=== TEST: marks
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 path=/flag/dead : 401 | OAuth-Connection-Status: superseded
GET /status/events?after=3 : 200 | items.0.type=flagged | items.0.connection=1 | items.0.other.connection=2 | -items.1
call 2 path=/flag/x : 200
GET /status/events?after=4 : 200 | items=[]

=== TEST: a refusal of a refresh, and of what is no token request
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
refresh 1 as=3 owner=alpha : 400
GET /status/events?after=3 : 200 | items.0.type=rejected | items.0.connection=1 | items.0.provider=p | -items.1

=== TEST: a takeover that was refused
--- provider
    user      $oauth_request_username;
    owner     $http_x_oauth_owner;
    limit     1 per user client;
    takeover  reject;
--- steps
connect 1 owner=alpha grant=password +username=j@acme
connect 2 owner=beta grant=password +username=j@acme : 409
GET /status/events : 200 | items.1.type=takeover_rejected | items.1.connection=1 | items.1.owner=alpha | items.1.other.owner=beta | items.1.other.connection=null | -items.2

=== TEST: refreshes, replays
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 1 as=3 u=jane : 200 | /at-canary-2/
GET /status/events : 200 | items.1.type=refreshed | items.1.connection=1 | items.2.type=replayed | items.2.connection=1 | -items.3

=== TEST: orders
--- steps
connect 1 u=jane
POST /status/connections/1/release : 200
POST /status/connections/1/reinstate : 200
GET /status/events : 200 | items.1.type=released | items.2.type=reinstated | -items.3

=== TEST: a contested slot
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
connect 3 u=jane owner=alpha
connect 4 u=jane owner=beta
    sleep 0.2
GET /status/events : 200 | items.6.type=superseded | items.7.type=contested | items.7.connection=3 | items.7.other.connection=4 | items.7.owner=alpha | -items.8

=== TEST: unknown tokens of a provider are one, however many
--- config
        location /api {
            oauth_guard p;
            oauth_unknown flag;
            proxy_pass http://provider;
        }
        location /status/ {
            oauth_status;
        }
--- steps
call 1 : 200
call 2 : 200
call 3 : 200
GET /status/events : 200 | items.0.type=flagged | items.0.connection=null | items.0.provider=p | items.0.count=1

=== TEST: the count is told when its time has come
--- main
worker_processes 1;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 409
call 1 : 409
call 1 : 409
    sleep 10.6
GET /status/events?after=4 : 200 | items.0.type=rejected | items.0.count=2 | -items.1

=== TEST: or when the worker ends
--- main
worker_processes 1;
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
--- main
worker_processes 1;
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
--- main
worker_processes 1;
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
