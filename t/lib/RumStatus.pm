# Answers of the status location as a test wants to look at them, and the
# figures of sorted values to hold them against.
#
#   my $s = status($nginx, 'site=shop&by=page&limit=10000');
#   $s->{metrics}{lcp}{'/p/:id'}{p75}; $s->{counters}{'/p/:id'}{views}
#
#   wrong_values('lcp', $s->{metrics}{lcp}{'*'}, \@sorted)    # '' if none

package RumStatus;

use strict;
use warnings;

use Exporter qw(import);
use RumTest;

our @EXPORT = qw(status wrong_values);

# thresholds of Web Vitals: good up to the first, poor above the second
my %thresholds = (lcp => [2500, 4000], inp => [200, 500], cls => [0.1, 0.25],
                  fcp => [1800, 3000], ttfb => [800, 1800]);

# the groups by value, or undef when it is not 200
sub status {
    my ($nginx, $args) = @_;
    my ($r, $answer, %s);

    $r = $nginx->get("/status?$args");
    return undef unless $r->{status} == 200;
    $answer = decode($r->{body});

    for my $name (keys %{ $answer->{metrics} }) {
        $s{metrics}{$name} = { map { $_->{value} => $_ }
                               @{ $answer->{metrics}{$name}{groups} } };
    }

    $s{counters} = { map { $_->{value} => $_ }
                     @{ $answer->{counters}{groups} } };
    $s{answer} = $answer;

    return \%s;
}

# JSON::PP takes 2.5 s for a megabyte, which is what a pair of dimensions has.
# Strings stay bytes.
sub decode {
    my ($text) = @_;
    my $value = value(\$text);

    $text =~ /\G\s*\z/gc or die 'JSON: more after the end';
    return $value;
}

sub value {
    my ($text) = @_;

    if ($$text =~ /\G"([^"\\]*)"/gc || $$text =~ /\G(-?[0-9.eE+-]+)/gc) {
        return $1;
    }

    if ($$text =~ /\G("(?:[^"\\]|\\.)*")/gc) {
        my $string = json_decode($1);

        utf8::encode($string);
        return $string;
    }

    if ($$text =~ /\G\{/gc) {
        my %hash;

        until ($$text =~ /\G,?\}/gc) {
            my ($key) = $$text =~ /\G,?("(?:[^"\\]|\\.)*"):/gc
                or die 'JSON: no key at ' . (pos($$text) // 0);
            $hash{value(\$key)} = value($text);
        }

        return \%hash;
    }

    if ($$text =~ /\G\[/gc) {
        my @array;

        until ($$text =~ /\G\]/gc) {
            $$text =~ /\G,/gc;
            push @array, value($text);
        }

        return \@array;
    }

    return $1 eq 'true' ? 1 : $1 eq 'null' ? undef : 0
        if $$text =~ /\G(true|false|null)/gc;

    die 'JSON: what is this at ' . (pos($$text) // 0);
}

sub nearest_rank {
    my ($sorted, $q) = @_;
    my $rank = int($q / 100 * @$sorted);

    $rank++ if $rank < $q / 100 * @$sorted - 1e-9;
    return $sorted->[$rank ? $rank - 1 : 0];
}

# What a group says of a metric against the sorted values that were sent: all
# that is wrong, as a text.  min and max may be off by a bucket's width where
# values were replaced.
sub wrong_values {
    my ($metric, $group, $sorted) = @_;
    my ($sum, @rated, @wrong);

    return 'is not there' if !$group;

    push @wrong, "count $group->{count}, not " . @$sorted
        if $group->{count} != @$sorted;

    $sum = 0;
    $sum += $_ for @$sorted;
    push @wrong, "sum $group->{sum}, not $sum"
        if abs($group->{sum} - $sum) > 0.0001 * @$sorted;

    for my $q (50, 75, 90, 95, 99) {
        my $exact = nearest_rank($sorted, $q);

        push @wrong, "p$q $group->{\"p$q\"}, not $exact"
            if abs($group->{"p$q"} - $exact) > 0.0055 * $exact + 1e-6;
    }

    for (['min', $sorted->[0]], ['max', $sorted->[-1]]) {
        my ($name, $exact) = @$_;
        my $off = $metric =~ /^(?:lcp|cls|inp)$/ ? 0.011 : 0;

        push @wrong, "$name $group->{$name}, not $exact"
            if abs($group->{$name} - $exact) > $off * $exact + 1e-6 * $exact;
    }

    if ($thresholds{$metric}) {
        my ($good, $poor) = @{ $thresholds{$metric} };

        @rated = (0, 0, 0);
        $rated[$_ <= $good ? 0 : $_ <= $poor ? 1 : 2]++ for @$sorted;

        push @wrong, "ratings $group->{good} $group->{needs_improvement} "
                     . "$group->{poor}, not @rated"
            if "$group->{good} $group->{needs_improvement} $group->{poor}"
               ne "@rated";
    }

    return join '; ', @wrong;
}

1;
