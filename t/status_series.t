# Series of the status location (step) and comparison with an earlier span
# (compare), against exact computation from the values that were put into the
# rollups.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use POSIX qw(floor);
use RumRollup;
use RumTest;

my $redis = redis();
my $nginx = nginx(redis => $redis, redis_options => 'partitions=2',
                  server => 'location /status { rum_status; }');
my $one = nginx(redis => $redis, server => 'location /status { rum_status; }');
my $rollup = RumRollup->new($redis, partitions => 2);
my (%truth, %views);

# an hour that is over, the one before it, and the same a day earlier
my $base = time - time % 3600 - 7200;
my $before = $base - 3600;
my $day = $base - 86400;

srand 17;

# every seventh minute has no values, and each hour is slower than the next
for my $start ($base, $before, $day) {
    for my $minute (0 .. 59) {
        my $t = $start + 60 * $minute + 11;

        for my $country ('DE', 'FR') {
            my $slower = $start == $base ? 1 : $start == $before ? 1.4 : 2;
            my @values = $minute % 7 == 3 ? ()
                : map { int($slower * exp(5.5 + 2.5 * rand) * 10) / 10 } 1 .. 8;

            $rollup->metric('shop', 'all', '*', 'lcp', $t, @values)
                if @values;
            $rollup->metric('shop', 'country', $country, 'lcp', $t, @values)
                if @values;
            $rollup->counter('shop', 'all', '*', 'views', $t, 3 + $minute);
            $rollup->counter('shop', 'country', $country, 'views', $t,
                             3 + $minute);
            push @{ $truth{$start + 60 * $minute}{$country} }, @values;
            $views{$start + 60 * $minute} += 3 + $minute;
        }

        $rollup->sessions('shop', 'all', '*', $t, "s$minute", 'same');
    }
}

$rollup->write;

sub values_of {
    my ($from, $to, @countries) = @_;
    my @values;

    for my $t (grep { $_ >= $from && $_ < $to } keys %truth) {
        push @values, @{ $truth{$t}{$_} } for @countries;
    }

    return [ sort { $a <=> $b } @values ];
}

sub close_to {
    my ($got, $exact, $error) = @_;

    return !defined $exact ? !defined $got
           : defined $got && abs($got - $exact) <= $error * abs $exact;
}

# all points of a series; what is wrong, as a text
sub wrong_points {
    my ($answer, $series, @countries) = @_;
    my @wrong;

    for my $i (0 .. $#{ $answer->{steps} }) {
        my $t = $answer->{steps}[$i];
        my $values = values_of($t, $t + $answer->{step}, @countries);
        my $n = @$values;
        my ($sum, $good) = (0, scalar grep { $_ <= 2500 } @$values);

        $sum += $_ for @$values;

        push @wrong, "$i: count $series->{count}[$i], not $n"
            if $series->{count}[$i] != $n;
        push @wrong, "$i: good $series->{good}[$i], not $good"
            if $series->{good}[$i] != $good;
        push @wrong, "$i: mean"
            if !close_to($series->{mean}[$i], $n ? $sum / $n : undef, 1e-5);

        for my $q (50, 75, 99) {
            push @wrong, "$i: p$q"
                if !close_to($series->{"p$q"}[$i], $n
                             ? RumRollup::exact($values, $q / 100) : undef,
                             0.0055);
        }
    }

    return join '; ', @wrong;
}

my $hour = sprintf 'from=%d&to=%d', $base, $base + 3600;


# step

for my $step ('60', '5m', '20m', '1h') {
    my $seconds = { 60 => 60, '5m' => 300, '20m' => 1200, '1h' => 3600 }->{$step};
    my $answer = $nginx->json("/status?site=shop&$hour&step=$step");
    my $from = $base - $base % $seconds;

    is($answer->{step}, $seconds, "step=$step");
    is_deeply($answer->{steps},
              [ map { $from + $_ * $seconds }
                0 .. floor(($base + 3599 - $from) / $seconds) ],
              'begins on multiples of itself');
    is($answer->{from}, $from, 'as the span does');

    my $group = $answer->{metrics}{lcp}{groups}[0];
    my $counted = $answer->{counters}{groups}[0];

    is(wrong_points($answer, $group->{series}, 'DE', 'FR'), '',
       'each point is right');
    is($group->{count}, scalar @{ values_of($from, $answer->{to}, 'DE', 'FR') },
       'so is the whole');

    my $views = 0;
    $views += $_ for @{ $counted->{series}{views} };
    is($views, $counted->{views}, 'counters by step are all there');

    is($counted->{series}{views}[0],
       eval { my $n = 0; $n += $views{$_}
              for grep { $_ >= $from && $_ < $from + $seconds } keys %views;
              $n }, 'the first of them');
    cmp_ok($counted->{series}{sessions}[0], '>=', 2, 'sessions too');
    is(scalar @{ $counted->{series}{sessions} }, @{ $answer->{steps} },
       'in all steps');
}

my $answer = $nginx->json("/status?site=shop&by=country&$hour&step=5m");

for my $group (@{ $answer->{metrics}{lcp}{groups} }) {
    is(wrong_points($answer, $group->{series}, $group->{value}), '',
       "of $group->{value}");
}

# from one partition a step may be a single window
$answer = $one->json("/status?site=shop&$hour&step=60&metric=views,lcp");

my @half = @{ $answer->{metrics}{lcp}{groups}[0]{series}{count} };
my $sum = 0;

$sum += $_ for @half;
is($sum, $answer->{metrics}{lcp}{groups}[0]{count}, 'steps of one window');
is($half[3], 0, 'nothing in an empty one');
is($answer->{metrics}{lcp}{groups}[0]{series}{p75}[3], undef, 'no quantile');

$answer = $nginx->json("/status?site=shop&$hour&step=20m&metric=lcp&buckets=1");

my $group = $answer->{metrics}{lcp}{groups}[0];

for my $i (0 .. 2) {
    my $n = $group->{series}{histogram}[$i]{zero_count};

    $n += $_ for @{ $group->{series}{histogram}[$i]{counts} };
    is($n, $group->{series}{count}[$i], "buckets of step $i");
}

is($group->{count}, scalar @{ values_of($base, $base + 3600, 'DE', 'FR') },
   'and the whole');

my $csv = $nginx->get("/status?site=shop&$hour&step=20m&metric=lcp,views"
                      . '&format=csv&q=75')->{body};
my @rows = map { [ split /,/, $_, -1 ] } split /\r\n/, $csv;

is(join(',', @{ $rows[0] }),
   'site,metric,value,time,count,mean,p75,good,needs_improvement,poor',
   'CSV by step');
is(scalar @rows, 1 + 3 + 3, 'a row for each step');
is(scalar(grep { @$_ != @{ $rows[0] } } @rows), 0, 'as long as the header');
is("@{ $rows[2] }[3, 4]", $base + 1200 . ' '
   . @{ values_of($base + 1200, $base + 2400, 'DE', 'FR') }, 'of its step');

for my $case (['step=90', 'step'], ['step=0', 'step'], ['step=x', 'step'],
              ['step=1m&last=7d', 'step'], ['step=1h&last=60d', 'step'],
              ['step=60&format=prometheus', 'step'],
              ['step=1m&from=' . ($base - 86400), 'step'],
              ['compare=yesterday', 'compare'], ['compare=', 'compare'],
              ['compare=1001d', 'compare'],
              ['compare=1000d&last=1000d', 'compare'],
              ['compare=1d&format=prometheus', 'compare'],
              ['compare=1d&list=sites', 'compare'])
{
    my ($args, $parameter) = @$case;
    my $r = $nginx->get("/status?$args");

    is($r->{status}, 400, "$args: refused");
    is(json_decode($r->{body})->{parameter}, $parameter, 'which names it');
}


# compare

# The interval of a quantile between two order statistics, from the exact
# binomial distribution.
sub interval {
    my ($values, $q) = @_;
    my $n = @$values;
    my ($sum, $low, $high, $log) = (0, 0, $n + 1, $n * log(1 - $q));

    for my $k (0 .. $n) {
        $sum += exp $log;
        $low = $k + 1 if $sum <= 0.025;
        $high = $k + 1 if $sum >= 0.975 && $high == $n + 1;
        $log += log(($n - $k) / ($k + 1) * $q / (1 - $q)) if $k < $n;
    }

    return map { $_ >= 1 && $_ <= $n ? $values->[$_ - 1] : undef } $low, $high;
}

for my $case (["$hour&compare=previous", $before, 60],
              ["$hour&compare=1h", $before, 60],
              ["$hour&compare=1d", $day, 60],
              ["$hour&compare=previous&step=5m", $before, 300])
{
    my ($question, $then, $resolution) = @$case;

    for my $country ('*', 'DE') {
        my $by = $country eq '*' ? '' : '&by=country';
        my $answer = $nginx->json("/status?site=shop&$question$by");
        my ($group) = grep { $_->{value} eq $country }
                      @{ $answer->{metrics}{lcp}{groups} };
        my @countries = $country eq '*' ? ('DE', 'FR') : $country;
        my $now = values_of($base, $base + 3600, @countries);
        my $old = values_of($then, $then + 3600, @countries);
        my $what = "$question $country";

        is_deeply([ @{ $answer->{compare} }{qw(from to)} ],
                  [ $then, $then + 3600 ], "$what: the earlier span");
        is($group->{count}, scalar @$now, 'values now');
        is($group->{compare}{count}, scalar @$old, 'and then');
        is($group->{compare}{poor}, scalar(grep { $_ > 4000 } @$old),
           'ratings then');

        for my $q (50, 75, 99) {
            my ($a, $b) = map { RumRollup::exact($_, $q / 100) } $now, $old;
            my ($a_low, $a_high) = interval($now, $q / 100);
            my ($b_low, $b_high) = interval($old, $q / 100);
            my $change = $group->{change}{"p$q"};
            my $error = 0.0055 * ($a + $b);

            ok(close_to($group->{compare}{"p$q"}, $b, 0.0055), "p$q then");
            cmp_ok(abs($change->{value} - ($a - $b)), '<=', $error,
                   "change of p$q");

            if (defined $a_low && defined $b_high) {
                my $low = $a - $b - sqrt(($a - $a_low) ** 2
                                         + ($b_high - $b) ** 2);
                cmp_ok(abs($change->{low} - $low), '<=',
                       2 * 0.0055 * ($a + $b_high), 'low');
            } else {
                is($change->{low}, undef, 'low is open');
            }

            if (defined $a_high && defined $b_low) {
                my $high = $a - $b + sqrt(($a_high - $a) ** 2
                                          + ($b - $b_low) ** 2);
                cmp_ok(abs($change->{high} - $high), '<=',
                       2 * 0.0055 * ($a_high + $b), 'high');
            } else {
                is($change->{high}, undef, 'high is open');
            }
        }

        my ($counted) = grep { $_->{value} eq $country }
                        @{ $answer->{counters}{groups} };

        is($counted->{compare}{views}, $counted->{views},
           'counters of both spans');
    }
}

# a wider span where minutes are gone
$answer = $nginx->json('/status?site=shop&metric=lcp&from=' . ($base + 600)
                       . '&to=' . ($base + 1200) . '&compare=1d');
is_deeply([ @{ $answer->{compare} }{qw(from to)} ], [ $day, $day + 3600 ],
          'the earlier span has edges that are still kept');

$answer = $nginx->json("/status?site=shop&metric=lcp&$hour&compare=30d");
is($answer->{metrics}{lcp}{groups}[0]{compare}, undef, 'nothing then');
is($answer->{metrics}{lcp}{groups}[0]{change}, undef, 'no change');

$csv = $nginx->get("/status?site=shop&$hour&compare=1h&metric=lcp,views"
                   . '&format=csv&q=75')->{body};
@rows = map { [ split /,/, $_, -1 ] } split /\r\n/, $csv;

is(join(',', @{ $rows[0] }), 'site,metric,value,count,sum,min,max,mean,p75,'
   . 'good,needs_improvement,poor,earlier_count,earlier_mean,p75_earlier,'
   . 'p75_change,p75_low,p75_high', 'CSV compares');
is(scalar(grep { @$_ != @{ $rows[0] } } @rows), 0, 'as long as the header');
is($rows[1][12], scalar @{ values_of($before, $base, 'DE', 'FR') },
   'values then');
is($rows[2][12], $rows[2][3], 'counter then');

finish();
