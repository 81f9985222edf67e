# Instructions per request by callgrind: the figure that a noisy machine does
# not blur. Kept in instructions.txt, and checked against it.

package Instructions;

use strict;
use warnings;

use IO::Socket::INET;
use List::Util qw(min);
use Time::HiRes qw(sleep);

use Servers;

# What the guard adds was seen to differ from run to run by 0.4 % of a plain
# request, by how timers meet the clock.
my $tolerance = 0.005;

# The least of some batches: on a busy machine the event loop goes another
# round for some requests.
my $warm = 300;
my $counted = 200;
my $batches = 5;

# The gateway has gone to sleep before it gets the next request.
my $pause = 0.003;


# { plain => N, guard => N }: user instructions a request

sub count {
    my ($servers, $store) = @_;
    my $dir = "$servers->{dir}/instructions";
    my %found;

    mkdir $dir;
    unlink glob "$dir/callgrind.out*";

    my $server = $servers->gateway('instructions', store => $store,
        single => 1, patience => 120, max_size => 'max_size=1g',
        under => ['setarch', '-R', 'valgrind', '--tool=callgrind',
                  "--callgrind-out-file=$dir/callgrind.out"]);

    # valgrind has no room for the default size of the store; a guard without
    # one would pass everything, in few instructions
    Servers::tells($server, 'guard');

    for my $path (qw(plain guard)) {
        calls($server, $path, $warm);

        $found{$path} = min(map {
            control('--zero', $server);
            calls($server, $path, $counted);
            control("--dump=$path-$_", $server);
            int(dumped($dir, "$path-$_") / $counted + 0.5)
        } 1 .. $batches);
    }

    Servers::stop($server);

    return \%found;
}


# one after the other on one connection: each is the same for the gateway

sub calls {
    my ($server, $path, $n) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $server->{port},
                                       Timeout => 60)
        or die "instructions: $!\n";

    for my $i (0 .. $n - 1) {
        print $socket "GET /$path HTTP/1.1\r\nHost: bench\r\n"
                      . "Authorization: Bearer at-fill-" . $i % 10 . "\r\n\r\n";
        answer($socket) =~ m{^HTTP/1\.1 200 }
            or die "instructions: the answer is not 200\n";
        sleep $pause;
    }
}


sub answer {
    my ($socket) = @_;
    my $answer = '';

    for (;;) {
        sysread $socket, $answer, 65536, length $answer
            or die "instructions: no answer\n";

        if ($answer =~ /^(.*?\r\n\r\n)/s) {
            my ($head, $length) = ($1, $answer =~ /^Content-Length: (\d+)/mi);

            return $answer if length $answer >= length($head) + $length;
        }
    }
}


sub control {
    my ($what, $server) = @_;

    system("timeout 60 callgrind_control $what $server->{pid} "
           . ">$server->{dir}/control 2>&1") == 0
        or die "callgrind_control failed, see $server->{dir}/control\n";
}


sub dumped {
    my ($dir, $name) = @_;

    for my $file (glob "$dir/callgrind.out*") {
        open my $in, '<', $file or next;
        my $text = do { local $/; <$in> };

        next unless $text =~ /^desc: Trigger: .*\Q$name\E/m;
        return $1 if $text =~ /^(?:totals|summary): (\d+)/m;
    }

    die "callgrind left no dump for $name in $dir\n";
}


sub write {
    my ($file, $found, $machine) = @_;

    Servers::write_file($file, <<"END");
# User instructions per request on a keep-alive connection, by callgrind, as
# ./build.sh bench --update-instructions has counted them.
nginx $machine->{nginx}
openssl $machine->{openssl}
plain $found->{plain}
guard $found->{guard}
END
}


# Returns whether the guard adds more than it did. With other libraries the
# figure is another one: then it is shown only.

sub check {
    my ($file, $found, $machine) = @_;
    my %kept;

    open my $in, '<', $file or die "$file: $!\n";

    while (<$in>) {
        $kept{$1} = $2 if /^(\w+) (\S+)$/;
    }

    my $now = $found->{guard} - $found->{plain};
    my $then = $kept{guard} - $kept{plain};
    my $same = $kept{nginx} eq $machine->{nginx}
               && $kept{openssl} eq $machine->{openssl};
    my $limit = int($then + $tolerance * $kept{plain});
    my $worse = $now > $limit;

    @$found{qw(added added_kept ratio)} = ($now, $then, $found->{guard}
                                                        / $found->{plain});

    printf "instructions per request: plain %d, guard %d (%.3f), added %d "
           . "(kept: %d)\n", @$found{qw(plain guard ratio added added_kept)};

    if (!$same) {
        print "not checked: kept for nginx $kept{nginx} and OpenSSL "
              . "$kept{openssl}\n";
        return 0;
    }

    $found->{checked} = $worse ? 'failed' : 'passed';
    print "check $found->{checked}: the guard may add up to $limit\n";

    return $worse ? 1 : 0;
}


1;
