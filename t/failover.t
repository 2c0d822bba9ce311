# What becomes of events when another Redis becomes the master, in each way in
# which that happens.  The sentinels are scripted, so that each moment can be
# chosen; t/sentinel.t has real ones.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumCounted;
use RumLoad;
use RumSentinel;

my @args = (aof => 1, args => ['--repl-diskless-sync-delay', '0',
                               '--repl-ping-replica-period', '1']);
my ($a, $b) = (redis(@args), redis(@args));
my ($one, $two) = (RumSentinel::fake(), RumSentinel::fake());
my $address = RumSentinel::address($one, $two);
my $wire = proxy(to => $a->port);       # what the replica reads from
my @results;

sub says { $_->mode("@_") for $one, $two }

sub follow {
    my ($replica, $of) = @_;

    $replica->command('REPLICAOF', '127.0.0.1', $of->port);
    ok(wait_for(sub {
        (eval { $replica->command('ROLE')->[3] } // '') eq 'connected';
    }, 30), 'a replica follows');
}

# numbers go on where the load before ended
sub load {
    my ($n, %o) = @_;
    my $from = @results;

    return RumLoad->start($o{nginx}->port, $n,
                          sub { RumCounted::request($_[0] + $from) },
                          depth => 16);
}

sub clients {
    my ($redis, $name) = @_;

    return scalar(() = $redis->command('CLIENT', 'LIST') =~ /name=$name /g);
}

my $server = <<'END';
    location /rum { rum_beacon shop; rum_ack stored; }
    location /status { rum_status; }
END


# ------------------------- the aggregator's two connections go to one server

says($a->port, $b->port);
my $agg = aggregator(redis => $address,
                     conf => RumCounted::conf() . "timeout = 1s\n");

ok(wait_for(sub { clients($a, 'rum-aggregator') == 2 }),
   'the reader goes where the rest went') or diag($agg->log);
is(clients($b, 'rum-aggregator'), 0, 'whatever a sentinel says meanwhile');
says($a->port);


# --------------- a master dies with what it had not passed on: it is counted

follow($b, $wire);
# one worker: a loss is seen when a later event of the same one comes
my $nginx = nginx(redis => $address, workers => 1,
                  redis_options => 'timeout=2s connect_timeout=500ms',
                  server => $server);

push @results, load(600, nginx => $nginx)->wait;
is(scalar(grep { ($_ // 0) == 204 } @results), 600, 'beacons are stored');
ok(RumCounted::settled($nginx), 'and rolled up');
ok(wait_for(sub {
    my ($offset) = $a->command('INFO', 'replication')
                   =~ /master_repl_offset:(\d+)/;
    return $a->command('INFO', 'replication') =~ /offset=$offset,/;
}), 'the replica has them');

$wire->mode('hold');
push @results, load(300, nginx => $nginx)->wait;
is(scalar(grep { ($_ // 0) == 204 } @results), 900,
   'more are, while the replica hears nothing');

$wire->mode('drop');
$a->kill;
$b->command('REPLICAOF', 'NO', 'ONE');
says($b->port);

push @results, load(600, nginx => $nginx)->wait;
my $c = RumCounted::compare($nginx, 'the master died', @results);

is($c->{answers}{204} + ($c->{answers}{503} || 0), 1500, 'all were answered');
cmp_ok(scalar @{ $c->{lost} }, '>', 0, 'some are lost');
is($c->{health}{aggregator}{lost}, scalar @{ $c->{lost} },
   'and so many are told to be');
RumCounted::once('the master died', $c);

# what is lost is not asked for again
$results[$_] = 503 for @{ $c->{lost} };
my $lost = @{ $c->{lost} };
my $at = @results;


# ------------------------------------------ with "replicas=1" none of it is

$wire->stop;
$wire = proxy(to => $b->port);
$a->start;
follow($a, $wire);

$nginx->write_conf(workers => 2, redis_options =>
                   'timeout=2s connect_timeout=500ms replicas=1',
                   http => 'rum_spool ' . tmp('spool') . ';');
$nginx->reload(gone => 1);

push @results, load(600, nginx => $nginx)->wait;
is(scalar(grep { ($_ // 0) == 204 } @results[$at .. $#results]), 600,
   'beacons are stored on two servers');
ok(RumCounted::settled($nginx), 'and rolled up');

$wire->mode('hold');
my $before = $nginx->figures->{events}{stored};
push @results, load(300, nginx => $nginx)->wait;
is(scalar(grep { ($_ // 0) == 204 } @results[$at .. $#results]), 900,
   'more are answered while the replica hears nothing');
cmp_ok($nginx->figures->{spool}{written}, '>=', 300, 'from the spool');
is($nginx->figures->{events}{stored}, $before,
   'what only the master has does not count as stored');
like($nginx->log, qr/too few replicas have the events/, 'and it is said');

$wire->mode('drop');
$b->kill;
$a->command('REPLICAOF', 'NO', 'ONE');
says($a->port);
$b->start;
follow($b, $a);

push @results, load(600, nginx => $nginx)->wait;
drained();
my $health = RumCounted::check($nginx, 'replicas=1, the master died',
                               @results);
is($health->{aggregator}{lost}, $lost, 'no more are missing than before');


# ------------- a master that was replaced and does not know: nobody stays on

cmp_ok(clients_of_nginx($a), '>=', 2, 'the workers are connected');
$b->command('REPLICAOF', 'NO', 'ONE');
says($b->port);
ok(wait_for(sub { clients_of_nginx($a) == 0 && clients_of_nginx($b) >= 2 }),
   'they go to the new one') or diag($nginx->log);
like($nginx->log, qr/is not the master any more/, 'and say why');
is($a->command('ROLE')->[0], 'master', 'while the old one goes on');

follow($a, $b);
push @results, load(300, nginx => $nginx)->wait;
drained();
$health = RumCounted::check($nginx, 'replaced', @results);
is($health->{aggregator}{lost}, $lost, 'no more are missing');


# ------------------------- a sentinel that was cut off: it names a replica

$one->mode($a->port);
$nginx->reload(gone => 1);
$agg->restart;
push @results, load(300, nginx => $nginx)->wait;
drained();
$health = RumCounted::check($nginx, 'a stale sentinel', @results);
is($health->{aggregator}{lost}, $lost, 'no more are missing');
like($agg->log, qr/sentinel 127\.0\.0\.1:\d+: what it calls the master is none/,
     'the aggregator says so');


# --------------------------------- min-replicas-to-write: not stored, not yet

says($b->port);
$b->command('CONFIG', 'SET', 'min-replicas-to-write', 1);
$before = length $agg->log;
$a->stop;

ok(wait_for(sub { $nginx->beacon('/rum'); $nginx->log =~ /NOREPLICAS/ }, 30),
   'a master without replicas refuses, the module says so');
ok(wait_for(sub { substr($agg->log, $before) =~ /NOREPLICAS/ }, 30),
   'so does the aggregator') or diag(substr $agg->log, $before);

push @results, load(300, nginx => $nginx)->wait;
$a->start;
follow($a, $b);
drained();

# those without a number of their own are on page "/"
$health = RumCounted::check($nginx, 'without a replica for a while', @results);
is($health->{aggregator}{lost}, $lost, 'no more are missing');

my ($ok, $out) = $nginx->check(redis_options => 'replicas=17');
ok(!$ok, 'replicas=17 is refused');
like($out, qr/invalid parameter "replicas=17"/, 'and it is said');

finish();


sub drained {
    ok(wait_for(sub {
        my $figures = $nginx->figures;
        return $figures && $figures->{spool}{bytes} == 0
               && $figures->{ring}{events} == 0;
    }, 60), 'all that waited is delivered')
        or diag(json($nginx->figures), substr $nginx->log, -3000);
}

# workers have no name; a replica and this test are told apart by what they do
sub clients_of_nginx {
    my ($redis) = @_;

    return scalar grep { /cmd=(?:wait|xadd|role) / && !/name=rum/ }
           split /\n/, $redis->command('CLIENT', 'LIST', 'TYPE', 'normal');
}
