# Redis with an append-only file, stopped and killed under load: with rum_ack
# stored, each beacon that was answered 204 is in the rollups exactly once.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumCounted;
use RumLoad;

my $rounds = sanitized() ? 2 : 4;

sub restarts {
    my ($name, $fsync, $stop) = @_;
    my ($redis, $nginx, $load, $seen, $health);

    $redis = redis(aof => 1, args => ['--appendfsync', $fsync]);
    my $agg = aggregator(redis => $redis, conf => RumCounted::conf());
    $nginx = nginx(redis => $redis, workers => 2, server => <<'END');
        location /rum { rum_beacon shop; rum_ack stored; }
        location /status { rum_status; }
END
    $load = RumLoad->start($nginx->port, 40000, \&RumCounted::request,
                           depth => 16, rate => sanitized() ? 800 : 3000);
    $seen = 0;

    for my $round (1 .. $rounds) {
        ok(wait_for(sub { $load->answered > $seen + 600 }, 60),
           "$name: beacons are answered, round $round");
        $stop->($redis);
        $redis->start;
        $seen = $load->answered;
    }

    wait_for(sub { $load->answered > $seen + 600 }, 60);
    $health = RumCounted::check($nginx, $name, $load->stop);

    is($health->{aggregator}{lost}, 0, "$name: no sequence number is missing");
    is($health->{aggregator}{rejected}, 0, "$name: no entry is broken");
    ok($agg->alive, "$name: the aggregator went on");
    $agg->stop;
    $nginx->stop;
}

# a SIGTERM lets Redis write what it has
restarts('stopped', 'everysec', sub { $_[0]->stop });

restarts('killed', 'always', sub { $_[0]->kill });

# While an fsync is under way, everysec answers before it writes (for up to
# two seconds): who was answered then would be lost with the process.  So it is
# killed when nothing is held back, with writes waiting that have no answer.
restarts('killed between writes', 'everysec', sub {
    my ($redis) = @_;

    $redis->command('CLIENT', 'PAUSE', 10000, 'WRITE');
    wait_for(sub {
        $redis->command('INFO', 'persistence') =~ /aof_buffer_length:0\r/;
    });
    $redis->kill;
});

finish();
