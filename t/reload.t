# Reload, quit and death of workers: what was answered 204 is in Redis, once;
# counters go on; a worker that quits delivers what it holds, for a bounded
# time, and says what it could not; what a killed one held is counted.

use strict;
use warnings;

use lib 't/lib';
use POSIX qw(_exit);
use Test::More;
use RumTest;

my $server = <<'SERVER';
    location /rum { rum_beacon shop; }
    location /stored { rum_beacon shop; rum_ack stored; }
    location /status { rum_status; }
SERVER

# Clients that post until they are told to stop; what was answered 204 is
# returned by stop_load, as view => 1.
sub start_load {
    my ($nginx, $clients) = @_;
    my @load;

    for my $n (1 .. $clients) {
        my $file = tmp("load$n");
        my $pid;

        spew($file, '');
        defined($pid = fork) or die "fork: $!";

        if ($pid == 0) {
            $SIG{TERM} = 'DEFAULT';
            eval { client($nginx, $n, $file) };
            print STDERR $@ if $@;
            _exit($@ ? 1 : 0);
        }

        RumTest::watch($pid);
        push @load, { pid => $pid, file => $file };
    }

    return \@load;
}

# a request that failed because its connection was closed is not counted: it
# may or may not be in Redis
sub client {
    my ($nginx, $n, $file) = @_;
    my ($c, $i, $done) = (undef, 0, 0);

    open my $out, '>>', $file or die "$file: $!";
    $out->autoflush(1);

    until (-e "$file.stop") {
        my $view = "load-$n-" . ++$i;
        my $r;

        $c ||= $nginx->client;
        $r = $c->request('POST', '/rum', body =>
                         beacon_json({ view => $view, session => "s$n" }));
        print $out "$view\n" if $r->{status} == 204;
        print $out "bad $r->{status}\n"
            if $r->{status} != 204 && $r->{status} != 0;
        $c = undef if $r->{status} == 0
                      || lc($r->{headers}{connection} // '') eq 'close';
    }
}

sub progress {
    my ($load) = @_;
    my $n = 0;

    $n += () = slurp($_->{file}) =~ /\n/g for @$load;
    return $n;
}

sub stop_load {
    my ($load) = @_;

    spew("$_->{file}.stop", '') for @$load;
    RumTest::reap($_->{pid}, 30) for @$load;
    return map { split /\n/, slurp($_->{file}) } @$load;
}

# the total over all workers, past and present
sub figures { return $_[0]->figures || {} }


sub successor {
    my ($nginx, $worker) = @_;

    return grep { $_ != $worker } $nginx->workers;
}


# reload under load

{
    my $redis = redis();
    my $nginx = nginx(redis => $redis, server => $server, workers => 3,
                      redis_options => 'partitions=2');
    my ($load, @answers, %stored, @events, %ids, $accepted);

    $load = start_load($nginx, 4);

    for my $round (1 .. 5) {
        my $before = progress($load);
        wait_for(sub { progress($load) > $before + 50 })
            or fail("no progress in round $round");
        $nginx->reload;
    }

    @answers = stop_load($load);
    is_deeply([ grep { /^bad/ } @answers ], [], 'nothing but 204');
    cmp_ok(scalar @answers, '>', 250, @answers . ' beacons in 5 reloads');
    ok(wait_for(sub {
        my $f = figures($nginx);
        $f->{ring}{events} == 0 && $f->{events}{stored} >= @answers;
    }, 30), 'all are stored');

    @events = map { $redis->events($_) } 0 .. 1;
    $stored{$_->{e}{view}}++ for @events;
    $ids{$_->{id} . $_->{e}{session}}++ for @events;
    is_deeply([ grep { !$stored{$_} } @answers ], [],
              'each 204 is in Redis');
    is_deeply([ grep { $_ > 1 } values %stored ], [], 'exactly once');
    is_deeply([ grep { $_ > 1 } values %ids ], [], 'under its own id');

    for my $partition (0 .. 1) {
        my (%next, @gaps);

        for my $event ($redis->events($partition)) {
            push @gaps, $event->{id}
                if $event->{sequence} != ++$next{$event->{writer}};
        }

        cmp_ok(keys %next, '>', 3, "partition $partition: many writers");
        is("@gaps", '', 'each counts without a gap');
    }

    # a slot of an old worker is shared with a new one, nothing is forgotten
    $accepted = figures($nginx)->{beacons}{accepted};
    is($accepted, scalar @events, 'counters survive reloads');
    is(figures($nginx)->{events}{lost_exit}, 0, 'nothing was lost');

    ok(wait_for(sub { figures($nginx)->{redis}{links} == 3 }),
       'a link for each worker');
    is(figures($nginx)->{ring}{size}, 3 * 16 * 1048576, 'and a ring');

    # the settings of rum_redis change with a reload
    $nginx->write_conf(redis_options => 'partitions=2 ring=2m');
    $nginx->reload(gone => 1);
    is(figures($nginx)->{ring}{size}, 3 * 2 * 1048576,
       'a ring of another size after a reload');
    is(figures($nginx)->{beacons}{accepted}, $accepted,
       'which begins with the old figures');

    # without any beacon location, and back
    $nginx->write_conf(server => 'location / { return 204; }');
    $nginx->reload(gone => 1);
    is($nginx->get('/rum')->{status}, 204, 'without a beacon location');
    $nginx->write_conf(server => $server);
    $nginx->reload(gone => 1);
    is($nginx->beacon('/rum')->{status}, 204, 'and with one again');
    is($nginx->quit, 0, 'quit');
}


# quit, while Redis is away and comes back

{
    my $redis = redis();
    my $nginx = nginx(redis => $redis, server => $server, workers => 2);
    my (%views, $pid, $status);

    $redis->stop;

    for my $n (1 .. 30) {
        $views{"quit-$n"} = 1;
        is($nginx->beacon('/rum', { view => "quit-$n" })->{status}, 204,
           'while Redis is away') if $n % 10 == 0;
        $nginx->beacon('/rum', { view => "quit-$n" }) if $n % 10;
    }

    $pid = $nginx->pid;
    kill 'QUIT', $pid;
    ok(wait_for(sub { !RumTest::Http->new($nginx->port)->socket }),
       'nginx is quitting');
    $redis->start;
    $status = RumTest::reap($pid, 60);
    is($status, 0, 'it ends when Redis is back');

    my @events = $redis->events;
    delete $views{$_->{e}{view}} for @events;
    is(join(' ', %views), '', 'with all of them delivered');
    is(scalar @events, 30, 'once');
    unlike($nginx->log, qr/not acknowledged/, 'and no complaint');
}


# quit, while Redis is silent for ever

{
    my $fake = fake_redis(sub {
        my ($conn, $mode, @command) = @_;
        return uc $command[0] eq 'XADD' ? undef : $conn->ok(@command);
    });
    my $nginx = nginx(redis => $fake, server => $server,
                      redis_options => 'timeout=1h connect_timeout=1h');

    my $c = $nginx->client;
    my $body = beacon_json();
    my $pid = $nginx->pid;

    $nginx->beacon('/rum') for 1 .. 3;
    $c->send("POST /stored HTTP/1.1\r\nHost: a\r\nContent-Length: "
             . length($body) . "\r\n\r\n$body");
    wait_for(sub { @{ $fake->commands('XADD') } == 4 });
    kill 'QUIT', $pid;
    is($c->response('POST')->{status}, 503,
       'who waits for an event to be stored is told that it is not');
    $c->close;
    is(RumTest::reap($pid, 60), 0,
       'a silent Redis does not hold nginx for an hour');
    like($nginx->log,
         qr/\[crit\].*delivery: 4 events of writer "\w+" were not ack/,
         'which says what it could not deliver');
}


# quit, while a connection is silent but Redis is not

{
    my $fake = fake_redis(sub {
        my ($conn, $mode, @command) = @_;
        return $conn->ok(@command) if uc $command[0] ne 'XADD' || $mode;
        return undef;
    });
    my $nginx = nginx(redis => $fake, server => $server,
                      redis_options => 'timeout=1h connect_timeout=1h');
    my $pid = $nginx->pid;

    $nginx->beacon('/rum') for 1 .. 3;
    wait_for(sub { @{ $fake->commands('XADD') } == 3 });
    kill 'QUIT', $pid;
    ok(wait_for(sub { $nginx->log =~ /gracefully shutting down/ }),
       'nginx is quitting');
    $fake->mode('works');
    is(RumTest::reap($pid, 60), 0, 'it ends');
    is(scalar @{ $fake->commands('XADD') }, 6,
       'after it has tried another connection');
    unlike($nginx->log, qr/not acknowledged/, 'and delivered all');
}


# quit, with requests that come to their end when the time to deliver is over

{
    my $redis = redis();
    my $slow = proxy(to => $redis->port);
    my $away = proxy(to => $redis->port);
    my (@nginx, @late, @pid, @status, $early, $begun);

    my $begin = sub {
        my ($nginx, $body) = @_;
        my $c = $nginx->client;

        $c->send("POST /rum HTTP/1.1\r\nHost: a\r\nContent-Length: "
                 . length($body) . "\r\n\r\n");
        return [ $c, $body ];
    };
    my $end = sub {
        my ($c, $body) = @{ $_[0] };
        my $status;

        $c->send($body);
        $status = $c->response('POST')->{status};
        $c->close;

        return $status;
    };

    my $ask = sub {
        my ($c) = @_;
        my $status;

        $c->send("Host: a\r\n\r\n");
        $status = $c->response('GET')->{status};
        $c->close;

        return $status;
    };

    $slow->mode('delay 0.05');

    for my $proxy ($slow, $away) {
        push @nginx, nginx(redis => $proxy, server => $server);
        push @late, $begin->($nginx[-1], beacon_json({ view => 'late' }));
    }

    # one delivers an event while it quits; one has an event and no Redis

    $early = $begin->($nginx[0], beacon_json({ view => 'early' }));
    is($nginx[0]->get('/status')->{status}, 200, 'the requests have begun');
    is($nginx[1]->get('/status')->{status}, 200, 'also there');

    for my $question (1 .. 2) {
        push @status, $nginx[0]->client;
        $status[-1]->send("GET /status?site=$question HTTP/1.1\r\n");
    }

    $away->mode('drop');
    ok(wait_for(sub { $nginx[1]->log =~ /delivery: redis/ }), 'no Redis');
    is($nginx[1]->beacon('/rum', { view => 'early' })->{status}, 204, 'taken');

    @pid = map { $_->pid } @nginx;
    kill 'QUIT', @pid;
    $begun = time;
    ok(wait_for(sub { !grep { $_->log !~ /gracefully shutting down/ } @nginx }),
       'both are quitting');
    is($end->($early), 204, 'an event');
    ok(wait_for(sub { $redis->events == 1 }), 'that is delivered');
    is($ask->($status[0]), 200, 'status');

    wait_for(sub { time > $begun + 6 });
    $away->mode('');

    is($ask->($status[1]), 200, 'status is as patient as before');
    is($end->($_), 204, 'a late event') for @late;
    is(join(' ', map { RumTest::reap($_, 60) } @pid), '0 0', 'both end');
    is(join(' ', sort map { $_->{e}{view} } $redis->events),
       'early early late late', 'all are delivered');
    unlike($_->log, qr/not acknowledged/, 'and no complaint') for @nginx;
}


# fast shutdown

{
    my $fake = fake_redis(sub { return undef });
    my $nginx = nginx(redis => $fake, server => $server);

    $nginx->beacon('/rum') for 1 .. 2;
    is($nginx->stop, 0, 'a fast shutdown');
    like($nginx->log, qr/\[crit\].*rum delivery: 2 events/,
         'says it as well');
}


# a worker that quits with a reload says it in the figures too, a killed one
# when its place is taken

{
    my $fake = fake_redis(sub {
        my ($conn, $mode, @command) = @_;

        return $conn->ok(@command) if uc $command[0] ne 'XADD' || $mode;
        return undef;
    });
    my $nginx = nginx(redis => $fake, server => $server,
                      redis_options => 'timeout=60s');
    my ($worker) = $nginx->workers;

    allow_log(qr/\[alert\].*process \d+ exited on signal 9/);

    is($nginx->beacon('/rum')->{status}, 204, 'an event') for 1 .. 4;
    is(figures($nginx)->{ring}{events}, 4, 'four are in the ring');
    kill 'KILL', $worker;
    ok(wait_for(sub { successor($nginx, $worker) }),
       'a killed worker has a successor');
    ok(wait_for(sub { (figures($nginx)->{events}{lost_crash} // 0) == 4 }),
       'which counts what it held as lost');
    is(figures($nginx)->{ring}{events}, 0, 'and begins with an empty ring');
    is(figures($nginx)->{events}{queued}, 4, 'and the old counters');
    like($nginx->log, qr/\[crit\].*worker process $worker died with 4 events/,
         'the log says so');

    $fake->mode('works');
    is($nginx->beacon('/rum')->{status}, 204, 'the next event');
    ok(wait_for(sub { figures($nginx)->{events}{stored} == 1 }),
       'is delivered');

    # with nothing in the ring nothing is lost
    ($worker) = $nginx->workers;
    kill 'KILL', $worker;
    ok(wait_for(sub { successor($nginx, $worker) }),
       'killed again');
    ok(wait_for(sub { (figures($nginx)->{redis}{links} // 0) == 1 }),
       'one link again');
    is(figures($nginx)->{events}{lost_crash}, 4, 'but nothing was lost');
}


# a killed worker whose successor has its number

SKIP: {
    my $next = '/proc/sys/kernel/ns_last_pid';
    my $lost = 0;
    my ($fake, $nginx, $again);

    skip 'process ids cannot be chosen here', 2 unless -w $next;

    $fake = fake_redis(sub {
        my ($conn, $mode, @command) = @_;

        return uc $command[0] eq 'XADD' ? undef : $conn->ok(@command);
    });
    $nginx = nginx(redis => $fake, server => $server,
                   redis_options => 'timeout=60s');

    # somebody else may be faster

    for (1 .. 30) {
        my ($worker) = $nginx->workers;

        $nginx->beacon('/rum');
        wait_for(sub { (figures($nginx)->{ring}{at_risk} // 0) > 0 });
        $lost++;

        kill 'STOP', $nginx->pid;
        kill 'KILL', $worker;
        wait_for(sub { slurp("/proc/$worker/stat") =~ /\) Z / });
        spew($next, $worker - 1);
        kill 'CONT', $nginx->pid;

        wait_for(sub { figures($nginx)->{beacons} });
        ($again) = grep { $_ == $worker } $nginx->workers;
        last if $again;
    }

    skip 'no process id came again', 2 unless $again;

    ok(wait_for(sub { figures($nginx)->{events}{lost_crash} == $lost }),
       'what it held is counted as lost');
    is(figures($nginx)->{ring}{events}, 0, 'and in no ring any more');
}

finish();
