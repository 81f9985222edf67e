# What a run found: tables, JSON and plots.

package Report;

use strict;
use warnings;

use JSON::PP;
use POSIX qw(strftime);

use Plot;
use Servers;
use Stats;


sub machine {
    my ($nginx) = @_;
    my ($cpu) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
    my $cpus = () = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;
    my ($memory) = slurp('/proc/meminfo') =~ /^MemTotal:\s+(\d+)/m;
    my ($version) = `$nginx -v 2>&1` =~ m{nginx/(\S+)};
    my ($openssl) = `$nginx -V 2>&1` =~ /.*with OpenSSL (\S+)/;

    return { cpu => $cpu || 'unknown', cpus => $cpus,
             memory_mb => int($memory / 1024),
             kernel => (POSIX::uname())[2], nginx => $version,
             openssl => $openssl || 'unknown', load_before => load(),
             date => strftime('%Y-%m-%d', gmtime) };
}


sub load {
    return 0 + (split ' ', slurp('/proc/loadavg'))[0];
}


sub slurp {
    my ($file) = @_;

    open my $in, '<', $file or return '';

    return do { local $/; <$in> };
}


sub rows {
    my ($rows) = @_;
    my $part = '';

    for my $row (@$rows) {

        if ($row->{part} ne $part) {
            $part = $row->{part};
            printf "\n%-13s %9s %2s %-11s %8s %7s %-15s %7s %6s %7s %7s %7s "
                   . "%7s\n",
                   $part, 'tokens', 'w', $part eq 'exchanges' ? 'parallel'
                                        : $part eq 'beside' ? 'beside'
                                                            : 'access',
                   'req/s', 'ratio', '[95 %]', 'us CPU', 'ratio', 'p50 us',
                   'p99', 'p99.9', 'worst';
        }

        printf "%-13s %9d %2d %-11s %8.0f %7.3f [%5.3f - %5.3f] %7.1f %6.3f "
               . "%7.0f %7.0f %7.0f %7.0f\n",
               $row->{name}, $row->{tokens}, $row->{workers},
               $row->{access} // $row->{connections},
               $row->{rps}{median}, $row->{rps_ratio}{median},
               $row->{rps_ratio}{low}, $row->{rps_ratio}{high},
               $row->{cpu}{median}, $row->{cpu_ratio}{median},
               $row->{p50}{median}, $row->{p99}{median},
               $row->{p999}{median}, $row->{max}{median};
    }

    for my $row (grep { $_->{part} eq 'lists' && $_->{access} eq 'lists' }
                 @$rows) {
        printf "\nlists read ten times a second: p99 of a guarded call takes "
               . "%+.0f us [%.0f - %.0f]\n",
               @{ $row->{added_p99} }{qw(median low high)};
        printf "%-20s %5d pages of 100, median %5.1f ms, worst %5.1f ms\n",
               $_, @{ $row->{pages}{$_} }{qw(n median worst)}
            for sort keys %{ $row->{pages} };
    }

    for my $row (grep { $_->{part} eq 'sweep' && $_->{access} ne 'paced' }
                 @$rows) {
        printf "\n%s: p99 of a guarded call takes %+.0f us [%.0f - %.0f]\n",
               $row->{access} eq 'sweep' ? 'while ended connections are swept'
                                         : 'the same without',
               @{ $row->{added_p99} }{qw(median low high)};
    }

    for my $row (grep { $_->{name} eq 'token' } @$rows) {
        printf "\n%d in parallel: an exchange takes %.0f us more "
               . "[%.0f - %.0f]; a durable commit takes %.0f us\n",
               $row->{connections},
               @{ $row->{added_p50} }{qw(median low high)},
               $row->{commit}{median};
    }
}


sub sizes {
    my ($sizes) = @_;

    printf "\n%9s %9s %10s %18s %18s\n", 'tokens', 'start ms', 'reload ms',
           'disk B/connection', 'worker private MB';

    for (@$sizes) {
        printf "%9d %9.0f %10.0f %18.0f %18.1f\n",
               @$_{qw(tokens start_ms reload_ms disk)},
               $_->{memory_private} / 1048576;
    }
}


sub growth {
    my ($growth) = @_;
    my @days = @{ $growth->{days} };

    printf "\nday %d, %d refreshes: %.1f MB in use, a file of %.1f MB\n",
           @$_{qw(day refreshes)}, map { $_ / 1e6 } @$_{qw(used file)}
        for map { $days[@days * $_ / 4 - 1] } 1 .. 4;

    print "THE STORE GROWS under a steady load\n" if $growth->{grown};
}


sub judged {
    my ($off, $cut) = @_;

    print "\n$cut\n" if $cut;

    if ($off) {
        print "\nTHROWN AWAY: plain against plain left $Stats::same_low to "
              . "$Stats::same_high:\n", map { "  $_\n" } @$off;
    }
}


sub write {
    my ($dir, $result) = @_;

    Servers::write_file("$dir/bench.json",
                        JSON::PP->new->canonical->pretty->encode($result));

    if ($result->{thrown_away}) {
        # a picture would outlive the warning
        unlink "$dir/guard.svg", "$dir/alternatives.svg";
        return;
    }

    my @rows = @{ $result->{rows} };
    my @guard = grep { $_->{part} eq 'guard'
                       && $_->{name} =~ /^(again|guard)$/ } @rows;
    my @others = grep { $_->{part} eq 'alternatives'
                        && $_->{name} ne 'plain' } @rows;

    plot("$dir/guard.svg", 'Requests per second, plain proxy_pass = 1',
         map { [label($_), $_->{rps_ratio}] } @guard);
    plot("$dir/alternatives.svg",
         'Requests per second beside the alternatives, plain proxy_pass = 1',
         map { [$_->{name} eq 'again' ? 'plain again' : $_->{name},
                $_->{rps_ratio}] } @others);
    print "\nkept in $dir\n";
}


sub label {
    my ($row) = @_;

    return sprintf '%s, %s tokens, %d worker%s', $row->{name} eq 'again'
                   ? 'plain again' : "guard, $row->{access}",
                   commas($row->{tokens}), $row->{workers},
                   $row->{workers} == 1 ? '' : 's';
}


sub commas {
    my $n = reverse int $_[0];

    $n =~ s/(\d{3})(?=\d)/$1,/g;

    return scalar reverse $n;
}


sub plot {
    my ($file, $title, @bars) = @_;

    Servers::write_file($file, Plot::bars($title, @bars)) if @bars;
}


1;
