# nginx -s reload, and workers told to quit, under load: what was answered 204
# is counted exactly once, though rum_ack is queued, and the workers say
# nothing but what is usual.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumCounted;
use RumLoad;

my $redis = redis();
aggregator(redis => $redis, conf => RumCounted::conf());
my $nginx = nginx(redis => $redis, workers => 2, server => <<'END');
        location /rum { rum_beacon shop; }
        location /status { rum_status; }
END

# more than enough for what follows
sub load {
    return RumLoad->start($nginx->port, sanitized() ? 20000 : 60000,
                          \&RumCounted::request,
                          rate => sanitized() ? 800 : 4000);
}

# while so many more beacons are answered
sub meanwhile {
    my ($load, $n) = @_;
    my $seen = $load->answered;

    return wait_for(sub { $load->answered > $seen + $n }, 60);
}

sub settled_figures {
    my ($name, $health) = @_;
    my $events = $health->{module}{events};

    is($health->{aggregator}{lost}, 0, "$name: no sequence number is missing");
    is($health->{aggregator}{duplicates}, 0, "$name: none is sent again");
    is($events->{stored}, $events->{queued}, "$name: all queued are stored");
    is($events->{lost_exit} + $events->{lost_crash}, 0,
       "$name: no worker left any behind");
    is($health->{module}{beacons}{accepted}, $health->{aggregator}{events},
       "$name: the module's counters go on from worker to worker");
    is($health->{module}{redis}{links}, 2, "$name: two workers have a link");
}


my $load = load();

for my $round (1 .. 5) {
    ok(meanwhile($load, 500), "beacons are answered before reload $round");
    $nginx->reload;
}

meanwhile($load, 500);
settled_figures('reload', RumCounted::check($nginx, 'reload', $load->stop));


$redis->command('FLUSHALL');
$nginx->restart;
$load = load();

for my $round (1 .. 4) {
    my ($worker) = $nginx->workers;

    ok(meanwhile($load, 500), "beacons are answered before worker $round");
    kill 'QUIT', $worker;
    ok(wait_for(sub {
        !kill(0, $worker) && $nginx->workers == 2;
    }, 30), 'the worker quits, and another one takes its place');
}

meanwhile($load, 500);
settled_figures('quit', RumCounted::check($nginx, 'quit', $load->stop));

unlike($nginx->log, qr/\[(?:crit|error)\]/, 'and the error log has no error');

finish();
