# Bars with their confidence intervals, as SVG that reads on light and dark.

package Plot;

use strict;
use warnings;

my ($left, $width, $step) = (300, 360, 26);


# bars(TITLE, [LABEL, { median, low, high }], ...): 1 is marked by a line

sub bars {
    my ($title, @bars) = @_;
    my $largest = 1;

    for (@bars) {
        $largest = $_->[1]{high} if $_->[1]{high} > $largest;
    }

    my $scale = $width / $largest;
    my $height = 60 + $step * @bars;
    my $full = $left + $width + 70;
    my $one = $left + $scale;
    my $end = $height - 14;
    my $text = escape($title);
    my $svg = <<"END";
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $full $height" role="img">
<title>$text</title>
<style>
text { font: 13px sans-serif; fill: #24292f }
.back { fill: #ffffff } .bar { fill: #4a7ebb } .line { stroke: #24292f }
\@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .back { fill: #0d1117 } .line { stroke: #e6edf3 }
}
</style>
<rect class="back" width="$full" height="$height"/>
<text x="14" y="22">$text</text>
END

    my $y = 40;

    for my $bar (@bars) {
        my ($label, $value) = @$bar;
        my ($low, $high, $middle) = map { $left + $scale * $value->{$_} }
                                    qw(low high median);

        $svg .= sprintf qq{<text x="%d" y="%d" text-anchor="end">%s</text>\n}
                        . qq{<rect class="bar" x="%d" y="%d" width="%.1f" }
                        . qq{height="16"/>\n}
                        . qq{<path class="line" d="M%.1f %dH%.1f"/>\n}
                        . qq{<text x="%d" y="%d">%.2f</text>\n},
                        $left - 10, $y + 13, escape($label), $left, $y,
                        $middle - $left, $low, $y + 8, $high,
                        $left + $width + 14, $y + 13, $value->{median};
        $y += $step;
    }

    return $svg . sprintf qq{<path class="line" stroke-dasharray="4 3" }
                          . qq{d="M%.1f 34V%d"/>\n</svg>\n}, $one, $end;
}


sub escape {
    my ($text) = @_;
    my %entity = ('&' => 'amp', '<' => 'lt', '>' => 'gt', '"' => 'quot');

    $text =~ s/([&<>"])/&$entity{$1};/g;

    return $text;
}


1;
