# Every event is in every rollup it belongs to, as often as its weight says,
# and nothing else is: a model in Perl counts the same events, and the whole
# keyspace is compared with it.
# (What events list is in aggregator_details.t.)

use strict;
use warnings;

use lib 't/lib';
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use RumRollup;
use RumStream;
use RumTest;

my $redis = redis();
my $stream = RumStream->new($redis);

# a time in the hour before this one: windows do not change while we look
my $hour = int(time / 3600) * 3600 - 3600;
my %width = ('1m' => 60, '1h' => 3600, '1d' => 86400, total => 0);
my %limits = (lcp => [2500, 4000], cls => [0.1, 0.25], ttfb => [800, 1800]);

my (%want, %sessions);

sub one_of { return $_[rand @_] }


# ------------------------------------------------------------- the model

sub value_pairs {
    my ($event) = @_;
    my %of = (page => $event->{page}, %{ $event->{dims} });
    my @pairs = (['all', '*']);

    for my $name (qw(page country device browser os network)) {
        push @pairs, [$name, $of{$name} // '(unknown)'];
    }

    for my $second (qw(device country)) {
        (my $first = $of{page}) =~ s/,/%2C/g;
        push @pairs, ["page,$second", "$first," . ($of{$second}
                                                   // '(unknown)')];
    }

    push @pairs, ['ab', $of{ab}] if defined $of{ab};
    return @pairs;
}

sub escape {
    my ($s) = @_;

    $s =~ s/([%:{}\x00-\x20\x7f])/sprintf '%%%02X', ord $1/ge;
    return $s;
}

sub window_keys {
    my ($event, $site, $dimension) = @_;
    my $second = int($event->{t} / 1000);

    return map { my $w = $width{$_};
                 "rum:{0}:$_:" . ($w ? $second - $second % $w : 0) . ':'
                 . escape($site) . ':' . escape($dimension) } keys %width;
}

sub tally {
    my ($key, $value, $metric, $x, $weight) = @_;
    my $h = $want{"$key:$metric"}{$value} ||= { count => 0, sum => 0,
        zero => 0, buckets => {}, ratings => [0, 0, 0] };

    $h->{count} += $weight;
    $h->{sum} = sprintf('%.4f', $h->{sum} + $x * $weight) + 0;
    $h->{min} = $x if !defined $h->{min} || $x < $h->{min};
    $h->{max} = $x if !defined $h->{max} || $x > $h->{max};

    if ($x == 0) {
        $h->{zero} += $weight;
    } else {
        my $index = log($x) / log(2) * 64;
        $h->{buckets}{POSIX::ceil($index) - 1} += $weight;
    }

    if (my $limit = $limits{$metric}) {
        $h->{ratings}[$x <= $limit->[0] ? 0 : $x <= $limit->[1] ? 1 : 2]
            += $weight;
    }
}

sub model {
    my ($event) = @_;
    my %counters = (beacons => 1);
    my $weight = $event->{weight} || 1;
    my $errors = 0;

    $errors += $_->{count} || 1 for @{ $event->{errors} || [] };
    $counters{errors} = $errors if $errors;

    if (!$event->{seq}) {
        $counters{views} = 1;
        $counters{entrances} = $counters{bounces} = 1
            if ($event->{n} || 0) == 1;
    }

    for my $pair (value_pairs($event)) {
        for my $key (window_keys($event, $event->{site}, $pair->[0])) {
            $want{"$key:$_"}{$pair->[1]} += $counters{$_} * $weight
                for keys %counters;
            tally($key, $pair->[1], $_, ref $event->{metrics}{$_}
                 ? $event->{metrics}{$_}{value} : $event->{metrics}{$_},
                  $weight)
                for keys %{ $event->{metrics} };

            $sessions{"$key:sessions:" . escape($pair->[1])}
                {$event->{session}} = $weight
                if defined $event->{session} && $pair->[0] !~ /page/;
        }
    }
}


# ------------------------------------------------------------ the events

for my $i (1 .. 1500) {
    my $session = int rand 40;
    my %event = (
        t => ($hour + int(rand 3) * 60) * 1000 + int(rand 60000),
        site => one_of('shop', 'blog', 'a b:c{d}%'),
        page => one_of('/', '/p/:id', '/a,b', '/ü', "/x y"),
        dims => { device => one_of('desktop', 'mobile'),
                  browser => one_of(qw(Chrome Safari)),
                  rand() < .5 ? (country => one_of(qw(DE FR BR))) : (),
                  rand() < .3 ? (ab => one_of('A', 'B: %')) : () },
        metrics => { rand() < .8 ? (lcp => 1 + int rand 60000) : (),
                     rand() < .5 ? (cls => f64(int(rand 400) / 1000)) : (),
                     rand() < .5 ? (ttfb => sprintf '%.1f',
                                    1.5 + int rand 3000) : (),
                     rand() < .2 ? (my_metric => int rand 10) : () },
        rand() < .9 ? (session => "s$session") : (),
        $session % 3 == 0 ? (weight => 1 + $session) : (),
        rand() < .9 ? (view => "v$i") : (),
        rand() < .8 ? (n => one_of(1, 1, 3, 4)) : (),
        rand() < .8 ? (seq => one_of(0, 1)) : (),
        rand() < .1 ? (errors => [ { type => 'E', message => 'm' },
                                   { type => 'F', count => 3 } ]) : (),
    );

    $stream->add(\%event);
    model(\%event);
}

my $agg = aggregator(redis => $redis, conf => <<'END');
flush = 20ms
details = {}
END

ok($stream->caught_up, 'the lag is 0 when all is read');
is($stream->group->{'entries-read'}, 1500, 'the group has read 1500');
is($stream->group->{'last-delivered-id'},
   { @{ $redis->command('XINFO', 'STREAM', $stream->key('events')) } }
       ->{'last-generated-id'}, 'up to the last');


# ------------------------------------------------------------ comparison

my (@wrong, %seen);

for my $key ($stream->names('[1t]*')) {
    if ($key =~ /:sessions:/) {
        my $n = $redis->command('PFCOUNT', $key);
        my $exact = 0;

        # an estimate, by 0.8 %
        $exact += $_ for values %{ $sessions{$key} || {} };
        push @wrong, "$key: $n sessions, not $exact"
            if abs($n - $exact) > 1 + $exact / 30 || !$exact;
        delete $sessions{$key};
        next;
    }

    my ($res, $start, $site, $dimension, $metric) =
        $key =~ /^rum:\{0\}:([^:]+):([^:]+):([^:]+):([^:]+):([^:]+)$/;
    my $got = $stream->rollup($res, $start, $site, $dimension, $metric);
    my $want = delete $want{$key} || {};

    # what the model counted: 0.1 + 0.2 is compared by its decimals
    my ($a, $b) = map { json($_) } $got, numbers($want);
    push @wrong, "$key\n  got  $a\n  want $b" if $a ne $b;
}

sub numbers {
    my ($x) = @_;

    return { map { $_ => numbers($x->{$_}) } keys %$x } if ref $x eq 'HASH';
    return [ map { numbers($_) } @$x ] if ref $x eq 'ARRAY';
    return $x + 0;
}

push @wrong, map { "$_ is missing" } sort(keys %want), sort(keys %sessions);
ok(!@wrong, 'the rollups are what the model counted')
    or diag(scalar(@wrong) . " are wrong\n",
            join "\n", @wrong[0 .. ($#wrong > 4 ? 4 : $#wrong)]);


# ---------------------------------------------------- index, sites, expiry

is_deeply([ sort @{ $redis->command('SMEMBERS', $stream->key('sites')) } ],
          [ sort 'shop', 'blog', escape('a b:c{d}%') ], 'the sites');

my %index = map { $_ => 1 } @{ $redis->command('SMEMBERS',
    $stream->key('index:' . escape('a b:c{d}%'))) };
my %pairs = map { /^rum:\{0\}:total:0:a%20b%3Ac%7Bd%7D%25:([^:]+:[^:]+)$/
                  ? ($1 => 1) : () } $stream->names('total:*');

is_deeply(\%index, \%pairs, 'the index has the pairs that exist');

my %retention = ('1m' => 6 * 3600, '1h' => 35 * 86400, '1d' => 400 * 86400);
my @expiry;

for my $key ($stream->names('[1t]*')) {
    my ($res, $start) = (split /:/, $key)[2, 3];
    my $at = $redis->command('EXPIRETIME', $key);
    my $want = $retention{$res} ? $start + $width{$res} + $retention{$res}
                                : -1;

    push @expiry, "$key: $at, not $want" if $at != $want;
}

ok(!@expiry, 'windows expire by their retention, totals never')
    or diag(join "\n", @expiry[0 .. 3]);

cmp_ok($stream->health('events'), '==', 1500, 'health: events');
cmp_ok($stream->health('late'), '==', 1500, 'health: all of them late');
cmp_ok($stream->health($_), '==', 0, "health: no $_")
    for qw(duplicates lost rejected replaced forgotten other dropped);
like($stream->health('holder'), qr/^[^:]+:@{[ $agg->pid ]}:[0-9a-f]+$/,
     'health: the holder');
is($redis->command('GET', $stream->key('lease')), $stream->health('holder'),
   'who has the lease too');


# -------------------------------------------------------- single questions

# the second view takes the bounce back, from the page it came from
$stream->add({ page => '/start', view => 'b1', session => 'b', n => 1 });
$stream->add({ page => '/next', view => 'b2', session => 'b', n => 2,
               from => '/start' });
$stream->add({ page => '/next', view => 'b2', session => 'b', n => 2,
               seq => 1, from => '/start' });
$stream->add({ page => '/next', view => 'b2', session => 'b', n => 2,
               from => '/start' });
$stream->add({ page => '/start', view => 'b3', session => 'c', n => 1 });
ok($stream->caught_up, 'bounces are read');

my $bounces = $stream->total('page', 'bounces');

is($bounces->{'/start'}, 1, 'one entrance of two was a bounce');
ok(!$bounces->{'/next'}, 'the page it went to has none');
is($stream->total('page', 'entrances')->{'/start'}, 2, 'two entrances');
is($stream->total('page', 'views')->{'/next'}, 1,
   'a view that is sent again counts once');
is($stream->total('page', 'beacons')->{'/next'}, 3, 'but as a beacon');

# what replaces a value takes back as much as was counted, whatever it weighs
# itself: at once, and when it had been stored
my $value = sub { $stream->total('page', 'inp')->{"/$_[0]"} };

$stream->add({ page => '/at-once', view => 'w1', weight => 4, seq => $_,
               metrics => { inp => 100 * (1 + $_) } }) for 0 .. 2;
$stream->add({ page => "/$_", view => $_, weight => 7, n => 1,
               metrics => { inp => 300 } }) for qw(lower higher part);
ok($stream->caught_up, 'weights are read');
is_deeply([ @{ $value->('at-once') }{qw(count sum ratings)} ],
          [4, 1200, [0, 4, 0]], 'the last one of three counts, four times');
is($value->('higher')->{count}, 7, 'another one seven times');
is($stream->total('page', $_)->{'/higher'}, 7, "as do $_")
    for qw(beacons views entrances bounces);

# a histogram that has lost some of it: the others can be taken back
my $rollup = RumRollup->new($redis);

$agg->stop;
$rollup->metric('shop', 'page', '/part', 'inp', int time, 300, 300, 10);
$rollup->write;
$agg->start;

$stream->add({ page => '/', view => 'lower', seq => 1, weight => 2,
               metrics => { inp => 50 } });
$stream->add({ page => '/', view => 'higher', seq => 1, weight => 9,
               metrics => { inp => 600 } });
$stream->add({ page => '/', view => 'part', seq => 1, weight => 7,
               metrics => { inp => 700 } });
ok($stream->caught_up, 'and what replaces them');
is_deeply([ map { $value->($_)->{count} } qw(lower higher part) ],
          [0, 0, 1], 'nothing is left of what is known');
is_deeply([ @{ $value->('') }{qw(count sum ratings)} ],
          [18, 2 * 50 + 9 * 600 + 7 * 700, [2, 0, 16]],
          'and what is new counts by its own weight');

# a session that stands for more than one command adds
$stream->add({ site => 'many', session => 'x', weight => 1000, n => 1 });
$stream->add({ site => 'many', session => 'y', weight => 500, n => 1 });
ok($stream->caught_up, 'large weights are read');
cmp_ok(abs($redis->command('PFCOUNT',
                           $stream->key('total:0:many:all:sessions:*'))
           - 1500), '<', 50, 'two sessions that stand for 1500');

# what was dropped from the stream before it was read
$agg->stop;
$stream->add({ page => '/gone' }) for 1 .. 10;
$redis->command('XTRIM', $stream->key('events'), 'MAXLEN', '=', '4');
$agg->start;
ok($stream->caught_up, 'the lag is 0 after a trim');
is($stream->total('page', 'beacons')->{'/gone'}, 4, 'four were left');
is($stream->health('lost'), 6, 'six were lost');

finish();
