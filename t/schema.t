# docs/redis-schema.md is enough to read the rollups: schema_reader.py, which
# knows only that page, finds what status says, at every resolution.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumLoad;
use RumMmdb;
use RumStatus;
use RumTraffic;

my $python = '/usr/bin/python3';

if (system("$python -c 'import redis, msgpack' 2>/dev/null") != 0) {
    plan skip_all => 'python3-redis and python3-msgpack are not here';
}

# a span of status that is answered from windows of this resolution
my %last = ('1m' => '5m', '1h' => '7h', '1d' => '36d');

my ($mmdb, $partitions) = (tmp('country-asn.mmdb'), 2);
mmdb_write($mmdb, 'Country-ASN');

my $traffic = RumTraffic->new(seed => 20261123,
                              beacons => sanitized() ? 300 : 1000);
my @dimensions = $traffic->dimensions;
my $redis = redis();
aggregator(redis => $redis, conf => <<END);
flush      = 100ms
partitions = $partitions
settle     = 0s
rollup     = { page, country, device, browser, os, network, human,
               "page,device", "page,country" }
limit      { default = 1000  page = 20 }
END
my $nginx = nginx(redis => $redis, workers => 2,
                  redis_options => "partitions=$partitions",
                  http => $traffic->http($mmdb),
                  server => $traffic->server . <<'END');
        location /odd { rum_beacon odd; }
END

RumLoad->start($nginx->port, $traffic->sent,
               sub { $traffic->request($_[0]) },
               lane => sub { $traffic->lane($_[0]) })->wait;

# what has a meaning in keys and in pairs, in values
my @odd = map { { page => "/a,b/$_", tags => { ab => "100%:{x} y\tz\x{e9}",
                                               list => ',' },
                resources => [ map { { host => $_, type => 'img',
                                       duration => [120, 12],
                                       url => "https://$_/\x{e9}?x" } }
                               'cdn', 'a,b' ],
                metrics => { inp => 88 },
                attribution => { inp => { target => 'a,b', url => '/x.js',
                                          type => 'pointer' } } } } 1 .. 3;
push @{ $odd[1]{resources} }, { host => 'cdn', type => 'img', count => 3,
                                duration => 130.5, url => '/slow' };
$nginx->beacon('/odd', $_) for @odd;

ok(wait_for(sub {
    my $health = $nginx->json('/status')->{aggregator};
    $health->{events} == $traffic->sent + @odd && $health->{lag} == 0;
}), 'all beacons are rolled up');


sub reader {
    my (@args) = @_;
    my ($out, $err) = (tmp('reader.json'), tmp('reader.err'));

    is(system(join ' ', $python, top() . '/t/schema_reader.py', '--port',
              $redis->port, '--partitions', $partitions, @args,
              "> $out 2> $err"), 0, "schema_reader.py @args")
        or diag(slurp($err));
    return RumStatus::decode(slurp($out));
}

sub args {
    my ($site, $dimension) = @_;

    return join '&', map { s/([^a-z=])/sprintf '%%%02X', ord $1/ger }
                     "site=$site", "by=$dimension", 'limit=10000';
}

# the same figure: status writes six digits of a quantile
sub differs {
    my ($a, $b) = @_;

    return 1 if !defined $a || !defined $b;
    return $a->{url} ne $b->{url} || differs(map { $_->{duration} } $a, $b)
        if ref $a;
    return abs($a - $b) > 1e-5 * abs($a);
}

# what differs between two groups
sub differences {
    my ($where, $a, $b) = @_;

    return "$where: only the reader has it" if !$b;
    return map { "$where: $_: " . ($a->{$_} // 'none') . ' and '
                 . ($b->{$_} // 'none') }
           grep { differs($a->{$_}, $b->{$_}) } sort keys %$a;
}

# one site by one dimension, reader against status
sub compare {
    my ($where, $read, $s) = @_;
    my @wrong;

    for my $value (sort keys %{ $read->{counters} }) {
        my $counters = $read->{counters}{$value};
        my $group = delete $s->{counters}{$value};

        # status leaves out a value of which nothing is left
        next if !$group && !grep { $_ } values %$counters;
        push @wrong, differences("$where $value", $counters, $group);
    }

    for my $metric (sort keys %{ $read->{metrics} }) {
        my $values = $read->{metrics}{$metric};

        push @wrong, differences("$where $_: $metric", $values->{$_},
                                 delete $s->{metrics}{$metric}{$_})
            for sort keys %$values;
    }

    push @wrong, "$where: only status has $_"
        for keys %{ $s->{counters} },
            map { keys %$_ } values %{ $s->{metrics} };

    return @wrong;
}


for my $res (sort keys %last) {
    my ($now, $read, @wrong, $n, %seen);

    # a minute or an hour that begins while we look would only be confusing
    for (1 .. 3) {
        $now = $nginx->json("/status?site=shop&last=$last{$res}");
        $read = reader('--res', $res, '--from', $now->{from},
                       '--to', $now->{to});
        (@wrong, $n, %seen) = ();
        my $same = 1;

        for my $site (sort keys %$read) {
            for my $dimension (sort keys %{ $read->{$site} }) {
                my $s = status($nginx, args($site, $dimension)
                                       . "&last=$last{$res}");

                $same &&= $s->{answer}{from} == $now->{from};
                $seen{$_} = 1 for keys %{ $s->{counters} };
                push @wrong, compare("$site by $dimension",
                                     $read->{$site}{$dimension}, $s);
                $n++;
            }
        }

        last if $same;
    }

    is_deeply([ sort keys %$read ], [ sort 'odd', $traffic->sites ],
              "$res: the reader finds all sites");
    cmp_ok($n, '>=', 3 * @dimensions, "$res: and all dimensions");
    ok(!@wrong, "$res: $n dimensions of sites are as status says")
        or diag(join "\n", @wrong[0 .. ($#wrong > 20 ? 20 : $#wrong)]);

    is_deeply($read->{odd}{'host,type'}{counters}{'cdn,img'}{slowest},
              { duration => 130.5, url => '/slow' },
              "$res: the slowest resource is");
    ok($seen{$_}, "$res: $_ is among the values")
        for '(other)', '(unknown)', '/a%2Cb/:id,other',
            "100%:{x} y\tz\xc3\xa9", ',';
}


# total, against the time since the beginning that Prometheus is told

my $total = reader('--res', 'total');
my $text = $nginx->get('/status?format=prometheus&by=device')->{body};
my @wrong;

for my $site (sort keys %$total) {
    my $devices = $total->{$site}{device};

    for my $device (sort keys %{ $devices->{counters} }) {
        my $labels = qq({site="$site",device="$device"});
        my $lcp = $devices->{metrics}{lcp}{$device};

        push @wrong, "$labels: views"
            if index($text, "rum_views_total$labels "
                            . $devices->{counters}{$device}{views} . "\n") < 0;
        push @wrong, "$labels: lcp"
            if $lcp && index($text, "rum_lcp_seconds_count$labels "
                                    . "$lcp->{count}\n") < 0;
    }
}

ok(!@wrong, 'total: as Prometheus is told') or diag(join "\n", @wrong);


# the stream itself

my $events = reader('--events');

for my $site ($traffic->sites) {
    my $all = $traffic->expected($site, 'all', '*');

    is_deeply({ map { $_ => $events->{$site}{$_} + 0 }
                qw(beacons errors sessions) },
              { map { $_ => $all->{$_} } qw(beacons errors sessions) },
              "events: $site has what was sent");
}


# windows expire, totals do not

my %ttl;

for my $p (0 .. $partitions - 1) {
    for my $key (@{ $redis->command('KEYS', "rum:{$p}:*") }) {
        $key =~ /^rum:\{\d\}:(1m|1h|1d|total):\d+:shop:(?:all|os):/ or next;
        my $ttl = $redis->command('TTL', $key);

        $ttl{$1}{$ttl < 0 ? 'never' : $ttl <= 3600 * 6 + 60 ? 'hours'
                 : $ttl <= 86400 * 35 + 3600 ? 'a month' : 'a year'}++;
    }
}

is_deeply({ map { $_ => [ keys %{ $ttl{$_} } ] } keys %ttl },
          { '1m' => ['hours'], '1h' => ['a month'], '1d' => ['a year'],
            total => ['never'] }, 'each resolution expires in its time');

finish();
