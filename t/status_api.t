# The status location answers from rollups in Redis: sums, quantiles, groups,
# windows, orders; what the parameters mean and what is refused; headers,
# ETag, HEAD.

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
my (%truth, $now);

srand 5;


# nothing yet

my $empty = $nginx->json('/status');

is_deeply($empty->{sites}, [], 'no sites in an empty Redis');
is($empty->{aggregator}{running}, JSON::PP::false, 'no aggregator');
is($empty->{aggregator}{lag}, 0, 'no lag');
is($empty->{aggregator}{last_flush_age}, undef, 'never flushed');
is($empty->{module}{beacons}{accepted}, 0, 'module figures');


# 3 sites; values 90 minutes back, so that minutes, hours and their mixture
# are read.  Ages keep clear of the edges of spans that are asked for.

$now = time;

for my $site ('shop', 'my:blog', 'news') {
    for my $age (10, 100, 2000, 5000) {
        my $time = $now - $age;

        for my $group (['all', '*'], ['country', 'DE'], ['country', 'FR'],
                       ['page,device', '/a%2Cb,mobile'],
                       ['page,device', '(other)'])
        {
            my ($dimension, $value) = @$group;

            for my $metric (qw(lcp cls inp)) {
                my @values = map {
                    $metric eq 'cls' ? int(rand 4000) / 10000
                                     : int(exp(4 + rand 5) * 10) / 10
                } 1 .. 40 + ($value eq 'DE' ? 20 : 0);

                push @{ $truth{$site}{$dimension}{$value}{$metric}{$age} },
                     @values;
                $rollup->metric($site, $dimension, $value, $metric, $time,
                                @values);
            }

            $rollup->counter($site, $dimension, $value, @$_)
                for ['beacons', $time, 50], ['views', $time, 40],
                    ['entrances', $time, 20],
                    ['bounces', $time, $age == 10 ? 9 : -1];
            $rollup->sessions($site, $dimension, $value, $time,
                              map { "s$_" } 1 .. 25)
                if $dimension !~ /page/;
        }
    }
}

$rollup->write;

sub values_of {
    my ($site, $dimension, $value, $metric, @ages) = @_;

    return [ map { @{ $truth{$site}{$dimension}{$value}{$metric}{$_} } }
             @ages ];
}

sub near {
    my ($got, $expected, $what) = @_;

    ok(abs($got - $expected) <= 0.0055 * abs($expected), $what)
        or diag("got $got, exact $expected");
}

# a group of a metric against the values that were written
sub check_group {
    my ($what, $group, $values, @q) = @_;
    my $sum = 0;

    $sum += $_ for @$values;

    is($group->{count}, scalar @$values, "$what: count");
    ok(abs($group->{sum} - $sum) < 0.01, "$what: sum");
    is($group->{min}, RumRollup::exact($values, 0), "$what: min");
    is($group->{max}, RumRollup::exact($values, 1), "$what: max");
    ok(abs($group->{mean} / ($sum / @$values) - 1) < 1e-5, "$what: mean");
    near($group->{"p$_"}, RumRollup::exact($values, $_ / 100), "$what: p$_")
        for @q ? @q : (50, 75, 90, 95, 99);
}


# one site, one group, over spans that need minutes, hours, days, or a mixture

my %seconds = (m => 60, h => 3600, d => 86400);

for my $last (qw(1m 5m 1h 3h 6h 3d 90d)) {
    my $answer = $nginx->json("/status?site=shop&last=$last");
    my $width = $answer->{resolution};
    my ($n, $unit) = $last =~ /(\d+)(.)/;
    my $early = $answer->{generated_at} - $n * $seconds{$unit}
                - $answer->{from};
    my @ages = grep { $now - $_ >= $answer->{from} } 10, 100, 2000, 5000;
    my $row = $answer->{counters}{groups}[0];

    is($answer->{site}, 'shop', "last=$last");
    is($width, $last =~ /9.d/ ? 86400 : $last =~ /3d/ ? 3600 : 60,
       'resolution');
    is($answer->{from} % $width, 0, 'from is an edge');
    is($answer->{to} % $width, 0, 'to is an edge');
    ok($early >= 0 && $early < $width, 'from is the last edge that will do');
    ok($answer->{to} > $answer->{generated_at}
       && $answer->{to} <= $answer->{generated_at} + $width,
       'the newest window is open');

    for my $metric (qw(lcp cls inp)) {
        my $m = $answer->{metrics}{$metric};

        is(scalar @{ $m->{groups} }, 1, 'one group');
        is($m->{groups}[0]{value}, '*', 'whose value is *');
        check_group("$last $metric", $m->{groups}[0],
                    values_of('shop', 'all', '*', $metric, @ages));
    }

    is($row->{beacons}, 50 * @ages, 'beacons');
    is($row->{bounces}, 10 - @ages, 'bounces');
    ok(abs($row->{bounce_rate} - (10 - @ages) / (20 * @ages)) < 1e-5,
       'bounce rate');
}


# groups

my $by = $nginx->json('/status?site=my:blog&by=country&metric=lcp,views'
                      . '&last=1h&q=10,99.9&buckets=1');

is_deeply([ map { $_->{value} } @{ $by->{metrics}{lcp}{groups} } ],
          ['DE', 'FR'], 'groups, the largest first');
is_deeply([ sort keys %{ $by->{metrics} } ], ['lcp'], 'only what was asked');
is($by->{limited}, JSON::PP::false, 'nothing is in (other)');

for my $i (0, 1) {
    my $group = $by->{metrics}{lcp}{groups}[$i];
    my $values = values_of('my:blog', 'country', $group->{value}, 'lcp',
                           10, 100, 2000);
    my $counts = 0;

    check_group("by country $group->{value}", $group, $values, 10, 99.9);
    is($group->{good}, scalar(grep { $_ <= 2500 } @$values), 'good');
    is($group->{poor}, scalar(grep { $_ > 4000 } @$values), 'poor');
    is($group->{good} + $group->{needs_improvement} + $group->{poor},
       scalar @$values, 'ratings add up');
    $counts += $_ for @{ $group->{histogram}{counts} };
    is($counts + $group->{histogram}{zero_count}, $group->{count},
       'buckets add up');
    is($by->{counters}{groups}[$i]{views}, 120, 'views');
    ok(!exists $by->{counters}{groups}[$i]{beacons}, 'no other counter');
}

is_deeply([ map { $_->{value} } @{ $nginx->json('/status?site=shop&by=country'
            . '&metric=lcp&sort=value&limit=1')->{metrics}{lcp}{groups} } ],
          ['DE'], 'sort and limit');

my $pair = $nginx->json('/status?site=shop&by=page,device&last=1h');

is_deeply([ sort map { $_->{value} } @{ $pair->{metrics}{inp}{groups} } ],
          ['(other)', '/a%2Cb,mobile'], 'a pair');
is($pair->{limited}, JSON::PP::true, '(other) is told');
ok(!exists $pair->{counters}{groups}[0]{sessions}, 'pairs have no sessions');


# sessions: 25 different ones, in each window, spread over 2 partitions

my $sessions = $nginx->json('/status?site=shop&metric=sessions&last=3h');
my $count = $sessions->{counters}{groups}[0]{sessions};

cmp_ok($count, '>=', 25, 'sessions: each is in a partition at least');
cmp_ok($count, '<=', 50, 'and in no more than there are');

$sessions = $nginx->json('/status?site=shop&metric=sessions&by=country');
is_deeply([ map { $_->{value} } @{ $sessions->{counters}{groups} } ],
          ['DE', 'FR'], 'sessions by country');


# all sites

my $all = $nginx->json('/status?last=1h');

is_deeply([ map { $_->{site} } @{ $all->{sites} } ],
          ['my:blog', 'news', 'shop'], 'the overview has all sites');
ok($all->{module} && $all->{aggregator}, 'module and aggregator');
check_group('overview', $all->{sites}[1]{metrics}{lcp}{groups}[0],
            values_of('news', 'all', '*', 'lcp', 10, 100, 2000));

$all = $nginx->json('/status?limit=1');
is(scalar @{ $all->{sites} }, 1, 'limit cuts the sites');
is($all->{total_sites}, 3, 'and says so');

$all = $nginx->json('/status?metric=cls');
ok(!$all->{module}, 'a narrowed answer has no module');
is(scalar @{ $all->{sites} }, 3, 'but all sites');

is_deeply($nginx->json('/status?site=nobody')->{metrics}, {},
          'an unknown site has no metrics');
is_deeply($nginx->json('/status?site=shop&metric=none')->{metrics}{none},
          { unit => '', total_groups => 0, groups => [] },
          'a metric asked for is there');


# what is refused

for my $case (['foo=1', 'foo'], ['last=5', 'last'], ['by=nowhere', 'by'],
              ['metric=LCP', 'metric'], ['q=101', 'q'], ['limit=0', 'limit'],
              ['sort=x', 'sort'], ['format=xml', 'format'],
              ['site=a&site=b', 'site'], ['buckets=yes', 'buckets'],
              ['site=%zz', 'site'], ['last=1000d&by=country', 'site'],
              ['%3Cscript%3E=1', '<script>'])
{
    my ($args, $parameter) = @$case;
    my $r = $nginx->get("/status?$args");

    is($r->{status}, 400, "$args: refused");
    is($r->{headers}{'content-type'}, 'application/json', 'with JSON');
    is(json_decode($r->{body})->{parameter}, $parameter, 'which names it');
}

is($nginx->get('/status?site=' . 'a' x 5000)->{status}, 400,
   'a query string that is too long');


# methods and headers

my $r = $nginx->get('/status?site=shop&metric=lcp');

is($r->{headers}{'content-type'}, 'application/json', 'type');
is($r->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff');
is($r->{headers}{'cache-control'}, 'no-cache', 'revalidate');

my $head = $nginx->head('/status?site=shop&metric=lcp');

is($head->{status}, 200, 'HEAD');
is($head->{headers}{'content-length'}, length $r->{body}, 'of the same length');

# within one minute, as the edges of the windows are part of the answer

my $same = wait_for(sub {
    my $one = $nginx->get('/status?site=shop&metric=lcp');
    my $two = $nginx->get('/status?site=shop&metric=lcp',
                          headers => ["If-None-Match: "
                                      . $one->{headers}{etag}]);
    $two->{status} == 304 && $two;
});

ok($same, 'unchanged: 304');

my $tag = $nginx->get('/status?site=shop&metric=views')->{headers}{etag};

$rollup->counter('shop', 'all', '*', 'views', time, 1);
$rollup->write;
ok(wait_for(sub {
    my $new = $nginx->get('/status?site=shop&metric=views',
                          headers => ["If-None-Match: $tag"]);
    $new->{status} == 200 && $new->{headers}{etag} ne $tag;
}), 'changed: a new answer');

for my $method (qw(POST PUT DELETE OPTIONS)) {
    my $r = $nginx->request($method, '/status', body => '{}');

    is($r->{status}, 405, $method);
    is($r->{headers}{allow}, 'GET, HEAD', 'Allow');
    ok(json_decode($r->{body})->{error}, 'JSON');
}


# a value that is no UTF-8, and one with all that JSON escapes

$rollup->counter('shop', 'tag', "\xff\"</script>\n", 'views', time, 1);
$rollup->write;
ok(wait_for(sub {
    my $answer = $nginx->json('/status?site=shop&by=tag&metric=views');
    $answer && @{ $answer->{counters}{groups} }
    && $answer->{counters}{groups}[0]{value} eq "%FF\"</script>\n";
}), 'any value is JSON');


# a field that cannot be read is counted, and the rest is answered

$redis->command('HSET', $_, '*', "\xc1")
    for $rollup->keys(0, 'news', 'all', 'views', time);
ok(wait_for(sub {
    my $answer = $nginx->json('/status?site=news&last=1h&metric=views');
    $answer && $answer->{unreadable};
}), 'unreadable is told');

finish();
