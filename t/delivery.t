# From the ring to Redis: getting in, error replies, half replies, stalls and
# lost connections, a ring that is full or goes round, partitions, and rum_ack
# stored.  What is accepted arrives, in order, under the ids it had first.

use strict;
use warnings;

use lib 't/lib';
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use RumTest;

my $server = <<'SERVER';
    location /rum { rum_beacon shop; }
    location /stored { rum_beacon shop; rum_ack stored; }
    location /status { rum_status; }
SERVER

# what a fake Redis does in each mode
sub fake {
    return fake_redis(sub {
        my ($conn, $mode, @command) = @_;
        my $name = uc $command[0];

        # the status location is not what this is about
        return $conn->ok(@command) if $name !~ /^(?:XADD|AUTH|SELECT)$/;

        return "-$1\r\n" if $mode =~ /^error (.*)/;
        return $conn->hold(@command) if $mode eq 'hold';
        return $conn->hang_up if $mode eq 'close';
        return undef if $mode eq 'stall';

        if ($mode eq 'bytes') {
            $conn->write($_) for split //, $conn->ok(@command);
            return undef;
        }

        # the end of a reply comes with the next command only
        if ($mode eq 'halves') {
            my $reply = ($conn->{rest} // '') . $conn->ok(@command);
            $conn->{rest} = substr $reply, -2, 2, '';
            return $reply;
        }

        if ($mode =~ /^cut (\d+)/ && ++$conn->{seen} > $1) {
            $conn->write('$3');
            return $conn->hang_up;
        }

        return ($conn->{rest} // '') . $conn->ok(@command);
    });
}

# ids of the events of these XADD commands, "sequence" each, and the writer
sub ids {
    my ($commands) = @_;
    my %writers;
    my @ids = map { my ($w, $n) = $_->[8] =~ /^([a-z0-9]+)-(\d+)$/;
                    $writers{$w // '?'}++; $n } @$commands;

    return ("@ids", join ' ', keys %writers);
}

sub figures { return $_[0]->figures || {} }

# until so many are acknowledged, or no more of them are
sub stored {
    my ($nginx, $n) = @_;
    my ($now, $before) = (-1, -1);

    while ($now != $n) {
        $before = $now;
        wait_for(sub {
            ($now = figures($nginx)->{events}{stored} // -1) != $before;
        }) or return 0;
    }

    return 1;
}

sub post {
    my ($nginx, $n) = @_;
    my $c = $nginx->client;

    return join ' ', map { $c->request('POST', '/rum', body => beacon_json())
                             ->{status} } 1 .. $n;
}


# getting in, at a real Redis

{
    my $redis = redis(password => 'secret');
    my $nginx = nginx(redis => $redis, server => $server,
                      redis_options => 'password=wrong');

    is(post($nginx, 3), '204 204 204', 'events are taken');
    ok(wait_for(sub { $nginx->log =~ /\[error\].*rum delivery: .*WRONGPASS/ }),
       'a wrong password is in the log');
    is($redis->events, 0, 'and nothing gets in');

    $redis->command('CONFIG', 'SET', 'requirepass', 'wrong');
    ok(wait_for(sub { $redis->events == 3 }), 'until it is right');
    like($nginx->log, qr/\[notice\].*works again after \d+ failures/,
         'which is in the log too');
    $nginx->quit;

    $redis->command('ACL', 'SETUSER', 'rum', 'on', '>pass', '~*', '+@all');
    $nginx = nginx(redis => $redis, server => $server,
                   redis_options => 'user=rum password=pass db=3');
    is(post($nginx, 1), '204', 'with a user');
    ok(wait_for(sub { figures($nginx)->{events}{stored} == 1 }), 'it gets in');
    $redis->command('SELECT', 3);
    is($redis->events, 1, 'into the database that is configured');
    $nginx->quit;
}

{
    my $redis = redis(unix => 1);
    my $nginx = nginx(redis => $redis, server => $server);

    is(post($nginx, 2), '204 204', 'over a unix socket');
    ok(wait_for(sub { $redis->events == 2 }), 'they are there');

    # the socket goes away and comes back
    $redis->stop;
    is(post($nginx, 2), '204 204', 'while it is away');
    $redis->start;
    ok(wait_for(sub { $redis->events == 2 }), 'and when it is back');
}

{
    my $fake = fake();
    my $long = 'x' x 3900;
    my $nginx;

    $fake->mode('bytes');
    $nginx = nginx(redis => $fake, server => $server, redis_options =>
                   "user=u$long password=p$long db=12");
    is(post($nginx, 2), '204 204', 'answers that come byte by byte');
    ok(stored($nginx, 2), 'are understood');
    is_deeply([ map { [ @$_[1 .. $#$_] ] } @{ $fake->commands }[0, 1] ],
              [ ['AUTH', "u$long", "p$long"], ['SELECT', '12'] ],
              'AUTH and SELECT, however long');
}

{
    # too many clients, or no Redis at all: what it says is in the log
    my $fake = fake_redis(sub {
        my ($conn, $mode, @command) = @_;

        return "$mode\r\n" if $mode ne '';
        return $conn->ok(@command);
    });
    my $nginx;

    $fake->mode('HTTP/1.1 400 Bad Request');
    $nginx = nginx(redis => $fake, server => $server,
                   redis_options => 'password=p');
    ok(wait_for(sub { $nginx->log =~ /Protocol error, got "H" as reply/ }),
       'not RESP, at the handshake');
    is(post($nginx, 2), '204 204', 'events are kept');
    $fake->mode('');
    ok(stored($nginx, 2), 'for better times');
    $fake->mode('HTTP/1.1 400 Bad Request');
    is(post($nginx, 2), '204 204', 'not RESP, later');
    ok(wait_for(sub { figures($nginx)->{redis}{failures} > 1 }),
       'the link is closed');
    $fake->mode('-ERR max number of clients reached');
    ok(wait_for(sub { $nginx->log =~ /max number of clients reached/ }),
       'an error at the handshake is in the log');
    $fake->mode('');
    ok(stored($nginx, 4), 'and nothing is lost');
}


# error replies: sent again until accepted, in order, under the same ids

{
    my $fake = fake();
    my $nginx = nginx(redis => $fake, server => $server);
    my ($sent, $expected) = (0, '');

    for my $error ('OOM command not allowed', 'LOADING Redis is loading',
                   'READONLY You can\'t write', 'NOAUTH Authentication',
                   'MISCONF Redis is configured', 'ERR whatever')
    {
        my ($name) = $error =~ /^(\w+)/;
        my $before = @{ $fake->commands('XADD') };
        my $errors = figures($nginx)->{redis}{errors};
        my ($accepted, $writers);

        $fake->mode("error $error");
        is(post($nginx, 3), '204 204 204', "-$name: events are taken");
        ok(wait_for(sub { @{ $fake->commands('XADD') } > $before }),
           "-$name: and sent");
        ok(wait_for(sub { figures($nginx)->{redis}{errors} > $errors }),
           "-$name: which is counted");
        is(figures($nginx)->{events}{stored}, $sent, "-$name: not as stored");
        $fake->mode('');
        $sent += 3;
        ok(stored($nginx, $sent), "-$name: accepted at last");

        ($accepted) = ids([ (@{ $fake->commands('XADD') })[-3 .. -1] ]);
        is($accepted, join(' ', $sent - 2 .. $sent), "-$name: the same ids");
    }

    my (undef, $writers) = ids($fake->commands('XADD'));
    like($writers, qr/^[a-z0-9]+$/, 'all of one writer');
    like($nginx->log, qr/\[error\].*rum delivery: .*OOM command/,
         'the first failure is in the log');
    cmp_ok(figures($nginx)->{events}{resent}, '>', 0, 'resent is counted');
    is(figures($nginx)->{ring}{events}, 0, 'the ring is empty');
    is(figures($nginx)->{ring}{bytes}, 0, 'to the byte');
}


# half replies, silence, connections that end

{
    my $fake = fake();
    my $nginx = nginx(redis => $fake, server => $server,
                      redis_options => 'timeout=300ms');

    $fake->mode('halves');
    is(post($nginx, 1), '204', 'half a reply');
    ok(wait_for(sub { @{ $fake->commands('XADD') } >= 1 }), 'is sent');
    is(figures($nginx)->{events}{stored}, 0, 'which is no reply');
    is(post($nginx, 1), '204', 'its end comes with the next');
    ok(wait_for(sub { figures($nginx)->{events}{stored} >= 1 }),
       'then it is one');
    $fake->mode('');
    ok(stored($nginx, 2), 'and the next by a new connection');

    my $links = @{ $fake->commands('XADD') };
    $fake->mode('stall');
    is(post($nginx, 5), '204 204 204 204 204', 'while Redis is silent');
    ok(wait_for(sub { my %n = map { $_->[0] => 1 } @{ $fake->commands('XADD') };
                      keys %n >= 4 }),
       'after the timeout it is tried again, and again');
    $fake->mode('');
    ok(stored($nginx, 7), 'until there is an answer');

    my @commands = @{ $fake->commands('XADD') };
    is((ids([ @commands[-5 .. -1] ]))[0], '3 4 5 6 7', 'the same ids');
    cmp_ok(@commands - $links, '>=', 10, 'several times');
    like($nginx->log, qr/rum delivery: redis "[^"]+": timed out/,
         'and the log says why');
}

{
    my $fake = fake();
    my $nginx = nginx(redis => $fake, server => $server);

    $fake->mode('cut 3');
    is(post($nginx, 10), join(' ', (204) x 10), 'ten events');
    ok(stored($nginx, 10), 'are stored though each connection ends in a reply');

    my (%last, @gaps);
    for my $command (@{ $fake->commands('XADD') }) {
        my ($n) = $command->[8] =~ /-(\d+)$/;
        push @gaps, $n if defined $last{$command->[0]}
                          && $n != $last{$command->[0]} + 1;
        $last{$command->[0]} = $n;
    }
    is("@gaps", '', 'in order on each of them');
    cmp_ok(keys %last, '>=', 4, 'of which there were some');

    $fake->mode('');
    $fake->stop;
    is(post($nginx, 5), join(' ', (204) x 5), 'while nobody listens');
    $fake->start;
    ok(stored($nginx, 15), 'and they are stored when somebody does');
}


# all events of one turn of the event loop leave in one write

{
    my $fake = fake();
    my $nginx = nginx(redis => $fake, server => $server);
    my ($worker) = $nginx->workers;
    my @clients = map { $nginx->client } 1 .. 40;
    my ($before, @reads);

    # connections are accepted, then the worker sees all requests at once
    $_->request('POST', '/rum', body => beacon_json()) for @clients;
    ok(stored($nginx, 40), 'one by one');
    $before = @{ $fake->reads('XADD') };

    kill 'STOP', $worker;
    for my $c (@clients) {
        my $body = beacon_json();
        $c->send("POST /rum HTTP/1.1\r\nHost: a\r\nContent-Length: "
                 . length($body) . "\r\n\r\n$body");
    }
    kill 'CONT', $worker;

    is(join(' ', map { $_->response('POST')->{status} } @clients),
       join(' ', (204) x 40), '40 requests at once');
    ok(stored($nginx, 80), 'all are stored');
    @reads = @{ $fake->reads('XADD') };
    is("@reads[$before .. $#reads]", '40', 'in one write');
}


# a full ring

{
    my $fake = fake();
    my $nginx = nginx(redis => $fake, server => $server,
                      redis_options => 'ring=1m timeout=60s');
    my ($c, $r, $big, $taken, $refused, $figures);

    $big = { errors => [ map { { message => "m$_" x 50, stack => 'x' x 2000 } }
                         1 .. 20 ] };
    $fake->mode('hold');
    $c = $nginx->client;

    for (1 .. 200) {
        $r = $c->request('POST', '/rum', body => beacon_json($big));
        last if $r->{status} != 204;
        $taken++;
    }

    is($r->{status}, 503, 'a full ring refuses');
    is(json_decode($r->{body})->{error}, 'unavailable', 'with its reason');
    like($r->{headers}{'retry-after'}, qr/^\d+$/, 'and a time');
    cmp_ok($taken, '>=', 15, "after $taken events");

    $figures = figures($nginx);
    is($figures->{beacons}{unavailable}, 1, 'counted');
    is($figures->{beacons}{accepted}, $taken, 'what was taken, too');
    is($figures->{ring}{events}, $taken, 'all of it is in the ring');
    is($figures->{ring}{size}, 1048576, 'of this size');
    cmp_ok($figures->{ring}{bytes}, '>', 900_000, 'which is full');
    is($figures->{ring}{bytes}, $figures->{ring}{high_water},
       'as never before');
    is($nginx->beacon('/stored', $big)->{status}, 503,
       'rum_ack stored as well');

    $fake->mode('');
    ok(stored($nginx, $taken), 'what was taken is stored later');
    is((ids($fake->commands('XADD')))[0], join(' ', 1 .. $taken),
       'in order, once, none of the refused');
    is($nginx->beacon('/rum', $big)->{status}, 204, 'and there is room again');
}


# a ring that goes round: several times its size, of all sizes, through a
# Redis that reads slowly and goes away now and then

{
    my $fake = fake();
    my $nginx = nginx(redis => $fake, server => $server,
                      redis_options => 'ring=1m timeout=60s');
    my ($c, $taken, $refused, %seen, @first);

    $c = $nginx->client;

    for my $n (1 .. 400) {
        $fake->mode($n % 20 < 12 ? 'hold' : $n % 20 < 13 ? 'close' : '');

        # there is room again before Redis stops reading
        wait_for(sub { figures($nginx)->{ring}{bytes} < 1 << 19 })
            if $n % 20 == 19;

        my $r = $c->request('POST', '/rum', body => beacon_json({
            errors => [ map { { message => "m$n", stack => 'x' x 2000 } }
                        1 .. ($n * 7) % 25 + 1 ] }));
        $r->{status} == 204 ? $taken++ : $refused++;
    }

    $fake->mode('');
    ok(stored($nginx, $taken), "$taken events of more than the ring");
    cmp_ok($taken, '>', 160, 'four times as many as it has room for');

    for my $command (@{ $fake->commands('XADD') }) {
        push @first, $command->[8] =~ s/.*-//r unless $seen{$command->[8]}++;
    }

    is("@first", join(' ', 1 .. $taken), 'each is sent, in order');
    is(scalar(grep { RumMsgpack::unpack($_->[10])->{site} ne 'shop' }
              @{ $fake->commands('XADD') }), 0, 'and whole');
}


# partitions

{
    my $redis = redis();
    my $nginx = nginx(redis => $redis, server => $server,
                      redis_options => 'partitions=4', workers => 2);
    my (%sessions, %views, %sequences, $all);

    for my $n (1 .. 200) {
        $nginx->beacon('/rum', { session => 's' . $n % 40, view => "v$n" });
        $nginx->beacon('/rum', { session => undef, view => 'v' . $n % 30 });
    }

    ok(wait_for(sub { figures($nginx)->{events}{stored} == 400 }),
       '4 partitions');

    for my $partition (0 .. 3) {
        my @events = $redis->events($partition);

        cmp_ok(scalar @events, '>', 20, "partition $partition has its share");
        $all += @events;

        for my $event (@events) {
            my $e = $event->{e};

            if (defined $e->{session}) {
                $sessions{$e->{session}}{$partition} = 1;
            } else {
                $views{$e->{view}}{$partition} = 1;
            }
            push @{ $sequences{"$partition $event->{writer}"} },
                 $event->{sequence};
        }
    }

    is($all, 400, 'nothing is twice');
    is(scalar(grep { keys %$_ > 1 } values %sessions), 0,
       'a session is always in the same partition');
    is(scalar(grep { keys %$_ > 1 } values %views), 0,
       'without a session a view is');
    is(scalar(grep { "@$_" ne join(' ', 1 .. @$_) } values %sequences), 0,
       'a writer counts 1, 2, 3 in each partition');
    is($redis->command('EXISTS', 'rum:{4}:events'), 0, 'and there is no fifth');
}


# maxlen

{
    my $redis = redis();
    my $nginx = nginx(redis => $redis, server => $server,
                      redis_options => 'maxlen=1000');

    is(post($nginx, 1500), join(' ', (204) x 1500), '1500 events');
    ok(stored($nginx, 1500), 'are stored');
    cmp_ok($redis->command('XLEN', 'rum:{0}:events'), '<', 1200,
           'and the stream is cut at about 1000');
}


# rum_ack stored

{
    my $fake = fake();
    my $nginx = nginx(redis => $fake, server => $server, h2 => 1,
                      redis_options => 'timeout=2s');
    my (@clients, $r);

    sub waiting {
        my ($n) = @_;
        my $c = $nginx->client;
        my $body = beacon_json({ view => "waiting-$n" });

        $c->send("POST /stored HTTP/1.1\r\nHost: a\r\nContent-Length: "
                 . length($body) . "\r\n\r\n$body");
        return $c;
    }

    $fake->mode('hold');
    @clients = map { waiting($_) } 1 .. 5;
    ok(wait_for(sub { @{ $fake->commands('XADD') } == 5 }), 'five are sent');

    # whatever nginx has to say would be here by now
    is($nginx->get('/status?metric=lcp')->{status}, 200, 'nginx goes on');
    is(scalar(grep { IO::Select->new($_->socket)->can_read(0) } @clients), 0,
       'but nobody has an answer yet');

    # one goes away while it waits
    (pop @clients)->close;
    ok(wait_for(sub { figures($nginx)->{beacons}{aborted} == 1 }),
       'one goes away');

    $fake->mode('');
    is(join(' ', map { $_->response('POST')->{status} } @clients),
       '204 204 204 204', 'the others have 204 when Redis has answered');
    ok(stored($nginx, 5), 'the one that went away is stored as well');

    is($nginx->h2('POST', '/stored', body => beacon_json())->{status}, 204,
       'over HTTP/2');
    is($nginx->get('/stored?d=' . beacon_json())->{status}, 204, 'by GET');
    is($clients[0]->request('POST', '/stored', body => beacon_json())
           ->{status}, 204, 'again on the same connection');
    ok(stored($nginx, 8), 'all stored');

    # Redis does not answer in time
    $fake->mode('hold');
    $clients[1] = waiting(6);
    $r = $clients[1]->response('POST');
    is($r->{status}, 503, 'no answer of Redis, 503');
    is(json_decode($r->{body})->{error}, 'unavailable', 'which says so');
    ok($r->{headers}{'retry-after'}, 'and when to come again');
    $fake->mode('');
    ok(stored($nginx, 9), 'it is stored when Redis comes round');
    is($clients[1]->request('POST', '/stored', body => beacon_json())
           ->{status}, 204, 'the connection is as good as before');

    # an error reply is no answer either
    $fake->mode('error OOM x');
    $clients[0] = waiting(7);
    ok(wait_for(sub { figures($nginx)->{redis}{errors} > 0 }), '-OOM');
    is(IO::Select->new($clients[0]->socket)->can_read(0) // 0, 0,
       'is no reason to answer');
    $fake->mode('');
    is($clients[0]->response('POST')->{status}, 204, 'success is');

    # an event each in one connection, all answered, in order
    my $c = $nginx->client;
    my @bodies = map { beacon_json() } 1 .. 20;
    $c->send(join '', map { "POST /stored HTTP/1.1\r\nHost: a\r\n"
                            . 'Content-Length: ' . length($_) . "\r\n\r\n$_" }
                      @bodies);
    is(join(' ', map { $c->response('POST')->{status} } @bodies),
       join(' ', (204) x 20), 'pipelined');
}

finish();
