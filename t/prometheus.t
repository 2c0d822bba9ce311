# A real Prometheus scrapes a running nginx: what histogram_quantile() says is
# within a bucket of what status says, over a restart of nginx and of the
# aggregator, and no counter ever falls.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumLoad;
use RumTest;

plan(skip_all => 'status_prometheus.t shows the same to the sanitizers')
    if sanitized();

my $EACH = 300;                         # page views before and after
my $STEP = sqrt 2;                      # of the bounds "le"
my $LIVE = slurp(top() . '/conf/prometheus/prometheus.yml');

my $redis = redis();
my $agg   = aggregator(redis => $redis, conf => <<'END');
flush  = 100ms
settle = 0s
END
my $nginx = nginx(redis => $redis, server => <<'END');
    location /rum        { rum_beacon shop; rum_ack stored; }
    location /rum/status { rum_status; }
END

# the example of conf/, with this nginx and without the patience
my $dir  = tmp('prometheus');
my $port = free_port();

mkdir $dir or die "$dir: $!";
$LIVE =~ s/127\.0\.0\.1:8080/'127.0.0.1:' . $nginx->port/eg;
$LIVE =~ s/\b(?:15s|1m)\b/1s/g;
spew("$dir/prometheus.yml", $LIVE);
spew("$dir/rum.rules.yml",
     slurp(top() . '/conf/prometheus/rum.rules.yml') =~ s/\[15m\]/[1m]/gr);

my $prometheus = RumTest::spawn("$dir/out.log", 'prometheus',
    "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/data",
    "--web.listen-address=127.0.0.1:$port", '--log.level=warn');

# the answer to an expression: { series => value }
sub ask {
    my ($expr) = @_;
    my ($r, %values);

    $expr =~ s/([^A-Za-z0-9_])/sprintf '%%%02X', ord $1/ge;
    $r = http($port, 'GET', "/api/v1/query?query=$expr");
    return {} if $r->{status} != 200;

    for my $series (@{json_decode($r->{body})->{data}{result}}) {
        my $metric = $series->{metric};

        $values{join ',', map { "$_=$metric->{$_}" }
                          grep { !/^(?:job|instance|__name__)$/ }
                          sort keys %$metric} = $series->{value}[1];
    }

    return \%values;
}

sub scraped {
    my ($what, $expr, $value) = @_;

    ok(wait_for(sub { (ask($expr)->{'site=shop'} // -1) == $value }, 60),
       $what) or diag("$expr: ", json(ask($expr)));
}

ok(wait_for(sub { (ask('up{job="rum"}')->{''} // 0) == 1 }, 60),
   'Prometheus scrapes the status location')
    or diag(slurp("$dir/out.log"));


# known values: of all magnitudes, and CLS that grows while the page is open

srand 11;

my $views = 0;

# a part of a page view: 0 begins it, 1 is told when the page is left
sub part {
    my ($view, $seq) = @_;

    return RumLoad::post('/rum', beacon_json({
        view => "v$view", session => "v$view", n => 1, seq => $seq,
        page => '/p' . $view % 7,
        metrics => {
            $seq ? () : (lcp => int(exp(5 + rand 4) * 10) / 10,
                         ttfb => int(exp(3 + rand 4) * 10) / 10),
            cls => $seq ? 0.3 : 0.05,
        },
    }));
}

sub visits {
    my ($what) = @_;
    my %got;

    for my $seq (0, 1) {
        $got{$_ // 'none'}++
            for RumLoad->start($nginx->port, $EACH,
                               sub { part($views + $_[0], $seq) })->wait;

        # the rest is told when Prometheus has seen the beginning
        scraped("$what: Prometheus has every part $seq",
                'rum_beacons_total{job="rum"}',
                2 * $views + ($seq + 1) * $EACH);
    }

    $views += $EACH;
    is_deeply(\%got, { 204 => 2 * $EACH }, "$what: all were taken");
    scraped("$what: and every LCP", 'rum_lcp_seconds_count{job="rum"}',
            $views);
}

sub agrees {
    my ($what) = @_;
    my $status = $nginx->json('/rum/status?site=shop&last=1h&metric=lcp,ttfb'
                              . '&q=50,75,95')->{metrics};

    for my $metric (qw(lcp ttfb)) {
        for my $q (50, 75, 95) {
            my $exact = $status->{$metric}{groups}[0]{"p$q"} / 1000;
            my $said = ask('histogram_quantile(' . $q / 100
                           . ", rum_${metric}_seconds_bucket{job=\"rum\"})")
                       ->{'site=shop'} // 0;

            ok($said > $exact / $STEP && $said < $exact * $STEP,
               "$what: p$q of $metric")
                or diag("Prometheus $said, status $exact");
        }
    }
}

visits('before');
agrees('before');

$nginx->restart;
$agg->kill;
$agg->start;

visits('after a restart of both');
agrees('after it');

# the second half alone: what rate() sees across the restart
ok(wait_for(sub {
    my $grown = ask('increase(rum_views_total{job="rum"}[2m])')->{'site=shop'};
    $grown && $grown > $EACH / 2;
}, 60), 'increase() goes on over the restart');

# those of the module begin again at 0, which rate() knows how to take

for my $counter (qw(rum_beacons_total rum_views_total rum_lcp_seconds_count
                    rum_lcp_seconds_sum rum_lcp_seconds_bucket
                    rum_lcp_ratings_total rum_cls_bucket rum_cls_sum
                    rum_cls_ratings_total rum_aggregator_events_total))
{
    my $resets = ask("resets($counter\{job=\"rum\"}[5m])");
    my @fell = grep { $resets->{$_} != 0 } sort keys %$resets;

    ok(%$resets && !@fell, "$counter never falls")
        or diag(join ', ', @fell);
}


# the rules of conf/ over these series, and the expressions of the dashboard

ok(wait_for(sub { keys %{ask('site:rum_lcp_seconds:p75_15m')} }, 60),
   'a recording rule has a value');
ok(wait_for(sub { keys %{ask('rum_views_total{job="rum-by-page"}')} == 7 },
            60), 'the example scrapes by page');

my $rules = json_decode(http($port, 'GET', '/api/v1/rules')->{body});

for my $rule (map { @{$_->{rules}} } @{$rules->{data}{groups}}) {
    is($rule->{health}, 'ok', "rule $rule->{name}") or diag($rule->{lastError});
}

my $dashboard = json_decode(slurp(top() . '/conf/grafana/rum.json'));

for my $panel (@{$dashboard->{panels}}) {
    for my $target (@{$panel->{targets} || []}) {
        my $expr = $target->{expr};
        my $r;

        $expr =~ s/\$site/.*/g;
        $expr =~ s/\$__(?:rate_interval|range)/1m/g;
        $expr =~ s/([^A-Za-z0-9_])/sprintf '%%%02X', ord $1/ge;
        $r = http($port, 'GET', "/api/v1/query?query=$expr");
        is($r->{status}, 200, "$panel->{title}: $target->{refId}")
            or diag($r->{body});
    }
}

is(RumTest::stop($prometheus, 'TERM'), 0, 'Prometheus ends');

finish();
