# "total" is for counters that never fall: a value enters it when nothing can
# replace it any more, exactly once, whatever is killed in between.  The clock
# of this is the stream, so the test writes entries with ids in the future.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(time sleep);

use RumStream;
use RumTest;

my $redis = redis();
my $stream = RumStream->new($redis);
my $agg = aggregator(redis => $redis, conf => "flush = 20ms\nlease = 300ms\n");

# a minute that has not begun, in ms
my $minute = (int(time / 60) + 10) * 60000;

sub of_total {
    my ($metric, $dimension, $value) = @_;
    my $h = $stream->rollup('total', 0, 'shop', $dimension || 'all', $metric)
            ->{$value || '*'};

    return !$h ? 'none' : ref $h ? "$h->{count}: $h->{sum}" : $h;
}

sub of_minute {
    my ($start, $metric) = @_;
    my $h = $stream->rollup('1m', $start / 1000, 'shop', 'page', $metric)
            ->{'/'};

    return $h && $h->{count} ? "$h->{count}: $h->{sum}" : 'none';
}

sub add {
    my ($at, $event, $what) = @_;

    $stream->add($event, at => $at);
    ok($stream->caught_up, $what);
}

sub unsettled { return $redis->command('HKEYS', $stream->key('unsettled')) }

sub expires_after {
    my ($start, $metric) = @_;

    return $redis->command('EXPIRETIME', $stream->key(
        '1m:' . $start / 1000 . ":shop:page:$metric")) - $start / 1000 - 60;
}


# --------------------------------------------------- before it has settled

add($minute + 100, { view => 'a', metrics => { lcp => 1000, cls => 0 },
                     page => '/' }, 'a view');
is(of_total('lcp'), 'none', 'its values are not in total');
is(of_total('views'), 1, 'but the view is');
is(of_minute($minute, 'lcp'), '1: 1000', 'the minute has them');
is_deeply(unsettled(), [$minute / 1000 . ' shop'], 'and is written down');
is(expires_after($minute, 'lcp'), 400 * 86400,
   'it is kept for long, should nobody come to add it to total');

add($minute + 60500, { view => 'a', seq => 1, metrics => { lcp => 2000 } },
    'a value is replaced before it has settled');
is(of_minute($minute, 'lcp'), 'none', 'it is taken back');
is(of_minute($minute + 60000, 'lcp'), '1: 2000',
   'the new one is where it came');

$agg->kill;
$agg->start;
add($minute + 119999, {}, 'an entry of the last millisecond');
is(of_total('cls'), 'none', 'nothing has settled');

add($minute + 120000, {}, 'and one of the next');
ok(wait_for(sub { of_total('cls') eq '1: 0' }), 'the first minute has');
is(of_total('lcp'), 'none', 'what was replaced never gets there');
is(expires_after($minute, 'cls'), 6 * 3600, 'the minute expires as usual');
is_deeply([ sort @{ unsettled() } ],
          [ map { $minute / 1000 + $_ . ' shop' } 60, 120 ],
          'two minutes are left');


# ---------------------------------------------------- after it has settled

add($minute + 150000, { view => 'a', seq => 2, metrics => { cls => f64(.5) },
                        page => '/' }, 'a settled value is replaced');
is(of_total('cls'), '1: 0', 'total keeps the old one');
is(of_minute($minute, 'cls'), '1: 0.5', 'the new one stands in its place');
is(of_minute($minute + 120000, 'cls'), 'none', 'and not where it came');

$agg->kill;
$agg->start;
add($minute + 200000, {}, 'the other one settles');
is(of_total('lcp'), '1: 2000', 'and is in total');
add($minute + 300000, { view => 'a', seq => 3, metrics => { cls => f64(.25),
                        lcp => 4000 } }, 'once more, after a kill');
is(of_minute($minute, 'cls'), '1: 0.25', 'in the same place again');
is(of_minute($minute + 60000, 'lcp'), '1: 4000', 'as the other one');
is(of_total('lcp'), '1: 2000', 'total keeps what had settled');
is($stream->total('page', 'cls')->{'/'}{count}, 1, 'the day has one value');

add($minute + 300001, { t => $minute, metrics => { lcp => 7 },
                        view => 'late' }, 'a value that comes too late');
is(of_total('lcp'), '2: 2007', 'is there at once');
add($minute + 300002, { t => $minute + 1, metrics => { lcp => 9 }, seq => 1,
                        view => 'late' }, 'and is replaced');
is(of_total('lcp'), '2: 2007', 'which total does not show');
is(of_minute($minute, 'lcp'), '1: 9', 'the minute does');

$stream->add({ t => $minute + $_, metrics => { lcp => 10 + $_ },
               view => 'together', seq => $_ }, at => $minute + 300003)
    for 0 .. 3;
ok($stream->caught_up, 'late values that replace each other at once');
like(of_total('lcp'), qr/^3: 20(?:1[789]|20)$/, 'one of them is there');


# ----------------------------------------- at random, and killed all the time
#
# The model knows what each value of a view replaces: what had settled by then
# stays in total for good, and its place is taken.

$minute += 600000;

my ($now, $views, @live, %value, %total, %last) = ($minute, 0);

sub settle {
    my $n = 0;

    for my $v (values %value) {
        my $at = (int($v->{t} / 60000) + 1) * 60000 + 60000;

        next if $v->{settled} || $at > $now;
        $v->{settled} = 1;
        $total{count}++;
        $total{sum} += $v->{x};
        $n++;
    }

    return $n;
}

# no bucket, rating, count or sum of any total is less than it was
sub falls {
    my @falls;

    for my $name ($stream->names('total:*')) {
        next if $name =~ /:(?:bounces|sessions.*)$/;
        my (undef, undef, $res, $start, $site, @of) = split /:/, $name;
        my $rows = $stream->rollup($res, $start, $site, @of);

        for my $value (keys %$rows) {
            my $h = $rows->{$value};
            my %now = ref $h ? ((map { $_ => $h->{$_} } qw(count sum zero)),
                                %{ $h->{buckets} },
                                map { ("r$_" => $h->{ratings}[$_]) } 0 .. 2)
                             : (n => $h);

            for (keys %now, keys %{ $last{"$name $value"} || {} }) {
                push @falls, "$name $value $_"
                    if ($now{$_} || 0) < ($last{"$name $value"}{$_} || 0);
            }

            $last{"$name $value"} = \%now;
        }
    }

    return @falls;
}

my @falls = falls();
my ($count, $sum) = of_total('lcp') =~ /^(\d+): (\d+)$/;

for my $i (1 .. 1500) {
    my ($view, $seq);

    # what is replaced in the same flush as it settles may be either
    $now += int rand 2000;

    if (settle()) {
        $stream->add({}, at => $now);
        $stream->caught_up;
    }

    if (@live < 5 || rand() < .4) {
        push @live, $view = 'r' . ++$views;
    } else {
        $view = $live[rand @live];
        $seq = 1;
        @live = grep { $_ ne $view } @live if rand() < .2;
    }

    my $old = $value{$view};
    my $x = 1 + int rand 9000;

    $value{$view} = $old && $old->{settled} ? { %$old, x => $x }
                                            : { t => $now, x => $x };

    $stream->add({ view => $view, $seq ? (seq => 1) : (),
                   metrics => { lcp => $x }, page => '/' . rand(5) % 5 },
                 at => $now);

    if ($i % 100 == 0) {
        push @falls, falls();
        $agg->kill;
        push @falls, falls();
        $agg->start;
        ok($stream->caught_up, "$i entries") if $i % 300 == 0;
    }
}

# what is there by now, and all of it in the end
ok($stream->caught_up, 'all is read');
push @falls, falls();
ok(wait_for(sub { of_total('lcp') eq $count + $total{count} . ': '
                                     . ($sum + $total{sum}) }),
   'total has what has settled') or diag(of_total('lcp'));
cmp_ok($total{count}, '<', $views, 'which is not all');

$now += 300000;
settle();
$stream->add({}, at => $now);
ok(wait_for(sub { of_total('lcp') eq $count + $views . ': '
                                     . ($sum + $total{sum}) }),
   "total has one value of each of $views views") or diag(of_total('lcp'));
push @falls, falls();
is_deeply(\@falls, [], 'nothing of it ever fell');

my $pages = $stream->rollup('total', 0, 'shop', 'page', 'lcp');
my $of_pages = 0;

$of_pages += $_->{count} for values %$pages;
is($of_pages, $count + $views, 'by page too');

my ($all, $sent) = ($stream->total('all', 'lcp')->{'*'}, 0);

$sent += $_->{x} for values %value;
is($all->{count}, 3 + $views, 'the days have one value of each');
is($all->{sum}, 4000 + 9 + 13 + $sent, 'which is the last one');
is($stream->health($_), 0, "health: no $_") for qw(lost rejected duplicates);


# ------------------------------------------------------ without any delay

$agg->stop;
$agg->write_conf(conf => "flush = 20ms\nsettle = 0s\n");
$agg->start;
$stream->add({ site => 'fast', view => 'x', metrics => { lcp => 5 } },
             at => $now + 1);
ok($stream->caught_up, 'settle = 0s');
$stream->add({ site => 'fast', view => 'x', seq => 1,
               metrics => { lcp => 8 } }, at => $now + 2);
ok($stream->caught_up, 'and a replacement');

my $fast = $stream->rollup('total', 0, 'fast', 'all', 'lcp')->{'*'};

is("$fast->{count}: $fast->{sum}", '1: 5', 'a value is in total at once');


# ---------------------------------------------------- what is told to expire

$agg->stop;
$redis->command('FLUSHALL');
$redis->command('CONFIG', 'RESETSTAT');
$agg->write_conf(conf => "flush = 20ms\nrollup = { \"page\" }\n");
$agg->start;

add($minute, { view => 'p', metrics => { lcp => 1, cls => 1, fcp => 1 } },
    'a minute with three metrics');
add($minute + 60000, { view => 'q', metrics => { lcp => 1 } }, 'one with one');
add($minute + 600000, { view => 'r' }, 'both settle');

my @windows = grep { !/:unsettled$/ } $stream->names('1*');
my @settled = grep { /:1m:(\d+):/ && $1 * 1000 < $minute + 120000 } @windows;
my ($expiries) = $redis->command('INFO', 'commandstats')
                 =~ /^cmdstat_expireat:calls=(\d+)/m;

is($expiries, @windows + @settled,
   'each key is told once, and once more when it has settled');


# ------------------------------------------------- a backlog of eight days
#
# Who was away reads by the clock of those days.  All that is read here stays
# short of the end of the stream, as in a backlog.

$agg->stop;
$agg->write_conf(conf => "flush = 20ms\nlease = 300ms\npartitions = 2\n");
$agg->start;
$stream = RumStream->new($redis, 1);
ok($stream->caught_up, 'another partition');

$minute = (int(time / 60) - 8 * 1440) * 60000;
my $top = $minute . '-0';

sub add_old {
    my ($at, $event, $id) = @_;

    $top = $redis->command('EVAL', <<'LUA', 1, $stream->key('events'),
redis.call('XSETID', KEYS[1], ARGV[1])
local id = redis.call('XADD', KEYS[1], ARGV[2], 'id', ARGV[3], 'e', ARGV[4])
redis.call('XSETID', KEYS[1], ARGV[5])
return id
LUA
        $top, "$at-*", $id, packed({ t => $at, site => 'shop', page => '/',
                                     %$event }), int(time * 1000));
}

sub add_backlog {
    add_old(@_);
    ok(wait_for(sub { $stream->group->{'last-delivered-id'} eq $top }),
       'an old entry');
}

add_backlog($minute + 100, { view => 'a', metrics => { lcp => 1000 } }, 'a-1');
is(of_total('lcp'), 'none', 'nothing of it has settled');
is(of_minute($minute, 'lcp'), '1: 1000', 'the minute is kept until then');
add_backlog($minute + 200, { view => 'a', seq => 1, metrics => { lcp => 9 } },
            'b-1');
is(of_minute($minute, 'lcp'), '1: 9', 'its value is replaced');

$agg->kill;
add_old($minute + 300, { session => str("s$_") }, 'b-' . ($_ + 1)) for 1 .. 40;
$agg->start;
add_backlog($minute + 400, {}, 'a-2');
add_backlog($minute + 180000, {}, 'a-1');
is(of_total('lcp'), '1: 9', 'total has what settled');
is_deeply([$stream->names('1m:' . $minute / 1000 . ':*')], [],
          'the minute is gone');

my $hour = int($minute / 3600000) * 3600;

is($redis->command('PFCOUNT', $stream->key("$_:shop:all:sessions:*")), 40,
   "sessions of $_") for "1h:$hour", 'total:0';

is($stream->health('lost'), 0, 'a writer that has nothing to say in a flush');
is($stream->health('duplicates'), 1, 'is known in the next one');

finish();
