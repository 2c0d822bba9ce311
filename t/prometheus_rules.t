# conf/prometheus and conf/grafana: promtool finds them valid, each alert
# fires on figures that call for it and not on those of a good day.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

my $rules = top() . '/conf/prometheus/rum.rules.yml';

sub promtool {
    my ($what, @arguments) = @_;
    my $out = tmp('promtool.out');

    unlink $out;
    is(RumTest::reap(RumTest::spawn($out, 'promtool', @arguments), 60), 0,
       $what) or diag(slurp($out));
}

promtool('the example configuration and its rules are valid', 'check',
         'config', top() . '/conf/prometheus/prometheus.yml');

# Series of an hour, a sample a minute.  A value that "grows" is a counter's.
# Good days first; each alert then changes what it is about.

my %good = (
    'rum_lcp_seconds_bucket{job="rum",site="shop",le="2"}'        => '0+90x60',
    'rum_lcp_seconds_bucket{job="rum",site="shop",le="4"}'        => '0+99x60',
    'rum_lcp_seconds_bucket{job="rum",site="shop",le="+Inf"}'    => '0+100x60',
    'rum_inp_seconds_bucket{job="rum",site="shop",le="0.128"}'    => '0+90x60',
    'rum_inp_seconds_bucket{job="rum",site="shop",le="0.512"}'    => '0+99x60',
    'rum_inp_seconds_bucket{job="rum",site="shop",le="+Inf"}'    => '0+100x60',
    'rum_cls_bucket{job="rum",site="shop",le="0.0625"}'           => '0+90x60',
    'rum_cls_bucket{job="rum",site="shop",le="0.5"}'              => '0+99x60',
    'rum_cls_bucket{job="rum",site="shop",le="+Inf"}'            => '0+100x60',
    'rum_views_total{job="rum",site="shop"}'                     => '0+100x60',
    'rum_errors_total{job="rum",site="shop"}'                    => '0+1x60',
    'up{job="rum",instance="a:80"}'                              => '1x60',
    'rum_module_beacons_total{job="rum",instance="a:80",result="accepted"}'
        => '0+100x60',
    'rum_module_beacons_total{job="rum",instance="a:80",result="unavailable"}'
        => '0x60',
    'rum_aggregator_running{job="rum",instance="a:80"}'          => '1x60',
    'rum_aggregator_lag_entries{job="rum",instance="a:80"}'      => '120x60',
    'rum_aggregator_lost_total{job="rum",instance="a:80"}'       => '7x60',
    'rum_aggregator_rejected_total{job="rum",instance="a:80"}'   => '7x60',
);

my %bad = (
    RumLcpSlow => { 'lcp_seconds_bucket.*le="2"' => '0+40x60' },
    RumInpSlow => { 'inp_seconds_bucket.*le="0.128"' => '0+40x60' },
    RumClsHigh => { 'cls_bucket.*le="0.0625"' => '0+40x60' },
    RumErrorRateHigh => { 'rum_errors_total' => '0+20x60' },
    RumStatusDown => { '^up' => '0x60' },
    RumNoBeacons => { 'result="accepted"' => '500x60' },
    RumBeaconsUnavailable => { 'result="unavailable"' => '0+1x60' },
    RumAggregatorDown => { 'aggregator_running' => '0x60' },
    RumAggregatorLag => { 'lag_entries' => '90000x60' },
    RumEventsLost => { 'lost_total' => '7+1x60' },
    RumEventsRejected => { 'rejected_total' => '7+1x60' },
);

my @alerts = slurp($rules) =~ /alert: (\w+)/g;

is_deeply([sort keys %bad], [sort @alerts], 'every alert is tested');

# which alerts are firing in the end: ALERTS has one series each
sub firing {
    my ($what, $series, @expected) = @_;
    my $file = tmp('alerts.yml');
    my @lines;

    push @lines, "rule_files: ['$rules']", 'evaluation_interval: 1m',
         'tests:', '  - interval: 1m', '    input_series:';
    push @lines, "      - {series: '$_', values: '$series->{$_}'}"
        for sort keys %$series;
    push @lines, '    promql_expr_test:',
         "      - expr: 'count by (alertname) (ALERTS{alertstate=\"firing\"})'",
         '        eval_time: 50m', '        exp_samples:',
         map { "          - {labels: '{alertname=\"$_\"}', value: 1}" }
             sort @expected;
    $lines[-1] .= ' []' unless @expected;

    spew($file, join "\n", @lines, '');
    promtool($what, 'test', 'rules', $file);
}

firing('a good day is quiet', \%good);

for my $alert (sort keys %bad) {
    my %series = %good;

    for my $match (keys %{$bad{$alert}}) {
        my @which = grep { /$match/ } keys %series;

        is(scalar @which, 1, "$alert: one series of $match");
        $series{$which[0]} = $bad{$alert}{$match};
    }

    firing("$alert, and nothing else", \%series, $alert);
}

# too few visitors to say: nobody is woken up
my %few = %good;
$few{$_} = '0+1x60' for grep { /le="4"|le="0.512"|le="0.5"|Inf|views/ }
                             keys %few;
$few{$_} = '0+0x60' for grep { /le="2"|le="0.128"|le="0.0625"/ } keys %few;
firing('a site with a visitor a minute is not judged', \%few);


# the dashboard asks for series that exist: those of the rules or of status

my $dashboard = json_decode(slurp(top() . '/conf/grafana/rum.json'));
my %recorded = map { $_ => 1 } slurp($rules) =~ /record: (\S+)/g;
my $n = 0;

for my $panel (@{$dashboard->{panels}}) {
    for my $target (@{$panel->{targets} || []}) {
        $n++;

        for my $series ($target->{expr} =~ /\b(site:[a-z_0-9:]+)/g) {
            ok($recorded{$series}, "$panel->{title}: $series is recorded");
        }
    }
}

cmp_ok($n, '>', 20, 'the dashboard has panels');

finish();
