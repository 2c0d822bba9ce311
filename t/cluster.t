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

# three nodes have some of these
my $partitions = 4;
my $cluster = RumCluster->new(primaries => 3, replicas => 1);
my ($seed, $second, $third, $replica) = $cluster->nodes;
my @results;

my $agg = aggregator(redis => $cluster, conf => RumCounted::conf()
                     . "partitions = $partitions\ncluster = on\n"
                     . "timeout = 1s\n");
my $nginx = nginx(redis => $cluster, workers => 2,
                  redis_options => $cluster->options
                      . " partitions=$partitions ring=1m timeout=1s"
                      . ' connect_timeout=300ms',
                  http => 'rum_spool ' . tmp('spool') . ';',
                  server => <<'END');
    location /rum { rum_beacon shop; rum_ack stored; }
    location /status { rum_status; }
END


# each partition on its node

push @results, load(600)->wait;
check('three nodes');

my %on;
push @{ $on{ $cluster->node($_)->port } }, $_ for 0 .. $partitions - 1;
is(scalar keys %on, 3, 'each node has partitions');
cmp_ok($cluster->node($_)->command('XLEN', "rum:{$_}:events"), '>', 0,
       "partition $_ has events") for 0 .. $partitions - 1;

is(scalar(grep { !defined || $_ != 204 } @results), 0,
   'all beacons had a 204');
unlike($agg->log . $nginx->log, qr/MOVED|CROSSSLOT/,
       'and nobody had to be sent elsewhere');

my ($code, $out) = $agg->run('tail', '-c', $agg->file, '--once', '-n', 600);
is($code, 0, 'tail works') or diag($out);
is(scalar(() = $out =~ /^\{.*\}$/mg), 600, 'and shows the events of all nodes');


# a slot is moved while beacons come

my $load = load(1500);
my $before = length $nginx->log;

ok(wait_for(sub { $load->answered > 300 }), 'beacons come');
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


# a node dies, and with it the cluster, which wants all slots to be served

$load = load(1500);
$before = length $nginx->log;

ok(wait_for(sub { $load->answered > 300 }), 'beacons come');
$third->kill;
ok(wait_for(sub { substr($nginx->log, $before) =~ /CLUSTERDOWN/ }, 30),
   'the cluster is down');
my $answered = $load->answered;
ok(wait_for(sub { $load->answered > $answered + 100
                  || $load->answered == 1500 }, 30),
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
$load = load(600);
ok(wait_for(sub { $load->answered > 100 }, 30),
   'beacons are answered without the seed');
$replica->command('CLUSTER', 'FAILOVER', 'TAKEOVER');
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
push @results, load(300)->wait;
is($agg->once, 0, '--once rolls up all partitions');
$agg->start;
check('--once');

finish();


# numbers go on where the load before ended
sub load {
    my ($n) = @_;
    my $from = @results;

    return RumLoad->start($nginx->port, $n,
                          sub { RumCounted::request($_[0] + $from) },
                          depth => 8, rate => sanitized() ? 200 : 500);
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

    my $health = RumCounted::check($nginx, $what, @results);
    is($health->{aggregator}{lost}, 0, "$what: no sequence number is missing");
}
