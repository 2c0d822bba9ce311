# What is past a limit is counted as that: values as "(other)", names and
# broken entries in the aggregator's health.  Nothing stops it.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(time);

use RumStream;
use RumTest;

my $redis = redis();
my $stream = RumStream->new($redis);
my $agg = aggregator(redis => $redis, conf => <<'END');
flush = 20ms
rollup = { "page", "country", "page,country" }
limit { default = 5  page = 5  country = 3  dimensions = 2  metrics = 2  sites = 2 }
recent { time = 30m  views = 10 }
END

my $today = int(time / 86400) * 86400;

sub sum { my $sum = 0; $sum += $_ for @_; return $sum }

sub beacons { return $stream->total($_[0], 'beacons') }


# ---------------------------------------------------------------- values

$stream->add({ page => "/$_", view => "v$_", metrics => { lcp => 100 * $_ },
               dims => { country => "C$_" } }) for 1 .. 8;
ok($stream->caught_up, 'eight pages, eight countries');

is_deeply(beacons('page'), { (map { ("/$_" => 1) } 1 .. 5), '(other)' => 3 },
          'the first five pages have their own rows');
is_deeply(beacons('country'), { C1 => 1, C2 => 1, C3 => 1, '(other)' => 5 },
          'a dimension can have its own limit');
is(beacons('page,country')->{'(other)'}, 3, 'a pair is limited too');
is_deeply([ @{ $stream->total('page', 'lcp')->{'(other)'} }{qw(count sum)} ],
          [ 3, 2100 ], 'metrics go where the beacons go');
is(beacons('all')->{'*'}, 8, 'all are in "all"');
cmp_ok($stream->health('other'), '>', 0, 'and health says so');

$stream->add({ page => '/7', view => 'v7', seq => 1,
               metrics => { lcp => 1 }, dims => { country => 'C7' } });
$stream->add({ page => '/2', view => 'v2', seq => 1,
               metrics => { lcp => 2 }, dims => { country => 'C2' } });
ok($stream->caught_up, 'two values are replaced');
is_deeply([ @{ $stream->total('page', 'lcp')->{'(other)'} }{qw(count sum)} ],
          [ 3, 1401 ], 'one among the others');
is_deeply([ @{ $stream->total('page', 'lcp')->{'/2'} }{qw(count sum)} ],
          [ 1, 2 ], 'one in its own row');

$agg->restart;
$stream->add({ page => $_ }) for '/5', '/9';
ok($stream->caught_up, 'more after a restart');
is_deeply(beacons('page'), { '/1' => 1, '/2' => 2, '/3' => 1, '/4' => 1,
                             '/5' => 2, '(other)' => 5 },
          'who has a row keeps it');
is(beacons('country')->{'(unknown)'}, 2,
   'what is not said does not count as a value');

my ($now, @other) = (int(time * 1000), $stream->health('other'));

for my $weight (1, 50) {
    $stream->add({ t => $now, page => "/w$weight",
                   $weight > 1 ? (weight => $weight) : () });
    ok($stream->caught_up, "a weight of $weight");
    push @other, $stream->health('other');
}

is($other[2] - $other[1], $other[1] - $other[0],
   'health counts events, not what they stand for');
is(sum(values %{ beacons('page') }), beacons('all')->{'*'},
   'rows count what they stand for, all the same');


# ----------------------------------------------------------------- names

$stream->add({ dims => { one => 'a', two => 'b' } });
$stream->add({ dims => { one => 'a', three => 'c' },
               metrics => { m1 => 1, m2 => 2 } });
$stream->add({ metrics => { m1 => 1, m3 => 3, lcp => 1 } });
$stream->add({ metrics => { m2 => 1, 'no good' => 3, neg => -1 } });
ok($stream->caught_up, 'own dimensions and metrics');
is_deeply([ grep { /:(?:one|two|three):beacons$/ }
            $stream->names('1d:*') ],
          [ map { $stream->key("1d:$today:shop:$_:beacons") } qw(one two) ],
          'two own dimensions');
is_deeply([ sort map { /:all:([^:]+)$/ ? $1 : () }
            @{ [ $stream->names('1d:*:shop:all:*') ] } ],
          [ qw(beacons lcp m1 m2 views) ], 'two own metrics, and lcp');
is($stream->health('dropped'), 4, 'the rest is dropped, and counted');

$stream->add({ site => $_ }) for qw(b c d);
ok($stream->caught_up, 'three more sites');
is($stream->rollup('total', 0, 'b', 'all', 'beacons')->{'*'}, 1,
   'the second site has its rollups');
is($stream->rollup('total', 0, '(other)', 'all', 'beacons')->{'*'}, 2,
   'the others share some');


# -------------------------------------------------------------- forgotten

is($stream->health('forgotten'), 0, 'nothing was forgotten so far');
$stream->add({ page => '/1', view => "w$_", metrics => { fcp => 1 } })
    for 1 .. 30;
$stream->add({ page => '/1', view => 'w1', seq => 1,
               metrics => { fcp => 2 } });
$stream->add({ page => '/1', view => 'w30', seq => 1,
               metrics => { fcp => 2 } });
ok($stream->caught_up, 'more views than are remembered');
is($stream->total('page', 'fcp')->{'/1'}{count}, 31,
   'the oldest cannot be replaced, the newest can');
cmp_ok($stream->health('forgotten'), '>=', 20, 'which is counted');

my $forgotten = $stream->health('forgotten');

$agg->restart;
$stream->add({ page => '/2', view => 'w31' });
ok($stream->caught_up, 'one more, after they are read again');
cmp_ok($stream->health('forgotten'), '<=', $forgotten + 1,
       'what was forgotten before is not counted again');


# --------------------------------------------------------------- rejected

my $good = packed({ t => int(time * 1000), site => 'shop', page => '/1' });
my $lost = $stream->health('lost');

$stream->raw('r-1', "\xc1 not MessagePack");
$stream->raw('r-2', packed({ t => 1, page => '/1' }));
$stream->raw('r-3', packed({ t => str('now'), site => 'shop' }));
$stream->raw('r-4', packed({ t => int(time + 3 * 86400) * 1000,
                             site => 'shop', page => '/1' }));
$stream->raw('r-5', $good . 'x');
$stream->raw('r-6', undef);
$stream->raw(undef, $good);
$stream->raw($_, $good) for '', '-', 'r', 'r-', 'r-0', 'r-x', 'r_1-1',
    'r-99999999999999999999', 'x' x 40 . '-1';
$stream->raw('r-7', $good);
ok($stream->caught_up, 'a dozen entries that are none, and a good one');

my @rejected = @{ $redis->command('XRANGE', $stream->key('rejected'),
                                  '-', '+') };
my %first = @{ $rejected[0][1] };

is(scalar @rejected, 16, 'they are set aside');
is($stream->health('rejected'), 16, 'and counted');
is($first{id}, 'r-1', 'with their id');
is($first{e}, "\xc1 not MessagePack", 'and event');
ok($first{error}, 'and what was wrong');
like($first{entry}, qr/^\d+-\d+$/, 'and where they were');
is($stream->health('lost'), $lost, 'they are not lost');
is(beacons('page')->{'/1'}, 34, 'the good one is counted');

$redis->command('EVAL', 'for i = 1, 3000 do redis.call("XADD", KEYS[1], "*",'
                . ' "id", "s-" .. i, "e", "x") end', 1,
                $stream->key('events'));
ok($stream->caught_up, 'thousands of them');
cmp_ok($redis->command('XLEN', $stream->key('rejected')), '<=', 1200,
       'about the last thousand is kept');
is($stream->health('rejected'), 3016, 'all are counted');
ok($agg->alive, 'and it goes on');


# ---------------------------------------------------- keys of a wrong type
#
# Somebody else wrote them, of rollups of each kind.  What belongs there is
# not stored; all else is.

my $strange = redis();
my $there = RumStream->new($strange);
my $minute = int(time / 60) * 60 - 300;
my $hour = $minute - $minute % 3600;
my $day = $minute - $minute % 86400;

sub strange_event {
    my ($view, %more) = @_;

    return { t => $minute * 1000, view => "v$view",
             session => "s$view", page => '/a', dims => { country => 'DE' },
             metrics => { lcp => 1000, fcp => 500 },
             errors => [ { type => 'E', message => 'm' } ],
             resources => [ { host => 'cdn', type => 'img', count => 1,
                              url => '/u', duration => [ 7 ] } ], %more };
}

my $watch = aggregator(redis => $strange, conf => "flush = 20ms\n"
                       . "rollup = { \"page\", \"country\" }");

# whether an event is from the future, the id of its entry says: who reads it
# again later must not take it for one that was counted

my $added = int(time - 600) * 1000;

$there->raw('f-1', packed({ t => $added + 86700_000, site => 'shop',
                            page => '/a' }), $added);
$there->raw('f-2', packed({ t => $added + 86300_000, site => 'shop',
                            page => '/f' }), $added + 1);
$there->add(strange_event('0'));
ok($there->caught_up, 'an event before somebody writes to keys');
is($there->health('rejected'), 1, 'one before it was from the future');
$watch->stop;

my ($sample) = $there->names('error:*');
my @bad = map { $there->key($_) }
    "1m:$minute:shop:all:beacons", "1h:$hour:shop:page:lcp",
    "1d:$day:shop:page:beacons", "1d:$day:shop:country:views",
    "total:0:shop:all:beacons", "total:0:shop:page:fcp",
    "1d:$day:shop:all:sessions:*", "1m:$minute:shop:all:sessions:*",
    "1d:$day:shop:host,type:slowest", "1d:$day:shop:lcp_target:lcp";
push @bad, $sample;

$strange->command('SET', $_, 'x') for @bad;
$watch->start;
$there->add(strange_event($_)) for 'a', 'b';
ok($there->caught_up, 'two more events are read');
$there->add(strange_event("m$_")) for 1 .. 40;
$there->add(strange_event('t', attribution =>
                          { lcp => { target => 'img.hero' } }));
ok($there->caught_up, 'and many more');

is_deeply({ map { $_ => $strange->command('GET', $_) } @bad },
          { map { $_ => 'x' } @bad }, 'what somebody wrote stays');
is($there->rollup('1m', $minute, 'shop', 'all', 'views')->{'*'}, 44,
   'other counters of the window go on');
is($there->rollup('1h', $hour, 'shop', 'all', 'beacons')->{'*'}, 44,
   'and the counter in other windows');
is($there->rollup('1d', $day, 'shop', 'page', 'lcp')->{'/a'}{count}, 44,
   'a metric goes on where the list of values cannot be read');
is($there->rollup('1d', $day, 'shop', 'all', 'lcp')->{'*'}{count}, 44,
   'and in other dimensions');
is($there->rollup('1d', $day, 'shop', 'country', 'beacons')->{DE}, 44,
   'a dimension that lacks a counter has the others');
is($there->rollup('1d', $day, 'shop', 'host,type', 'requests')
   ->{'cdn,img'}, 44, 'a detail without its slowest');
is($there->rollup('1d', $day, 'shop', 'error', 'errors')
   ->{(split /:/, $sample)[-1]}, 44, 'errors without their sample');
is($strange->command('PFCOUNT', $there->key("1h:$hour:shop:all:sessions:*")),
   44, 'sessions go on in other windows');
is($there->rollup('total', 0, 'shop', 'country', 'beacons')->{DE}, 44,
   'so does "total"');

for my $key (@bad) {
    my @told = $watch->log =~ /(the key "\Q$key\E" is of a wrong type)/g;
    is(scalar @told, 1, "$key: logged once");
}

is(scalar(() = $watch->log =~ /taken over/g), 2, 'and nothing is read again');
cmp_ok($there->health('wrong_type'), '>=', scalar @bad, 'health counts it');
is($there->lag, 0, 'the checkpoint is at the end');

my $live = int(time / 60) * 60;

$strange->command('SET', $there->key("1m:$live:shop:country:fcp"), 'x');

for my $view ('found', 'known') {
    $there->add({ t => $live * 1000, view => $view, dims => {
        country => 'FR' }, metrics => { lcp => 1, fcp => 2 } });
    ok($there->caught_up, "values that could be replaced, a key $view");
}

is($there->rollup('total', 0, 'shop', 'country', 'fcp')->{FR}{count}, 1,
   'what its minute cannot keep is in "total" at once');
ok(!$there->rollup('total', 0, 'shop', 'country', 'lcp')->{FR},
   'the rest comes later');

$strange->command('DEL', @bad);
my $n = 44;

ok(wait_for(sub {
    $there->add(strange_event('n' . ++$n));
    $there->caught_up;
    return $there->rollup('1d', $day, 'shop', 'page', 'beacons')->{'/a'}
           && $strange->command('EXISTS', $sample);
}), 'when they are deleted, they are written again');
is($there->rollup('1m', $minute, 'shop', 'all', 'views')->{'*'}, $n,
   'and the rest goes on');
is($there->rollup('1d', $day, 'shop', 'page', 'lcp')->{'/a'}{count}, $n,
   'also where the list of values begins anew');

$watch->stop;
$strange->command('SET', $there->key('index:shop'), 'x', 'KEEPTTL');
is($watch->once, 1, 'a list that the aggregator cannot do without');
like(slurp("$watch->{dir}/run.log"),
     qr/Redis: the key "\Q${\$there->key('index:shop')}\E" is of a wrong/,
     'is named');

finish();
