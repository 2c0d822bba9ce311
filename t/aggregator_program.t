# rum-aggregator as a program: options, configuration, signals, --once, tail,
# several partitions and processes.

use strict;
use warnings;

use lib 't/lib';
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time sleep);

use RumStream;
use RumTest;

my $redis = redis();
my @stream = map { RumStream->new($redis, $_) } 0 .. 2;
my $agg = aggregator(redis => $redis, start => 0);

sub run { return $agg->run(@_) }

# the output of -t with this configuration
sub tested {
    my ($conf) = @_;

    spew(tmp('t.conf'), $conf);
    my ($code, $out) = run('-t', '-c', tmp('t.conf'));

    return "$code: $out";
}

sub beacons {
    my ($partition, $page) = @_;

    return $stream[$partition]->total('page', 'beacons')->{$page} || 0;
}


# --------------------------------------------------------------- options

my ($code, $out) = run('-V');
is($code, 0, '-V');
like($out, qr/^rum-aggregator version: \d+\.\d+\.\d+$/, 'the version');

($code, $out) = run('-h');
is($code, 0, '-h');
like($out, qr/--once/, 'tells the options');

($code, $out) = run('--what');
is($code, 2, 'an unknown option');
like($out, qr/invalid option: "--what"/, 'is named');

($code) = run('-c');
is($code, 2, 'an option without its value');


# --------------------------------------------------------- configuration

like(tested(''), qr/^0: .*is successful$/s, 'an empty file will do');
like(tested(<<'END'), qr/^0: .*is successful$/s, 'all keys');
# a comment; with a semicolon
redis = "unix:/run/redis.sock"; user = "u"; password = "p;q"; db = 3
timeout = 2s
partitions = 4
flush = 500ms  lease = 5s
retention { minute = 6h  hour = 35d  day = 400d }
cluster = off
rollup = { "page", "country", "ab", "page,ab" }   // another
limit { default = 100; page = 5000; ab = 10; sites = 3 }
recent { time = 10m /* no; more */ views = 1000 }
log_level = warn
END
like(tested("redis = \"localhost:6379\"; flush = 100ms;"), qr/^0:/,
     'semicolons as in nginx.conf');

for my $test (
    ["\nnothing = 1", 'nothing', 2, 'an unknown key'],
    ["# x\n\nretention {\n  week = 1d\n}", 'week', 4,
     'an unknown key in a section'],
    ["flush = 1", 'flush', 1, 'a time without a unit'],
    ["\n\nflush = 10parsecs", 'flush', 3, 'a unit that is none'],
    ["flush = 1h", 'flush', 1, 'a time out of range'],
    ["partitions = 0", 'partitions', 1, 'no partition'],
    ["partitions = many", 'partitions', 1, 'not a number'],
    ["\nredis = \"localhost\"", 'localhost', 2, 'an address without a port'],
    ["redis = \"localhost:99999\"", '99999', 1, 'a port that is none'],
    ["\nlog_level = loud", 'loud', 2, 'a level that is none'],
    ["\nrollup = { \"page,country,device\" }", 'page,country,device', 2,
     'three dimensions'],
    ["details = { error,\nerrors }", '"errors" in "details" is none', 2,
     'a detail that there is not'],
    ["rollup = { \"host,page\" }", 'is a name of "details"', 1,
     'the name of a detail'],
    ["rollup = { \"page\",\n\"page\" }", 'listed twice', 2,
     'a dimension twice'],
    ["limit {\n default = 0\n}", 'default', 3, 'a limit of 0'],
    ["limit {\n page = lots\n}", 'page', 3, 'a limit that is no number'],
    ["flush = {", 'flush|syntax|unexpected', 1, 'syntax'],
    ["flush = 1s\n\n/* ;\nlease = 9s\n", 'comment is not closed', 3,
     'a comment without an end'],
    ["flush = 1s\n\0", 'a zero byte', '', 'a zero byte'],
    ["lease = 1s\nflush = 500ms", 'lease', '', 'a lease too short'],
    ["user = \"u\"", 'password', '', 'a user without a password'],
    ["cluster = on; redis = \"unix:/r.sock\"", '"cluster" is not for a unix '
     . 'socket', '', 'a cluster on a unix socket'],
    ["cluster = on; db = 2", '"cluster" is not for a "db"', '',
     'a database of a cluster'],
    ["cluster = on; redis = \"sentinel:a b:1\"",
     '"cluster" is not for sentinels', '', 'a cluster with sentinels'],
    ["cluster = on; sentinel_password = \"p\"",
     '"cluster" is not for sentinels', '', 'a cluster with their password'],
    ["cluster = perhaps", 'cluster', 1, 'neither a cluster nor none'],
) {
    my ($conf, $word, $line, $what) = @$test;
    my $got = tested($conf);

    like($got, qr/^1: .*failed$/s, "$what: refused");
    like($got, qr/\[error\].*(?:$word).* in \S+t\.conf@{[ $line && ":$line" ]}$/m,
         "$what: what and where");
}

like((run('-t', '-c', tmp('absent.conf')))[1],
     qr/absent\.conf.*No such file/, 'a file that is not there');


# ----------------------------------------------------------------- --once

$agg->write_conf(conf => "partitions = 2\nlease = 600ms\nflush = 100ms\n");
$stream[0]->add({ page => '/once' }) for 1 .. 5;
$stream[1]->add({ page => '/once' }) for 1 .. 7;

is($agg->once, 0, '--once ends well');
is(beacons(0, '/once'), 5, 'partition 0 is rolled up');
is(beacons(1, '/once'), 7, 'partition 1 is');
is($redis->command('EXISTS', $stream[0]->key('lease')), 0,
   'the lease is given back');
is($agg->once, 0, '--once with nothing to do');
is(beacons(0, '/once'), 5, 'counts nothing twice');

$redis->command('SET', $stream[0]->key('lease'), 'gone:1:1', 'PX', 700);
$stream[0]->add({ page => '/once' });
is($agg->once, 0, '--once waits for a lease that nobody renews');
is(beacons(0, '/once'), 6, 'and goes on');

my $live = aggregator(redis => $redis, conf => "flush = 50ms\nlease = 600ms");
ok(wait_for(sub { $redis->command('EXISTS', $stream[0]->key('lease')) }),
   'another aggregator runs');
($code, $out) = run('-c', $agg->file, '--once');
is($code, 1, '--once gives up on a lease that is renewed');
like($out, qr/partition 0 is held by \S+:@{[ $live->pid ]}:/, 'says whose');
is($live->stop, 0, 'the other one ends well');

$redis->stop;
is($agg->once, 1, '--once without Redis fails');
$redis->start;


# ------------------------------------------------------------------- tail

sub lines { return map { json_decode($_) } split /\n/, $_[0] }

$redis->command('FLUSHALL');
@stream = map { RumStream->new($redis, $_) } 0 .. 2;

for my $i (1 .. 5) {
    $stream[$i % 2]->add({ page => "/$i", metrics => { ttfb => 212.4,
        cls => f64(0.031), lcp => 900 }, errors => [{ message => "\"\n" }],
        resources => [{ host => 'cdn', url => 'https://cdn/h.avif' }],
        attribution => { inp => { type => 'pointer' } } });
    sleep 0.003;        # their order is that of Redis' milliseconds
}

$stream[0]->raw('x-1', 'junk');
$stream[0]->raw('x-2', packed({ t => 1, site => "\xff" }));

($code, $out) = run('tail', '-c', $agg->file, '-n', 4, '--once');
my @lines = lines($out);

is($code, 0, 'tail');
is(scalar @lines, 4, 'prints as many as asked for');
is_deeply([ map { $_->{page} } @lines[0, 1] ], ['/4', '/5'],
          'of all partitions in their order');
is_deeply($lines[1]{metrics}, { ttfb => 212.4, cls => 0.031, lcp => 900 },
          'numbers as they were');
like($out, qr/"ttfb":212\.4\b/, 'with no more digits than they need');
is($lines[1]{errors}[0]{message}, "\"\n", 'strings are escaped');
is_deeply([ @{ $lines[1] }{qw(resources attribution)} ],
          [ [{ host => 'cdn', url => 'https://cdn/h.avif' }],
            { inp => { type => 'pointer' } } ], 'lists and what is in them');
is($lines[1]{id}, 'w1-3', 'the id too');
like($lines[1]{entry}, qr/^\d+-\d+$/, 'and the entry');
is($lines[2]{error}, 'e is not one MessagePack map', 'what is no event');
is($lines[3]{site}, '(not UTF-8)', 'what is no text');

$stream[0]->raw('x-3', "\x81\xa1t\xcf" . "\xff" x 8);
($code, $out) = run('tail', '-c', $agg->file, '-n', 1, '--once');
like($out, qr/"t":18446744073709551615\b/, 'the greatest number');

my $log = tmp('tail.log');
my $pid = RumTest::spawn($log, $agg->binary, 'tail', '-c', $agg->file,
                         '-n', 0);

ok(wait_for(sub { $stream[1]->add({ page => '/new' });
                  slurp($log) =~ m{"page":"/new"} }), 'tail follows');
unlike(slurp($log), qr{"page":"/5"}, 'without what came before');
RumTest::stop($pid, 'TERM');


# ----------------------------------------------------------------- SIGHUP

$redis->command('FLUSHALL');
@stream = map { RumStream->new($redis, $_) } 0 .. 2;
$agg->write_conf(conf => "flush = 50ms\nlease = 600ms\n"
                         . "rollup = { \"page\" }\n");
$agg->start;
$stream[0]->add({ page => '/hup', dims => { country => 'DE' } });
ok($stream[0]->caught_up, 'it runs');

$agg->write_conf(conf => "flush = 50ms\nnonsense = 1\n");
$agg->hup;
ok(wait_for(sub { $agg->log =~ /nonsense.* in \S+:3$/m }),
   'a bad file is reported');
ok(wait_for(sub { $agg->log =~ /stays as it was/ }), 'and not used');
$stream[0]->add({ page => '/hup', dims => { country => 'DE' } });
ok($stream[0]->caught_up, 'it goes on with the old one');
is(scalar $stream[0]->names('total:0:shop:country:*'), 0,
   'which has no countries');

$agg->write_conf(conf => "flush = 50ms\nlease = 600ms\npartitions = 2\n"
                         . "rollup = { \"page\", \"country\" }\n");
$agg->hup;
$stream[0]->add({ page => '/hup', dims => { country => 'DE' } });
$stream[1]->add({ page => '/hup', dims => { country => 'FR' } });
ok($stream[1]->caught_up && $stream[0]->caught_up,
   'a good file is used: two partitions');
ok(wait_for(sub { $stream[1]->names('total:0:shop:country:beacons') }),
   'and countries');
is(beacons(0, '/hup'), 3, 'nothing is lost or twice');
is($agg->stop, 0, 'SIGTERM ends it well');


# ------------------------------------------------- what it finds at start

$redis->command('FLUSHALL');
@stream = map { RumStream->new($redis, $_) } 0 .. 2;
$stream[0]->add({ page => '/found' }) for 1 .. 2500;
$agg->write_conf(conf => "flush = 1m\nlease = 5m\n");
$agg->start;
ok($stream[0]->caught_up, 'a backlog is stored when it has been read');
is(beacons(0, '/found'), 2500, 'whole');
is($agg->stop, 0, 'and it ends well');

my $slow = proxy(to => $redis->port);

$slow->mode('delay 0.1');
$redis->command('FLUSHALL');
$stream[0]->add({ page => '/found' }) for 1 .. 2500;
$agg->write_conf(redis => $slow);
$agg->start;
ok($stream[0]->caught_up, 'the same where each answer takes its time');
is(beacons(0, '/found'), 2500, 'whole');
is($agg->stop, 0, 'and it ends well');
$agg->write_conf(redis => $redis);


# ----------------------------------------------- partitions are shared

$agg->write_conf(conf => "flush = 50ms\nlease = 600ms\npartitions = 3\n");
my $other = aggregator(redis => $redis, conf => $agg->{conf});

$agg->start;

for my $i (1 .. 300) {
    $stream[$_]->add({ page => '/share' }) for 0 .. 2;
    $other->kill if $i == 150;
}

ok($_->caught_up, 'a partition goes on without its owner') for @stream;
is(beacons($_, '/share'), 300, "partition $_ has all of its events")
    for 0 .. 2;
is($agg->stop, 0, 'the last one ends well');


# ------------------------------------- a lease that another takes meanwhile

sub clients { return $redis->command('CLIENT', 'LIST') }

$redis->command('FLUSHALL');
$redis->command('CLIENT', 'PAUSE', 600_000, 'WRITE');
$agg->write_conf(conf => "flush = 20ms\n");

my $rival = IO::Socket::INET->new($redis->address) or die $!;

print $rival "SET rum:{0}:lease rival:1:0 PX 600000\r\n";
ok(wait_for(sub { clients() =~ / cmd=set / }), 'another one is first');
$agg->start;
ok(wait_for(sub { clients() =~ / name=rum-aggregator .* cmd=set / }),
   'in the time between a look at the lease and taking it');
$redis->command('CLIENT', 'UNPAUSE');
ok(wait_for(sub { $agg->log =~ /: held by rival:1:0, waiting/ }),
   'who it was is said when it is known');
unlike($agg->log, qr/held by ,/, 'and not before');
$agg->stop;


# --------------------------------------------------- a clock that is set back
#
# The system's clock loses an hour, while the time that passes gains 100 s:
# cells that nothing has touched for a minute are to be loaded again then.

sub loads {
    my ($n) = $redis->command('INFO', 'commandstats')
              =~ /^cmdstat_hmget:calls=(\d+)/m;

    return $n || 0;
}

sub owned { return scalar(() = $agg->log =~ /taken over/g) }

my $so = tmp('clock.so');
my $set = tmp('clock.set');

spew(tmp('clock.c'), <<"END");
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *ts) {
    int rc = syscall(SYS_clock_gettime, clock, ts);
    if (rc == 0 && access("$set", F_OK) == 0)
        ts->tv_sec += clock == CLOCK_REALTIME ? -3600 : 100;
    return rc; }
END
is(system('cc', '-shared', '-fPIC', '-o', $so, tmp('clock.c')), 0,
   'a clock that can be set');

$redis->command('FLUSHALL');
$agg->write_conf(conf => "flush = 20ms\ntimeout = 10m\n");

{
    local $ENV{LD_PRELOAD} = $so;
    $agg->start;
}

for my $page ('/one', '/two', '/one') {
    $stream[0]->add({ page => $page });
    ok($stream[0]->caught_up, "$page");
}

my $loads = loads();
my $owned = owned();

$stream[0]->add({ page => '/one' });
ok($stream[0]->caught_up, 'what has been in use');
is(loads(), $loads, 'is not loaded again');
spew($set, '');
$stream[0]->add({ page => '/two' });
ok($stream[0]->caught_up, 'an event after the clock was set back');
$stream[0]->add({ page => '/one' });
ok($stream[0]->caught_up, 'and one of a page that nothing had touched');
cmp_ok(loads(), '>', $loads, 'which had been dropped from memory');
is(owned(), $owned, 'by the same owner');
is(beacons(0, '/one'), 4, 'all are counted');
$agg->stop;

finish();
