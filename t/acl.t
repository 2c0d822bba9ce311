# The ACL users of docs/operations.md, taken from there: with them everything
# works, and they can do nothing else.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

my $redis = redis();
my %rules;

for my $line (slurp(top() . '/docs/operations.md')
              =~ /^ACL SETUSER (rum-\S.*)$/mg)
{
    my ($user, @rules) = split ' ', $line;

    $rules{$user} = \@rules;
    $redis->command('ACL', 'SETUSER', $user, 'reset',
                    map { s/^>.*/>secret/r } @rules);
}

is(join(' ', sort keys %rules), 'rum-aggregator rum-nginx',
   'the page has a user for each program');
$redis->command('ACL', 'SETUSER', 'default', 'resetpass', 'off');
ok(!eval { RumTest::Http->new($redis->port); $redis->hang_up;
           $redis->command('PING') }, 'nobody else gets in');


# the whole flow

my $conf = "flush = 100ms\npassword = secret\nuser = ";
my $agg = aggregator(redis => $redis, conf => $conf . '"rum-aggregator"');
my $nginx = nginx(redis => $redis, redis_options =>
                  'user=rum-nginx password=secret partitions=1',
                  server => <<'END');
    location /rum { rum_beacon shop; rum_ack stored; }
    location /status { rum_status; }
END

is($nginx->beacon('/rum')->{status}, 204, 'a beacon is stored') for 1 .. 3;
is($nginx->post('/rum', '{"v":1,"view":"x","page":"/","errors":[{"message":'
                . '"no"}],"events":[{"name":"buy","value":3}]}')->{status},
   204, 'one with errors and events');

my $asked = 0;
ok(wait_for(sub {
    my $s = $nginx->json('/status?limit=' . ++$asked);
    return $s && ($s->{aggregator}{events} || 0) == 4;
}), 'they are counted, and status tells') or diag($nginx->log, $agg->log);

for my $query ('site=shop&by=page', 'site=shop&metric=lcp&last=1h',
               'site=shop&by=country&format=prometheus')
{
    is($nginx->get("/status?$query")->{status}, 200, "status: $query");
}

my ($code, $out) = $agg->run('tail', '-c', $agg->file, '--once');
is($code, 0, 'tail works');
like($out, qr/"buy"/, 'and shows the events');

$agg->restart;
$nginx->reload(gone => 1);
$nginx->beacon('/rum');
ok(wait_for(sub {
    my $s = $nginx->json('/status?limit=' . ++$asked);
    return $s && ($s->{aggregator}{events} || 0) == 5;
}), 'after a restart and a reload as well') or diag($nginx->log, $agg->log);

unlike($nginx->log . $agg->log, qr/NOPERM|NOAUTH/, 'nothing was refused');


# and nothing else

sub as {
    my ($user, @command) = @_;

    $redis->hang_up;
    $redis->{client} = IO::Socket::UNIX->new(Peer => $redis->{socket_path});
    $redis->command('AUTH', $user, 'secret');
    my $reply = $redis->try(@command);
    $redis->hang_up;
    return ref $reply eq 'RumTest::Redis::Error' ? $$reply : 'done';
}

my @everybody = (
    ['GET', 'other'], ['SET', 'other', 1], ['KEYS', '*'], ['SCAN', 0],
    ['FLUSHALL'], ['CONFIG', 'GET', '*'], ['CONFIG', 'SET', 'dir', '/'],
    ['EVAL', 'return 1', 0], ['SHUTDOWN'], ['BGREWRITEAOF'],
    ['ACL', 'LIST'], ['REPLICAOF', 'NO', 'ONE'], ['CLIENT', 'LIST'],
    ['MONITOR'], ['SAVE'], ['SUBSCRIBE', 'x'], ['RENAME', 'rum:{0}:sites', 'x'],
    ['DEL', 'rum:{0}:events'], ['XTRIM', 'rum:{0}:events', 'MAXLEN', 0],
    ['XADD', 'other', '*', 'a', 'b'], ['XRANGE', 'other', '-', '+'],
);

my %only = (
    'rum-nginx' => [
        ['SET', 'rum:{0}:lease', 'x'], ['DEL', 'rum:{0}:lease'],
        ['HSET', 'rum:{0}:writers', 'a', 1], ['SADD', 'rum:{0}:sites', 'a'],
        ['XADD', 'rum:{0}:rejected', '*', 'a', 'b'],
        ['XREAD', 'STREAMS', 'rum:{0}:events', 0],
        ['XGROUP', 'DESTROY', 'rum:{0}:events', 'rum'],
    ],
    'rum-aggregator' => [
        ['XADD', 'rum:{0}:events', '*', 'id', 'a-1', 'e', 'x'],
        ['XGROUP', 'DESTROY', 'rum:{0}:events', 'rum'],
        ['XDEL', 'rum:{0}:events', '1-1'],
    ],
);

# "replicas=" of rum_redis
is(as('rum-nginx', 'WAIT', 0, 1), 'done', 'rum-nginx may wait for replicas');

for my $user (sort keys %rules) {
    for my $command (@everybody, @{ $only{$user} }) {
        like(as($user, @$command), qr/^NOPERM/, "$user: no @$command");
    }
}

finish();
