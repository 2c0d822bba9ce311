# format=prometheus: valid by promtool, cumulative, in base units, with the
# exact counts at each bound.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumRollup;
use RumTest;

my $redis = redis();
my $nginx = nginx(redis => $redis, redis_options => 'partitions=2',
                  server => 'location /status { rum_status; }');
my $rollup = RumRollup->new($redis, partitions => 2);
my (%values, $r);

srand 6;

for my $site ('shop', 'b"l\\og') {
    for my $group (['all', '*'], ['country', 'DE'], ['country', 'FR'],
                   ['page,device', "/a%2Cb,mob\nile"])
    {
        my ($dimension, $value) = @$group;

        for my $metric (qw(lcp cls own.metric)) {
            my @values = map { $metric eq 'cls' ? int(rand 5000) / 10000
                               : int(exp(3 + rand 6) * 10) / 10 } 1 .. 200;

            $values{$site}{$dimension}{$value}{$metric} = \@values;
            $rollup->metric($site, $dimension, $value, $metric,
                            time - 100 * 86400, @values);
        }

        $rollup->counter($site, $dimension, $value, 'views', time, 7);
        $rollup->counter($site, $dimension, $value, 'bounces', time, 3);
    }
}

$rollup->write;

# promtool's judgement
sub check {
    my ($what, $text) = @_;
    my ($file, $out) = (tmp('metrics'), tmp('promtool.out'));

    spew($file, $text);
    unlink $out;
    my $status = RumTest::reap(RumTest::spawn($out, 'sh', '-c',
                                       "promtool check metrics < $file"), 60);

    is($status, 0, "$what: promtool has nothing to say") or diag(slurp($out));
    is(slurp($out), '', "$what: not even a remark");
}

# name{labels} => value, and no line twice
sub lines {
    my ($text) = @_;
    my %lines;

    for my $line (grep { !/^#/ } split /\n/, $text) {
        my ($series, $value) = $line =~ /^(.*) (\S+)$/;

        ok(0, "twice: $series") if exists $lines{$series};
        $lines{$series} = $value;
    }

    return \%lines;
}


$r = $nginx->get('/status?format=prometheus');

is($r->{status}, 200, 'answers');
like($r->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4}, 'type');
check('overview', $r->{body});

my $lines = lines($r->{body});

is($lines->{'rum_views_total{site="shop"}'}, 7, 'a counter');
is($lines->{'rum_bounces{site="shop"}'}, 3, 'bounces');
like($r->{body}, qr/# TYPE rum_bounces gauge\n/, 'which may fall');
is($lines->{'rum_aggregator_running'}, 0, 'the aggregator');
is($lines->{'rum_module_beacons_total{result="accepted"}'}, 0, 'the module');

for my $case (['lcp', 'rum_lcp_seconds', '', 1000],
              ['cls', 'rum_cls', '', 1],
              ['own.metric', 'rum_custom', ',metric="own.metric"', 1])
{
    my ($metric, $name, $label, $unit) = @$case;
    my $values = $values{shop}{all}{'*'}{$metric};
    my ($bounds, $wrong, $sum, $last) = (0, 0, 0, 0);

    $sum += $_ for @$values;
    is($lines->{"${name}_count{site=\"shop\"$label}"}, @$values, "$name count");
    is($lines->{"${name}_bucket{site=\"shop\"$label,le=\"+Inf\"}"},
       @$values, '+Inf');
    ok(abs($lines->{"${name}_sum{site=\"shop\"$label}"} - $sum / $unit)
       < 0.001, 'sum in base units');

    for my $series (sort keys %$lines) {
        my ($le) = $series =~ /^\Q${name}_bucket{site="shop"$label\E,le="([\d.]+)"/
            or next;
        my $exact = grep { $_ <= $le * $unit * (1 + 1e-9) } @$values;

        $bounds++;
        $wrong++ if $lines->{$series} != $exact;
    }

    cmp_ok($bounds, '>', 20, "$bounds bounds");
    is($wrong, 0, 'with exact counts');
}

my $good = grep { $_ <= 2500 } @{ $values{shop}{all}{'*'}{lcp} };

is($lines->{'rum_lcp_ratings_total{site="shop",rating="good"}'}, $good,
   'ratings');


$r = $nginx->get('/status?format=prometheus&by=country');
check('by country', $r->{body});
is(lines($r->{body})->{'rum_lcp_seconds_count{site="shop",country="DE"}'},
   200, 'a label for the dimension');
unlike($r->{body}, qr/rum_module/, 'no module in a narrowed answer');

$r = $nginx->get('/status?format=prometheus&by=page,device&site=b%22l%5Cog');
check('by a pair', $r->{body});
is(lines($r->{body})->{'rum_views_total{site="b\\"l\\\\og",'
                       . 'page="/a%2Cb",device="mob\\nile"}'},
   7, 'two labels, escaped');

$r = $nginx->get('/status?format=prometheus&metric=views&site=shop');
is($r->{body}, "# HELP rum_views_total Page views.\n"
               . "# TYPE rum_views_total counter\n"
               . "rum_views_total{site=\"shop\"} 7\n", 'only what was asked');


# the order is the same, and totals do not depend on the span

is($nginx->get('/status?format=prometheus&by=country&last=1h')->{body},
   $nginx->get('/status?format=prometheus&by=country&last=7d')->{body},
   'stable');

finish();
