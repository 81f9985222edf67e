package Flights;

# Callers that come at once, and a slow provider that tells who was there.
#
#   slow_provider(%how)   starts one at html/slow.sock: one process per
#                         request, each answered after a while
#   together(@requests)   sends them all at once, each in a connection of its
#                         own, and waits; an array of { status, header, text,
#                         json, action }
#   seen()                what the provider saw: { at, until, body, worker }
#   stop_providers()
#
# A request is { path, body, header, after }, made by refresh_of(TOKEN, ...);
# TOKEN alone stands for the usual one. "after" seconds it begins. "how" is
#
#   delay    seconds until the answer
#   answer   a code that gives (status, body) for (request, number)
#
# By default a provider rotates: rt-canary-1 is answered with rt-canary-1.N,
# N counting all exchanges.

use strict;
use warnings;

use Exporter 'import';
use IO::Select ();
use IO::Socket::UNIX ();
use JSON::PP ();
use POSIX ();
use Time::HiRes ();

use OAuthGateway ();

our @EXPORT = qw(slow_provider together seen stop_providers refresh_of
                 statuses distinct);

my @providers;
my $json = JSON::PP->new->canonical;


sub slow_provider
{
    my (%how) = @_;
    my $path = OAuthGateway::html('slow.sock');
    my $log = OAuthGateway::html('provider-slow.log');

    unlink $path, $log;

    my $socket = IO::Socket::UNIX->new(Local => $path, Listen => 512)
        or die "$path: $!\n";
    my $pid = fork // die "fork: $!\n";

    if ($pid) {
        # the workers may be another user's
        chmod 0777, $path;
        push @providers, $pid;
        return $pid;
    }

    child();
    alarm 60;
    $SIG{CHLD} = 'IGNORE';

    for (my $n = 1; ; $n++) {
        my $client = $socket->accept;

        if (!$client) {
            $n--;
            next;
        }

        my $one = fork // POSIX::_exit(1);

        if ($one == 0) {
            alarm 60;
            serve($client, $n, $log, \%how);
            POSIX::_exit(0);
        }
    }
}


# a child of the suite says nothing in its name
sub child
{
    $Test::Nginx::Util::InSubprocess = 1;
    Test::More->builder->no_ending(1);
    $SIG{$_} = 'DEFAULT' for qw(ALRM TERM INT);

    return;
}


sub serve
{
    my ($client, $n, $log, $how) = @_;
    my $request = read_request($client);
    my $at = Time::HiRes::time();
    my ($worker) = $request =~ /^X-Worker: (\d+)/mi;
    my $body = $request =~ s/.*?\r\n\r\n//sr;
    my ($status, $text) = ($how->{answer} // \&rotate)->($body, $n);

    note_down($log, { n => $n, at => $at, body => $body, worker => $worker });
    Time::HiRes::sleep($how->{delay} // 0.3);
    note_down($log, { n => $n, until => Time::HiRes::time() });

    print {$client} "HTTP/1.1 $status Status\r\n"
                    . "Content-Type: application/json\r\n"
                    . 'Content-Length: ' . length($text) . "\r\n"
                    . "Connection: close\r\n\r\n$text";
    $client->close;

    return;
}


sub read_request
{
    my ($client) = @_;
    my $request = '';

    while (!whole($request)) {
        $client->sysread($request, 65536, length $request) or last;
    }

    return $request;
}


sub whole
{
    my ($request) = @_;
    my ($header, $body) = split /\r\n\r\n/, $request, 2;

    return 0 if !defined $body;

    my ($length) = $header =~ /^Content-Length: (\d+)/mi;

    return length $body >= ($length // 0);
}


sub rotate
{
    my ($body, $n) = @_;
    my ($token) = $body =~ /refresh_token=rt-canary-([\w.]+)/;

    return (200, $json->encode({ access_token => "at-canary-$token.$n",
                                 refresh_token => "rt-canary-$token.$n",
                                 expires_in => 3600, user => 'jane' }));
}


# lines of several processes, each written at once
sub note_down
{
    my ($log, $what) = @_;

    open my $out, '>>', $log or die "$log: $!\n";
    syswrite $out, $json->encode($what) . "\n";
    close $out;

    return;
}


sub seen
{
    my $log = OAuthGateway::slurp(OAuthGateway::html('provider-slow.log'));
    my %seen;

    for my $line (split /\n/, $log // '') {
        my $one = $json->decode($line);

        $seen{$one->{n}} = { %{$seen{$one->{n}} // {}}, %$one };
    }

    return map { $seen{$_} } sort { $a <=> $b } keys %seen;
}


sub stop_providers
{
    for my $pid (splice @providers) {
        kill TERM => $pid;
        waitpid $pid, 0;
    }

    return;
}


sub refresh_of
{
    my ($token, %more) = @_;
    my $body = "grant_type=refresh_token&refresh_token=rt-canary-$token";

    $body .= '&client_id=' . ($more{client} // 'app');
    $body .= "&$more{body}" if defined $more{body};

    return { path => $more{path} // '/slow', body => $body,
             header => $more{header} // '', after => $more{after} // 0 };
}


sub together
{
    my @requests = map { ref $_ ? $_ : refresh_of($_) } @_;
    my $select = IO::Select->new;
    my $from = Time::HiRes::time();
    my (@answers, %index);

    # a worker may be killed with a caller in its queue: that one has no answer
    local $SIG{PIPE} = 'IGNORE';

    for my $i (0 .. $#requests) {
        my $r = $requests[$i];
        my $left = $from + $r->{after} - Time::HiRes::time();

        Time::HiRes::sleep($left) if $left > 0;

        my $socket = IO::Socket::UNIX->new(Peer => OAuthGateway::html('gw.sock'))
            or die "gw.sock: $!\n";

        $index{$socket} = $i;
        $answers[$i] = '';
        $select->add($socket);
        $socket->autoflush(1);
        print {$socket} "POST $r->{path} HTTP/1.1\r\nHost: localhost\r\n"
              . "Content-Type: application/x-www-form-urlencoded\r\n"
              . 'Content-Length: ' . length($r->{body}) . "\r\n"
              . "$r->{header}Connection: close\r\n\r\n$r->{body}";
    }

    while ($select->count && Time::HiRes::time() < $from + 45) {
        for my $socket ($select->can_read(0.5)) {
            my $i = $index{$socket};

            if (!$socket->sysread($answers[$i], 65536, length $answers[$i])) {
                $select->remove($socket);
                $socket->close;
            }
        }
    }

    return map { answer_of($_) } @answers;
}


sub answer_of
{
    my ($raw) = @_;
    my ($header, $text) = split /\r\n\r\n/, $raw, 2;
    my ($status) = ($header // '') =~ m{^HTTP/\S+ (\d+)};
    my ($action) = ($header // '') =~ /^X-Action: (\w+)/mi;

    return { status => $status // 0, header => $header // '',
             action => $action // '', text => $text // '',
             json => (eval { $json->decode($text) } // {}) };
}


# "200 200 503", sorted
sub statuses
{
    return join ' ', sort map { $_->{status} } @_;
}


sub distinct
{
    my ($member, @answers) = @_;
    my %seen = map { ($_->{json}{$member} // '-') => 1 } @answers;

    return join ' ', sort keys %seen;
}


END {
    stop_providers() if !$Test::Nginx::Util::InSubprocess;
}

1;
