# From beacons whose every figure is known to the status location: what was
# sent is what it says, for everything and for each value of each dimension:
# counts exactly, quantiles within 0.55 % of the exact ones.
#
# RUM_SEED=N for other visitors.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumLoad;
use RumMmdb;
use RumStatus;
use RumTraffic;

my $seed = $ENV{RUM_SEED} || 20261122;
my $mmdb = tmp('country-asn.mmdb');

diag("seed $seed") if $ENV{RUM_SEED};
mmdb_write($mmdb, 'Country-ASN');


# Everything that RumTraffic's visitors do, and the whole status after it.

sub visits {
    my ($name, $partitions, %o) = @_;
    my ($traffic, $redis, $nginx, %got);

    note("$name, $partitions partitions");
    $traffic = RumTraffic->new(seed => $seed, %o);
    $redis = redis();
    aggregator(redis => $redis, conf => <<END);
flush      = 100ms
settle     = 0s
details    = {}
partitions = $partitions
rollup     = { page, country, device, browser, os, network, human,
               "page,device", "page,country" }
END
    $nginx = nginx(redis => $redis, workers => 2, log_level => 'warn',
                   redis_options => "partitions=$partitions",
                   http => $traffic->http($mmdb), server => $traffic->server);

    $got{$_ // 'none'}++
        for RumLoad->start($nginx->port, $traffic->sent,
                           sub { $traffic->request($_[0]) },
                           lane => sub { $traffic->lane($_[0]) })->wait;
    is_deeply(\%got, { 204 => $traffic->sent },
              "$name: every beacon gets a 204");

    ok(wait_for(sub {
        my $health = $nginx->json('/status')->{aggregator};
        $health->{events} == $traffic->sent && $health->{lag} == 0;
    }, 30), "$name: and reaches the aggregator");

    check_health($name, $nginx, $traffic);

    for my $site ($traffic->sites) {
        check($name, $nginx, $traffic, $site, $_) for $traffic->dimensions;
    }

    return ($nginx, $traffic);
}

sub check_health {
    my ($name, $nginx, $traffic) = @_;
    my $overview = $nginx->json('/status');
    my $health = $overview->{aggregator};

    is($overview->{module}{beacons}{accepted}, $traffic->sent,
       "$name: the module counted them");
    is($overview->{total_sites}, $traffic->sites, "$name: all sites are there");
    is_deeply([ @$health{qw(duplicates lost late rejected forgotten other)} ],
              [ (0) x 6 ], "$name: the aggregator missed nothing");
}

# one site by one dimension
sub check {
    my ($name, $nginx, $traffic, $site, $dimension) = @_;
    my ($args, $cells, $s, @wrong, $values);

    ($args = "site=$site") =~ s/([^a-z=])/sprintf '%%%02X', ord $1/ge;
    $args .= "&by=$dimension&limit=10000&last=1h";
    $cells = $traffic->expected($site, $dimension);
    $s = status($nginx, $args) or return fail("$name: $args is answered");

    is_deeply([ sort keys %{ $s->{counters} } ], [ sort keys %$cells ],
              "$name: $site by $dimension: the values");

    for my $value (sort keys %$cells) {
        my $cell = $cells->{$value};

        push @wrong, map { "$value: $_" }
            wrong_counters($s->{counters}{$value}, $cell, $dimension);

        for my $metric (sort keys %{ $cell->{metrics} }) {
            my $wrong = wrong_values($metric, $s->{metrics}{$metric}{$value},
                                     $cell->{metrics}{$metric});

            push @wrong, "$value: $metric: $wrong" if $wrong;
            $values++;
        }
    }

    ok(!@wrong, "$name: $site by $dimension: $values histograms and "
                . keys(%$cells) . ' counters')
        or diag(join "\n", @wrong[0 .. ($#wrong > 20 ? 20 : $#wrong)]);

    $values -= keys %$_ for values %{ $s->{metrics} };
    is($values, 0, "$name: $site by $dimension: and no others");
}

sub wrong_counters {
    my ($group, $cell, $dimension) = @_;
    my @wrong;

    for my $counter (qw(beacons views errors entrances bounces)) {
        push @wrong, "$counter $group->{$counter}, not $cell->{$counter}"
            if $group->{$counter} != $cell->{$counter};
    }

    # four times the standard error of a HyperLogLog
    if ($dimension !~ /page/) {
        push @wrong, "sessions $group->{sessions}, not $cell->{sessions}"
            if abs($group->{sessions} - $cell->{sessions})
               > 1 + 0.0325 * $cell->{sessions};
    }

    return @wrong;
}

# the same in Prometheus' format, by country
sub check_prometheus {
    my ($nginx, $traffic) = @_;
    my ($text, %seen, @wrong, $all);

    $text = $nginx->get('/status?by=country&format=prometheus&limit=10000')
                  ->{body};

    while ($text =~ /^(\w+)\{(.*)\} (\S+)$/mg) {
        my ($name, $labels, $value) = ($1, $2, $3);
        my %label = $labels =~ /(\w+)="(.*?)"(?:,|$)/g;
        my ($site, $country) = delete @label{qw(site country)};

        $name .= qq({$_="$label{$_}"}) for sort keys %label;
        $seen{$site}{$country}{$name} = $value;
    }

    for my $site ($traffic->sites) {
        my $cells = $traffic->expected($site, 'country');

        for my $country (sort keys %$cells) {
            push @wrong, map { "$site $country: $_" }
                wrong_samples($seen{$site}{$country}, $cells->{$country});
            $all++;
        }
    }

    ok(!@wrong, "prometheus: the same, for $all countries")
        or diag(join "\n", @wrong[0 .. ($#wrong > 20 ? 20 : $#wrong)]);
}

# values of FCP: those of LCP are replaced, and "settle" has not waited for it
sub wrong_samples {
    my ($samples, $cell) = @_;
    my ($fcp, $boot, $sum, %expected, @wrong);

    ($fcp, $boot) = @{ $cell->{metrics} }{qw(fcp boot)};
    $sum += $_ for @$fcp;

    %expected = (
        (map { ("rum_${_}_total" => $cell->{$_}) }
             qw(beacons views errors entrances)),
        rum_bounces => $cell->{bounces},
        rum_fcp_seconds_count => scalar @$fcp,
        rum_lcp_seconds_count => scalar @{ $cell->{metrics}{lcp} },
        'rum_fcp_seconds_bucket{le="+Inf"}' => scalar @$fcp,
        'rum_fcp_seconds_bucket{le="2.048"}'
            => scalar(grep { $_ <= 2048 } @$fcp),
        'rum_fcp_seconds_bucket{le="4.096"}'
            => scalar(grep { $_ <= 4096 } @$fcp),
        'rum_fcp_ratings_total{rating="good"}'
            => scalar(grep { $_ <= 1800 } @$fcp),
        'rum_fcp_ratings_total{rating="poor"}'
            => scalar(grep { $_ > 3000 } @$fcp),
        'rum_custom_bucket{le="16"}{metric="boot"}'
            => scalar(grep { $_ <= 16 } @$boot),
        'rum_custom_count{metric="boot"}' => scalar @$boot,
    );

    for my $name (sort keys %expected) {
        my $value = $samples->{$name} // 'nothing';

        push @wrong, "$name $value, not $expected{$name}"
            if $value ne $expected{$name};
    }

    push @wrong, "rum_fcp_seconds_sum $samples->{rum_fcp_seconds_sum}"
        if abs($samples->{rum_fcp_seconds_sum} - $sum / 1000)
           > 1e-7 * @$fcp;

    return @wrong;
}

sub promtool {
    my ($nginx, $args) = @_;
    my ($in, $out) = (tmp('metrics.txt'), tmp('promtool.txt'));

    spew($in, $nginx->get("/status?format=prometheus$args")->{body});
    is(system("promtool check metrics < $in > $out 2>&1"), 0,
       "promtool accepts format=prometheus$args") or diag(slurp($out));
}


my ($nginx, $traffic) = visits('one partition', 1,
                               beacons => sanitized() ? 4000 : 20000);

check_prometheus($nginx, $traffic);

SKIP: {
    skip 'no promtool here', 3 if system('command -v promtool >/dev/null');
    promtool($nginx, $_) for '', '&by=page', '&by=page,device&site=shop';
}

visits('three partitions', 3, beacons => sanitized() ? 1000 : 3000);

finish();
