# Sentinel: both programs find the master, follow it when it dies, and count
# each beacon that was answered 204 once.
#
# Replication is asynchronous: what the old master acknowledged and had not
# passed on dies with it.  So the load pauses before the kill, until the
# replica has all; it goes on while there is no master, into the spool.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumCounted;
use RumLoad;

my ($first, $second) = (redis(args => ['--repl-diskless-sync-delay', '0']),
                        redis(args => ['--repl-diskless-sync-delay', '0']));
my %by_port = map { $_->port => $_ } $first, $second;

$second->command('REPLICAOF', '127.0.0.1', $first->port);
ok(wait_for(sub {
    $first->command('INFO', 'replication') =~ /state=online/;
}), 'a replica follows');

my @sentinels = map { sentinel($_) } 0 .. 2;

ok(wait_for(sub {
    !grep { my $s = $_; my $info = eval { $s->command('INFO', 'sentinel') };
            ($info // '') !~ /slaves=1,sentinels=3/ } @sentinels;
}, 30), 'three sentinels know them and each other');

# nobody listens on the first one
my $list = join ' ', '127.0.0.1:' . free_port(),
                map { '127.0.0.1:' . $_->port } @sentinels;
my $address = bless {}, 'Sentinels';
my $agg = aggregator(redis => $address,
                     conf => RumCounted::conf() . "timeout = 1s\n");
my $nginx = nginx(redis => $address, workers => 2,
                  redis_options => 'connect_timeout=300ms timeout=1s',
                  http => 'rum_spool ' . tmp('spool') . ';',
                  server => <<'END');
    location /rum { rum_beacon shop; rum_ack stored; }
    location /status { rum_status; }
END

my $load = load(3000, 0);

ok(wait_for(sub { $load->answered > 1000 }, 30), 'beacons are answered');
is(scalar(grep { defined && $_ != 204 } $load->results), 0, 'all with 204');

# all that there is, is on both
my @results = $load->wait;
ok(wait_for(sub {
    my $info = $first->command('INFO', 'replication');
    my ($offset) = $info =~ /master_repl_offset:(\d+)/;
    return $nginx->figures->{ring}{events} == 0
           && $info =~ /offset=$offset,/ && aggregator_done($first);
}, 30), 'the replica has all of it');

my $before = length $nginx->log;
$first->kill;

$load = load(2000, scalar @results);
ok(wait_for(sub { $load->answered > 300 }, 30),
   'beacons are answered while there is no master');

ok(wait_for(sub {
    role($second) eq 'master';
}, 30), 'the replica becomes master');

ok(wait_for(sub {
    my $figures = $nginx->figures;
    return $figures && $figures->{redis}{links} == 2;
}, 30), 'both workers follow') or diag(substr $nginx->log, $before);

push @results, $load->wait;
replayed();
my $health = RumCounted::check($nginx, 'after the failover', @results);

is(scalar(grep { ($_ // 0) != 204 } @results), 0, 'every beacon had a 204')
    or diag(json($nginx->figures), substr $nginx->log, $before);
is($health->{aggregator}{lost}, 0, 'no sequence number is missing');
ok($agg->alive, 'the aggregator followed');


# the old one is back as a replica: nobody writes to it

$first->start;
ok(wait_for(sub { role($first) eq 'slave' }, 30),
   'the old master is made a replica');
ok(wait_for(sub {
    (eval { $first->command('ROLE')->[3] } // '') eq 'connected';
}, 30), 'and follows the new one');


# a switch by order, under load; the workers are told by -READONLY or by the
# end of their connections.  The coordinated kind loses nothing: it pauses
# writes until the replica has all.

$load = load(2000, scalar @results);
wait_for(sub { $load->answered > 300 }, 30);
$second->command('FAILOVER', 'TO', '127.0.0.1', $first->port);
ok(wait_for(sub {
    role($first) eq 'master';
}, 30), 'the first one is master again');
push @results, $load->wait;

ok(wait_for(sub {
    my $figures = $nginx->figures;
    return $figures && $figures->{redis}{links} == 2
           && clients_of($first, 'rum-aggregator');
}, 60), 'both programs follow again') or diag($agg->log);
replayed();
$health = RumCounted::check($nginx, 'after the switch', @results);
is($health->{aggregator}{lost}, 0, 'no sequence number is missing');

my ($ok, $out) = $nginx->check(redis => 0, http =>
                               "rum_redis sentinel:rum tls=off;");
ok(!$ok, 'sentinel: without sentinels is refused');
like($out, qr/at least one sentinel/, 'and it is said');

finish();


sub sentinel {
    my ($number) = @_;
    my $dir = tmp("sentinel$number");
    my $port = free_port();
    my $socket = "$dir/sentinel.sock";

    mkdir $dir;
    spew("$dir/sentinel.conf", <<"END");
port $port
bind 127.0.0.1
dir $dir
unixsocket $socket
sentinel monitor rum 127.0.0.1 @{[ $first->port ]} 2
sentinel down-after-milliseconds rum 1000
sentinel failover-timeout rum 3000
sentinel parallel-syncs rum 1
END
    RumTest::spawn("$dir/sentinel.log", 'redis-server',
                   "$dir/sentinel.conf", '--sentinel');

    my $self = bless { port => $port, socket_path => $socket },
                     'RumTest::Redis';
    wait_for(sub { eval { $self->command('PING') eq 'PONG' } })
        or die slurp("$dir/sentinel.log");
    return $self;
}

# numbers go on where the load before ended
sub load {
    my ($n, $from) = @_;

    return RumLoad->start($nginx->port, $n,
                          sub { RumCounted::request($_[0] + $from) },
                          depth => 8, rate => sanitized() ? 200 : 400);
}

# the spool is empty again
sub replayed {
    ok(wait_for(sub {
        my $figures = $nginx->figures;
        return $figures && $figures->{spool}{bytes} == 0;
    }, 60), 'the spool is replayed') or diag(json($nginx->figures));
}

# a Redis that changes its role drops its clients
sub role {
    my ($redis) = @_;

    return (eval { $redis->command('ROLE') } || [''])->[0];
}

sub aggregator_done {
    my ($redis) = @_;
    my %group = @{ $redis->command('XINFO', 'GROUPS', 'rum:{0}:events')->[0] };

    return defined $group{lag} && $group{lag} == 0;
}

sub clients_of {
    my ($redis, $name) = @_;

    return (eval { $redis->command('CLIENT', 'LIST') } // '')
           =~ /name=$name /;
}


package Sentinels;

sub address { return "sentinel:rum $list" }
