# Beacons that can be told apart in the rollups, to show for each one of many
# that it is counted once.
#
# Beacon N is on page N / 24 and has the metric "id" = 2^(N % 24).  The sum of
# distinct powers says which ones are in it; and if one were in it twice, the
# sum would have fewer bits than the count says.
#
#   my $agg = aggregator(redis => $redis, conf => RumCounted::conf());
#   my $load = RumLoad->start($port, $n, \&RumCounted::request, ...);
#   RumCounted::check($nginx, 'after a kill', $load->wait);

package RumCounted;

use strict;
use warnings;

use Test::More;
use RumLoad;
use RumStatus;
use RumTest;

my $per_page = 24;

# room for all pages
sub conf { return "flush = 100ms\nlimit { page = 5000 }\n" }

# three letters: digits would be grouped
sub page {
    my ($n) = @_;
    my $page = int $n / $per_page;

    return '/g/' . join '', map { chr(97 + $page / 26 ** $_ % 26) } 2, 1, 0;
}

sub request {
    my ($n, $more) = @_;
    my $session = int $n / 5;

    return RumLoad::post('/rum', sprintf
        '{"v":1,"view":"v%d","session":"s%d","n":1,"seq":0,"page":"%s",'
        . '"metrics":{"id":%d}%s}', $n, $session, page($n),
        2 ** ($n % $per_page), $more // '');
}

# All that Redis has is in the rollups; the aggregator's figures.  Each question
# is a new one: an answer is given again for a second.
sub settled {
    my ($nginx) = @_;
    my $events = -1;

    return wait_for(sub {
        my $s = $nginx->json('/status?limit=' . $nginx->next_limit) or return;
        my $done = !$s->{module}{ring}{events}
                   && defined $s->{aggregator}{lag}
                   && $s->{aggregator}{lag} == 0
                   && $s->{aggregator}{events} == $events && $s;

        $events = $s->{aggregator}{events};
        return $done;
    }, 60);
}

# Results are RumLoad's: a 204 must be counted once, anything else that was
# sent once or not at all, the rest not at all.
sub check {
    my ($nginx, $name, @results) = @_;
    my $c = compare($nginx, $name, @results) or return;

    ok(!@{ $c->{lost} },
       "$name: all $c->{answers}{204} beacons with a 204 are counted")
        or diag(@{ $c->{lost} } . ' are not: ' . some(@{ $c->{lost} }));
    once($name, $c);

    return $c->{health};
}

sub once {
    my ($name, $c) = @_;

    ok(!@{ $c->{extra} } && !@{ $c->{twice} },
       "$name: none is counted twice")
        or diag('never sent: ' . some(@{ $c->{extra} }) . "\n"
                . some(@{ $c->{twice} }));
}

sub some { return join ' ', grep { defined } @_[0 .. 20] }

# { health => the status, answers => { 204 => 5021, 0 => 12 }, lost => [...],
#   extra => [numbers that were never sent], twice => [texts] }
sub compare {
    my ($nginx, $name, @results) = @_;
    my ($health, $s, %answers, @lost, @extra, @twice);

    $answers{$_ // 'never sent'}++ for @results;
    note("$name: " . json(\%answers));

    $health = settled($nginx);
    ok($health, "$name: all of it is rolled up") or return;
    note("$name: " . json($health->{aggregator}));

    # an answer is given again for a second, to who asks the same
    $s = status($nginx, 'site=shop&by=page&last=1h&limit='
                         . (10000 - $nginx->next_limit % 500));

    for my $page (0 .. int $#results / $per_page) {
        my $name = page($page * $per_page);
        my ($group, $counters) = ($s->{metrics}{id}{$name},
                                  $s->{counters}{$name});
        my $bits = $group ? int $group->{sum} : 0;

        for my $k (0 .. $per_page - 1) {
            my $n = $page * $per_page + $k;
            my $result = $n < @results ? $results[$n] : undef;
            my $there = $bits >> $k & 1;

            push @lost, $n if !$there && $result && $result == 204;
            push @extra, $n if $there && !defined $result;
        }

        my $count = unpack '%32b*', pack 'N', $bits;
        push @twice, "$name: $_->[0] $_->[1], not $count"
            for grep { ($_->[1] || 0) != $count }
                [ values => $group && $group->{count} ],
                map { [ $_ => $counters && $counters->{$_} ] }
                    qw(beacons views entrances);
    }

    return { health => $health, answers => \%answers, lost => \@lost,
             extra => \@extra, twice => \@twice };
}

1;
