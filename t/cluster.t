# Redis Cluster: each partition is on the node that has its slot, and both
# programs follow it when the slot is moved, when its node dies and comes back,
# and when a replica takes over; each beacon that was answered 204 counts once.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumCluster;
use RumCounted;
use RumLoad;

# the users of docs/operations.md, and what it says they need in a cluster
my $docs = slurp(top() . '/docs/operations.md');
my ($more) = $docs =~ /Redis Cluster both users need `(\S+)`/;
my @users = map { ['--user', split ' ', s/>PASSWORD/>secret/r . " $more"] }
                $docs =~ /^ACL SETUSER (rum-\S.*)$/mg;

# three nodes have some of these
my $partitions = 4;
my $cluster = RumCluster->new(primaries => 3, replicas => 1,
                              args => [ map { @$_ } @users ]);
my ($seed, $second, $third, $replica) = $cluster->nodes;
my @results;

my $agg = aggregator(redis => $cluster, conf => RumCounted::conf()
                     . "user = \"rum-aggregator\"\ncluster = on\n"
                     . "partitions = $partitions\ntimeout = 1s\n");
my $nginx = nginx(redis => $cluster, workers => 2,
                  redis_options => $cluster->options
                      . " user=rum-nginx partitions=$partitions ring=1m"
                      . ' timeout=1s connect_timeout=300ms',
                  http => 'rum_spool ' . tmp('spool') . ';',
                  server => <<'END');
    location /rum { rum_beacon shop; rum_ack stored; }
    location /status { rum_status; }
END


# each partition on its node

push @results, load(400)->wait;
check('three nodes');

my %on;
push @{ $on{ $cluster->node($_)->port } }, $_ for 0 .. $partitions - 1;
is(scalar keys %on, 3, 'each node has partitions');
cmp_ok($cluster->node($_)->command('XLEN', "rum:{$_}:events"), '>', 0,
       "partition $_ has events") for 0 .. $partitions - 1;

is(scalar(grep { !defined || $_ != 204 } @results), 0,
   'all beacons had a 204');
is(scalar @users, 2, 'each program was a user of its own');
unlike($agg->log . $nginx->log, qr/MOVED|CROSSSLOT|NOPERM|NOAUTH/,
       'who was sent nowhere else, and refused nothing');

my ($code, $out) = $agg->run('tail', '-c', $agg->file, '--once', '-n', 400);
is($code, 0, 'tail works') or diag($out);
is(scalar(() = $out =~ /^\{.*\}$/mg), 400, 'and shows the events of all nodes');


# a slot is moved while beacons come

my $load = load(900);
my $before = length $nginx->log;

ok(wait_for(sub { $load->answered > 200 }), 'beacons come');
$cluster->begin_move(1, $seed);
ok(wait_for(sub { substr($nginx->log, $before) =~ /redis.*: ASK \d+ / }),
   'nginx is told of a slot that is on its way');
ok(wait_for(sub { $agg->log =~ /partition 1: Redis: .*(?:ASK|MOVED) / }),
   'and so is the aggregator');
$cluster->end_move(1, $seed);
ok($cluster->ok, 'the slot has moved');
is($cluster->node(1), $seed, 'to another node');

push @results, $load->wait;
check('a slot was moved');


# a node freezes and dies, and with it the cluster, which wants all slots to be
# served

$load = load(900);
$before = length $nginx->log;
my $agg_before = length $agg->log;

ok(wait_for(sub { $load->answered > 200 }), 'beacons come');
$third->pause;
ok(wait_for(sub { substr($nginx->log, $before) =~ /CLUSTERDOWN/ }, 30),
   'the cluster is down');
ok(wait_for(sub { substr($agg->log, $agg_before)
                  =~ /did not answer, and is left alone/ }, 30),
   'the aggregator does not wait for a node again and again');
$third->kill;
my $answered = $load->answered;
ok(wait_for(sub { $load->answered > $answered + 100
                  || $load->answered == 900 }, 30),
   'beacons are answered');
$third->start;
push @results, $load->wait;
ok($cluster->ok, 'the node is back');
check('a node was killed');
ok(wait_for(sub { links() == 2 * $partitions }), 'all links are up');


# the seed dies, and its replica takes its place

ok(wait_for(sub {
    my $info = $seed->command('INFO', 'replication');
    my ($offset) = $info =~ /master_repl_offset:(\d+)/;
    $info =~ /state=online,offset=$offset,/;
}), 'the replica has all of it');
$seed->kill;
$load = load(400);
ok(wait_for(sub { $load->answered > 100 }, 30),
   'beacons are answered without the seed');
$replica->try('CLUSTER', 'FAILOVER', 'TAKEOVER');   # it may have done so
push @results, $load->wait;
ok($cluster->ok, 'the replica is a primary');
is($cluster->node(1), $replica, 'and has the partition');
check('the seed is gone');
ok(wait_for(sub { links() == 2 * $partitions }), 'all links are up');

is(scalar(grep { !defined || $_ != 204 } @results), 0,
   'all beacons had a 204');


# the rest in one run, by way of a seed that has no partition any more

$seed->start;
ok($cluster->ok, 'the seed is back, as a replica');
$agg->stop;
push @results, load(200)->wait;
is($agg->once, 0, '--once rolls up all partitions');
$agg->start;
check('--once');


# A worker that found no cluster leaves its events in the spool.  Those of
# partitions that there are not (any more) have no node to go to.

my $away = nginx(redis => bless({}, 'Nowhere'),
                 redis_options => $cluster->options . ' partitions=16',
                 http => 'rum_spool ' . tmp('away') . ';',
                 server => 'location /rum { rum_beacon away; rum_ack stored; }'
                           . ' location /status { rum_status; }');

is(scalar(grep { $away->beacon('/rum')->{status} == 204 } 1 .. 40), 40,
   'events without a cluster are spooled');
$away->stop;

$away->write_conf(redis => $cluster,
                  redis_options => $cluster->options . ' partitions=1');
$away->start;
ok(wait_for(sub { glob tmp('away') . '/*.bad' }), 'set aside');
like($away->log, qr/has an event of a partition that "rum_redis" has not/,
     'and that is said');
is($away->figures->{spool}{torn}, scalar(my @bad = glob tmp('away') . '/*.bad'),
   'and counted');

$away->stop;
rename $_, s/\.bad$//r or die "$_: $!" for @bad;
$away->write_conf(redis_options => $cluster->options . ' partitions=16');
$away->start;
ok(wait_for(sub { $away->figures->{spool}{bytes} == 0 }),
   'with those partitions it is replayed');
my %there = map { ("$_->{partition} $_->{id}" => 1) }
            grep { $_->{e}{site} eq 'away' }
            map { my $p = $_; map { { %$_, partition => $p } }
                              $cluster->node($p)->events($p) } 0 .. 15;
is(scalar keys %there, 40, 'each event to its node');

finish();


# numbers go on where the load before ended
sub load {
    my ($n) = @_;
    my $from = @results;

    return RumLoad->start($nginx->port, $n,
                          sub { RumCounted::request($_[0] + $from) },
                          depth => 8, rate => sanitized() ? 200 : 300);
}

sub links {
    my $figures = $nginx->figures or return 0;

    return $figures->{redis}{links};
}

# the spool is empty again, and everything counts once
sub check {
    my ($what) = @_;

    ok(wait_for(sub {
        my $figures = $nginx->figures;
        return $figures && $figures->{spool}{bytes} == 0;
    }, 60), "$what: the spool is empty") or diag($nginx->log, $agg->log);

    # whose link was where a partition is not any more says so once

    ok(wait_for(sub {
        !grep { $nginx->get('/status?limit=' . $nginx->next_limit)->{status}
                != 200 } 1 .. 20;
    }, 30), "$what: every worker reads all partitions");

    my $health = RumCounted::check($nginx, $what, @results);
    is($health->{aggregator}{lost}, 0, "$what: no sequence number is missing");
}


package Nowhere;

sub address { return '127.0.0.1:' . RumTest::free_port() }
