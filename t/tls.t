# TLS to Redis, of both programs: who is not who it should be gets nothing,
# the log says why, and what waited arrives once that is corrected.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumCounted;
use RumLoad;
use RumTls;

my $server = <<'END';
    location /rum { rum_beacon shop; }
    location /status { rum_status; }
END

my $ca = RumTls->new('ca');
my $strange = RumTls->new('strange');
my ($cert, $key) = $ca->issue('good');
my ($client_cert, $client_key) = $ca->issue('client');

my $redis = redis(RumTls::redis($ca));
my $tls = RumTls::on($redis);
my $module = 'tls=on tls_ca=' . $ca->file . ' tls_name=redis.test';
my $conf = "flush = 100ms\nlimit { page = 5000 }\ntls = on\ntls_ca = \""
           . $ca->file . "\"\ntls_name = redis.test\n";

my $agg = aggregator(redis => $tls, conf => $conf);
my $nginx = nginx(redis => $tls, redis_options => $module,
                  server => $server);
my ($sent, $asked) = (0, 0);

sub beacon { $sent++; return $nginx->beacon('/rum')->{status} }

# all that was answered 204 so far is in the rollups, as /status tells
sub counted {
    my ($name) = @_;

    ok(wait_for(sub {
        my $s = $nginx->json('/status?limit=' . (5000 + ++$asked)) or return;
        return ($s->{aggregator}{events} || 0) == $sent;
    }, 30), $name) or diag(json($nginx->json('/status')), $agg->log);
}

sub plain_clients {
    return grep { /laddr=127\.0\.0\.1:$redis->{port} / }
           split /\n/, $redis->command('CLIENT', 'LIST');
}

is(beacon(), 204, 'a beacon');
counted('beacon, rollup and status go over TLS');
is(scalar plain_clients(), 0, 'nothing is connected without TLS');


# The certificate is replaced and clients are dropped: they come back to a
# server that they must not believe.
sub refused {
    my ($name, $in_module, $in_aggregator, @pair) = @_;
    my ($before, $told);

    $before = length $nginx->log;
    $told = length $agg->log;
    RumTls::serve($redis, @pair);

    ok(wait_for(sub { substr($nginx->log, $before) =~
        /\[error\] .*rum delivery: redis "\S+": $in_module/ }),
       "$name: the module says so") or diag(substr $nginx->log, $before);
    ok(wait_for(sub { substr($agg->log, $told) =~ /$in_aggregator/ }),
       "$name: the aggregator says so") or diag(substr $agg->log, $told);

    is(beacon(), 204, "$name: a beacon is taken");
    is($nginx->figures->{ring}{events}, 1, "$name: it waits") or diag(json($nginx->figures), substr $nginx->log, $before);

    RumTls::serve($redis, $cert, $key);
    counted("$name: it is counted once that is corrected");
}

refused('a strange authority', qr/unable to (?:get local issuer|verify the first) certificate/,
        qr/TLS handshake failed: unable to get local issuer certificate/,
        $strange->issue('strange'));

refused('another name', qr/hostname mismatch/,
        qr/TLS handshake failed: hostname mismatch/,
        $ca->issue('other', san => 'DNS:other.test'));

refused('a certificate of yesterday', qr/certificate has expired/,
        qr/TLS handshake failed: certificate has expired/,
        $ca->issue('late', days => -1));


# more than a record at a time, both ways

my $load = RumLoad->start($nginx->port, 6000, \&RumCounted::request,
                          depth => 200);
RumTest::wait_for(sub { $load->answered > 100 });
$redis->pause;
wait_for(sub { $load->answered >= 6000 }, 30);
$redis->resume;
my @results = $load->wait;

is(scalar(grep { ($_ // 0) == 204 } @results), 6000,
   '6000 beacons are taken while Redis stands still');
$sent += 6000;
counted('all of them are counted');
is($nginx->figures->{ring}{events}, 0, 'none waits');


# a client certificate

$redis->command('CONFIG', 'SET', 'tls-auth-clients', 'yes');
RumTls::drop($redis);

ok(wait_for(sub { $nginx->log =~ /certificate required/ }),
   'Redis wants a certificate: the module says so');
ok(wait_for(sub { $agg->log =~ /certificate required/ }),
   'Redis wants a certificate: the aggregator says so');
is(beacon(), 204, 'a beacon is taken');

$nginx->write_conf(redis_options =>
                   "$module tls_cert=$client_cert tls_key=$client_key");
$agg->write_conf(conf => $conf . "tls_cert = \"$client_cert\"\n"
                         . "tls_key = \"$client_key\"\n");
$redis->command('CONFIG', 'SET', 'tls-auth-clients', 'optional');
wait_for(sub { $nginx->figures->{ring}{events} == 0 });
$nginx->reload(gone => 1);
$agg->hup;
$redis->command('CONFIG', 'SET', 'tls-auth-clients', 'yes');
RumTls::drop($redis);
is(beacon(), 204, 'a beacon with certificates configured');
counted('it is counted');


# an address is looked for in the certificate; verification may be off

$redis->command('CONFIG', 'SET', 'tls-auth-clients', 'no');
$nginx->write_conf(redis_options => 'tls=on tls_ca=' . $ca->file);
$nginx->reload(gone => 1);
beacon();
counted('without a name the address must be in the certificate');

RumTls::serve($redis, $ca->issue('name', san => 'DNS:redis.test'));
my $before = length $nginx->log;
ok(wait_for(sub { substr($nginx->log, $before) =~ /IP address mismatch/ }),
   'an address that is not in it is refused');

$nginx->write_conf(redis_options => 'tls=on tls_verify=off');
$agg->write_conf(conf => "flush = 100ms\ntls = on\ntls_verify = off\n");
RumTls::serve($redis, $strange->issue('unverified'));
$nginx->reload(gone => 1);
$agg->hup;
beacon();
counted('tls_verify=off: not even the authority matters');


# a port without TLS says nothing; the handshake has its time

$nginx->write_conf(redis => $redis, redis_options =>
                   'tls=on tls_verify=off connect_timeout=300ms');
$nginx->reload;
ok(wait_for(sub { $nginx->log =~ /TLS handshake (?:timed out|failed)/ }),
   'a port without TLS: the module says so');
is(beacon(), 204, 'a beacon is taken meanwhile');

my ($code, $out) = do {
    $agg->write_conf(redis => $redis, conf => "timeout = 300ms\ntls = on\n"
                     . "tls_verify = off\n");
    $agg->run('-c', $agg->file, '--once');
};
is($code, 1, 'a port without TLS: the aggregator fails');
like($out, qr/TLS handshake (?:timed out|failed)|TLS: /, 'and says so');

$redis->stop;
$redis->start;
$nginx->write_conf(redis_options => 'connect_timeout=300ms');
$agg->write_conf(conf => 'flush = 100ms');
$nginx->quit;
ok($nginx->log =~ /1 events of writer .* were not acknowledged/,
   'a worker that quits before says that it could not deliver');


# what cannot be meant is refused when the configuration is read

for my $case (
    ['tls_verify=off', qr/without "tls=on"/],
    ['tls=yes', qr/invalid parameter "tls=yes"/],
    ["tls=on tls_cert=$client_cert", qr/"tls_cert" and "tls_key" together/],
    ['tls=on tls_ca=/no/file', qr{"/no/file"}],
    ['tls=on sentinel_user=x', qr/invalid parameter "sentinel_user=x"/],
) {
    my ($ok, $out) = $nginx->check(redis => $tls, redis_options => $case->[0]);

    ok(!$ok, "rum_redis $case->[0]: refused");
    like($out, $case->[1], "rum_redis $case->[0]: and why");
}

for my $case (
    ["tls_name = x\n", qr/need "tls = on"/],
    ["tls = on\ntls_key = \"$client_key\"\n", qr/go together/],
    ["tls = on\ntls_ca = \"/no/file\"\n", qr{/no/file}],
) {
    $agg->write_conf(redis => $tls, conf => $case->[0]);
    my ($code, $out) = $agg->run('-t', '-c', $agg->file);

    is($code, 1, 'the aggregator refuses: ' . join ' ', split /\n/, $case->[0]);
    like($out, $case->[1], 'and why');
}

# more than the sockets hold waits for a Redis that was stopped for a moment,
# and so does a WAIT

{
    my $redis = redis(RumTls::redis($ca));
    my $replica = redis(args => ['--replicaof',
                                 "127.0.0.1 $redis->{port}"]);
    my $nginx = nginx(redis => RumTls::on($redis), server => $server,
        redis_options => "$module replicas=1 ring=64m timeout=60s");
    my $c = $nginx->client;
    my $big = { errors => [ map { { message => "m$_", stack => 'x' x 2000 } }
                            1 .. 20 ] };
    my $taken = 0;

    ok(wait_for(sub { $redis->command('INFO', 'replication')
                      =~ /state=online/ }), 'a replica');
    $nginx->beacon('/rum');
    ok(wait_for(sub { $nginx->figures->{events}{stored} == 1 }), 'TLS');

    $redis->pause;
    $nginx->beacon('/rum');
    $taken += $c->request('POST', '/rum', body => beacon_json($big))->{status}
              == 204 for 1 .. 500;
    is($taken, 500, 'Redis is stopped: 20 MB are taken');
    $redis->resume;

    ok(wait_for(sub { $nginx->figures->{events}{stored} == 502 }, 60),
       'and stored');
    is($nginx->figures->{redis}{failures}, 0, 'on the same connection');
    is(scalar $redis->events, 502, 'once');
}

# a cluster names the ports that have TLS; this one is a single node, which
# does not know its own address

{
    my $redis = redis(RumTls::redis($ca, args => [
        '--cluster-enabled', 'yes', '--cluster-port', free_port(),
        '--tls-cluster', 'yes' ]));
    my @on = (redis => RumTls::on($redis));
    my ($nginx, $agg, $s);

    $redis->command('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
    ok(wait_for(sub { $redis->command('CLUSTER', 'INFO')
                      =~ /cluster_state:ok/ }), 'a cluster');
    is($redis->command('CLUSTER', 'SLOTS')->[0][2][0], '',
       'of a node without an address');

    $agg = aggregator(@on, conf => $conf . "cluster = on\npartitions = 2\n");
    $nginx = nginx(@on, redis_options => "$module cluster=on partitions=2",
                   server => $server);

    is(scalar(grep { $nginx->beacon('/rum')->{status} == 204 } 1 .. 10), 10,
       'takes beacons');
    ok(wait_for(sub {
        $s = $nginx->json('/status?limit=' . $nginx->next_limit);
        return $s && ($s->{aggregator}{events} || 0) == 10;
    }, 30), 'and all goes over TLS') or diag($nginx->log, $agg->log);
    is(scalar(grep { /laddr=127\.0\.0\.1:$redis->{port} / }
              split /\n/, $redis->command('CLIENT', 'LIST')), 0,
       'nothing without');
}

finish();
