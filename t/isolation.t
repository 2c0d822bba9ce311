# A slow, silent or absent Redis holds up nothing but what waits for it: other
# locations of the same worker answer, workers start and reload, and a quit ends
# after its bounded drain.

use strict;
use warnings;

use lib 't/lib';
use IO::Select;
use Test::More;
use RumTest;

my $server = <<'SERVER';
    location /rum { rum_beacon shop; }
    location /stored { rum_beacon shop; rum_ack stored; }
    location /status { rum_status; }
    location /other { return 200 other; }
SERVER

# 1: one worker, so that whatever holds it up holds up everything.  Other
# locations have answered so many times, in between beacons.
sub others_answer {
    my ($what, $nginx, $n) = @_;
    my ($c, $beacons, %statuses);

    $c = $nginx->client;
    $beacons = $nginx->client;

    for (1 .. $n) {
        $statuses{$beacons->request('POST', '/rum', body => beacon_json())
                      ->{status}}++;
        $statuses{$c->request('GET', '/other')->{body}}++;
    }

    is_deeply(\%statuses, { 204 => $n, other => $n },
              "$what: beacons and other locations are answered");
}


# an absent Redis

{
    my $nginx = nginx(server => $server, http =>
                      'rum_redis 127.0.0.1:' . free_port() . ';');

    pass('nginx starts without Redis');
    others_answer('absent', $nginx, 200);
    is($nginx->get('/status')->{status}, 503, 'the status location says it');
    $nginx->reload;
    others_answer('absent, after a reload', $nginx, 200);
    is($nginx->figures->{ring}{events}, 400, 'and nothing is dropped');
    is($nginx->quit, 0, 'quit');
    is(scalar(() = $nginx->log =~ /\[crit\].*: 200 events of writer/g), 2,
       'with a word about the events');
}


# a host that takes no connections: its queue of them is full

{
    my $port = free_port();
    my (@queue, $listen, $nginx, $blocked);

    $listen = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
                                    Listen => 1) or die "listen: $!";

    for (1 .. 8) {
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port",
                                      Blocking => 0);
        push @queue, $s if $s;
    }

    $blocked = !IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port",
                                      Timeout => 0.2);

    SKIP: {
        skip 'the queue does not fill here', 4 unless $blocked;

        $nginx = nginx(server => $server, http => "rum_redis 127.0.0.1:$port "
                       . 'connect_timeout=200ms;');
        others_answer('no connection', $nginx, 200);
        ok(wait_for(sub { $nginx->log =~ /\[error\].*connect timed out/ }),
           'the log says so');
        others_answer('no connection, again', $nginx, 50);
        is($nginx->stop, 0, 'stopped');
    }
}


# a silent one: connections and commands are taken, nothing is answered

{
    my $fake = fake_redis(sub {
        my ($conn, $mode, @command) = @_;

        return $mode eq '' ? $conn->hold(@command) : $conn->ok(@command);
    });
    my $nginx = nginx(redis => $fake, server => $server,
                      redis_options => 'timeout=60s ring=1m');
    my ($waiting, $body, $c, $r, $taken);

    others_answer('silent', $nginx, 200);

    # somebody waits for the answer of Redis and does not get it meanwhile
    $waiting = $nginx->client;
    $body = beacon_json();
    $waiting->send("POST /stored HTTP/1.1\r\nHost: a\r\nContent-Length: "
                   . length($body) . "\r\n\r\n$body");
    ok(wait_for(sub { @{ $fake->commands('XADD') } == 201 }),
       'somebody waits for Redis');

    others_answer('silent, with somebody waiting', $nginx, 200);
    is(IO::Select->new($waiting->socket)->can_read(0) // 0, 0,
       'who still waits');

    # a full ring is the worst
    $c = $nginx->client;
    for ($taken = 0; $taken < 10000; $taken++) {
        $r = $c->request('POST', '/rum', body => beacon_json());
        last if $r->{status} != 204;
    }
    is($r->{status}, 503, 'the ring is full');
    is(join(' ', map { $c->request('GET', '/other')->{body} } 1 .. 100),
       join(' ', ('other') x 100), 'other locations go on');

    # a large status answer is no different
    my $status = $nginx->client;
    $status->send("GET /status HTTP/1.1\r\nHost: a\r\n\r\n");
    is(join(' ', map { $c->request('GET', '/other')->{body} } 1 .. 100),
       join(' ', ('other') x 100), 'also while the status location waits');
    is(IO::Select->new($status->socket)->can_read(0) // 0, 0,
       'which has no answer yet');
    cmp_ok($status->response('GET')->{status}, '>=', 503, 'and then gives up');

    # new workers start, the old one drains beside them
    $nginx->reload;
    others_answer('silent, after a reload', $nginx, 50);

    $fake->mode('works');
    is($waiting->response('POST')->{status}, 204,
       'who waited is answered by the old worker');
    ok(wait_for(sub {
        my $f = $nginx->figures;
        $f->{events}{stored} == $f->{events}{queued};
    }), 'and everything is delivered');
}


# a slow one: it answers, but later and later

{
    my $fake = fake_redis(sub {
        my ($conn, $mode, @command) = @_;

        return $conn->ok(@command) if uc $command[0] ne 'XADD' || $mode;
        select undef, undef, undef, 0.02;
        return $conn->ok(@command);
    });
    my $nginx = nginx(redis => $fake, server => $server);

    others_answer('slow', $nginx, 300);
    cmp_ok(scalar @{ $fake->commands('XADD') }, '<', 300,
           'before Redis has seen all the events');
    $fake->mode('fast');
    ok(wait_for(sub { $nginx->figures->{events}{stored} == 300 }),
       'which it does in the end');
}


# a real one that is stopped and goes on

{
    my $redis = redis();
    my $nginx = nginx(redis => $redis, server => $server,
                      redis_options => 'timeout=500ms');

    $redis->pause;
    others_answer('paused', $nginx, 300);
    ok(wait_for(sub { $nginx->log =~ /rum delivery: .*timed out/ }),
       'the timeout passes');
    others_answer('paused, after the timeout', $nginx, 100);
    $redis->resume;
    ok(wait_for(sub {
        my %ids = map { $_->{id} => 1 } $redis->events;
        keys %ids == 400;
    }), 'all events are there when it goes on');
}

finish();
