# Medians with confidence intervals, and the A/A rule.

package Stats;

use strict;
use warnings;

# plain against plain: what a run must not leave to be believed
our ($same_low, $same_high) = (0.93, 1.07);


sub median {
    my @sorted = sort { $a <=> $b } @_;
    my $middle = int(@sorted / 2);

    return undef unless @sorted;

    return @sorted % 2 ? $sorted[$middle]
                       : ($sorted[$middle - 1] + $sorted[$middle]) / 2;
}


# The interval of a median by order statistics, which assumes nothing of the
# distribution: the widest pair of ranks that holds it with at least 95 %.
# Fewer than six values hold it with less: then it is the whole range.

sub interval {
    my @sorted = sort { $a <=> $b } @_;
    my $n = @sorted;
    my ($below, $term, $rank) = (0, 0.5 ** $n, 0);

    return (undef, undef) unless $n;

    for (my $k = 0; $k < $n / 2; $k++) {
        $below += $term;
        last if $below > 0.025;
        $rank = $k + 1;
        $term *= ($n - $k) / ($k + 1);
    }

    $rank = 1 if $rank == 0;

    return @sorted[$rank - 1, $n - $rank];
}


# { median, low, high, n } of a list

sub summary {
    my ($low, $high) = interval(@_);

    return { median => median(@_), low => $low, high => $high,
             n => scalar @_ };
}


sub same {
    my ($ratio) = @_;

    return $ratio >= $same_low && $ratio <= $same_high;
}


# What is known of these without this file: ranks from a table of the sign
# test (2 of 9, 6 of 20, 14 of 41), and that six values are the fewest.

sub self_test {
    my @checks = (
        [median(3, 1, 2), 2],
        [median(4, 1, 3, 2), 2.5],
        ["@{[interval(1 .. 9)]}", '2 8'],
        ["@{[interval(reverse 1 .. 20)]}", '6 15'],
        ["@{[interval(1 .. 41)]}", '14 28'],
        ["@{[interval(1 .. 6)]}", '1 6'],
        ["@{[interval(1 .. 3)]}", '1 3'],
        [join(' ', map { same($_) ? 1 : 0 } 0.929, 0.93, 1.07, 1.071),
         '0 1 1 0'],
    );
    my $bad = 0;

    for (@checks) {
        my ($got, $expected) = @$_;

        next if $got eq $expected;
        print "got $got, expected $expected\n";
        $bad = 1;
    }

    printf "%d checks\n", scalar @checks;

    return $bad;
}


1;
