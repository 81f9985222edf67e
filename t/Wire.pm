package Wire;

# Requests byte by byte, for what Test::Nginx or curl would not send.
#
#   wire(BYTES [, BYTES ...])     sends them to the gateway, with a pause in
#                                 between, and gives what comes back until it
#                                 closes
#   post(PATH, [FIELD, ...], BODY [, METHOD])
#                                 one request with a body of that length
#   statuses_of(ANSWER)           "200 409": of all answers in it
#   ok_status(ANSWER, STATUS, NAME)
#                                 that the answers have these; a digit or x
#   provider_saw()                what the provider's log has of the requests that
#                                 are no steps of a test: a line each

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET ();
use Test::More ();
use Time::HiRes ();

use OAuthGateway ();

our @EXPORT = qw(wire post statuses_of ok_status provider_saw);


sub wire
{
    my (@parts) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $Test::Nginx::Util::ServerPortForClient,
        Timeout => 5) or die "no connection: $!\n";
    my $answer = '';

    local $SIG{PIPE} = 'IGNORE';
    local $SIG{ALRM} = sub { die "no end of the answer: $answer\n" };
    alarm 10;

    for my $i (0 .. $#parts) {
        Time::HiRes::sleep(0.1) if $i;
        $socket->syswrite($parts[$i]);
    }

    while ($socket->sysread(my $more, 65536)) {
        $answer .= $more;
    }

    alarm 0;
    $socket->close;

    return $answer;
}


sub post
{
    my ($path, $fields, $body, $method) = @_;

    return wire(join("\r\n", ($method // 'POST') . " $path HTTP/1.1",
                     'Host: localhost', 'Connection: close', @$fields,
                     'Content-Length: ' . length $body, '', '') . $body);
}


sub statuses_of
{
    my ($answer) = @_;

    return join ' ', $answer =~ m{(?:\A|(?<=\n)|(?<=\}))HTTP/\d\.\d (\d{3}) }g;
}


sub ok_status
{
    my ($answer, $status, $name) = @_;

    $status =~ s/x/\\d/g;

    return Test::More::like(statuses_of($answer), qr/^$status$/, $name)
           || Test::More::diag($answer);
}


# nginx writes its log after the answer
sub provider_saw
{
    Time::HiRes::sleep(0.1);

    my $log = OAuthGateway::slurp(OAuthGateway::html('provider.log'));

    return grep { !m{ /token\?t=} } split /\n/, $log // '';
}

1;
