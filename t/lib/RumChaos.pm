# A few seconds under load in which everything fails, by a plan that a seed
# makes: nginx, the aggregators, Redis, the connections, the disk.  Then all is
# healed, and every beacon is looked for.
#
#   my $chaos = RumChaos->new(seed => 7, ack => 'stored', seconds => 8);
#   $chaos->run;
#
# A fault has a target, begins, and is healed after a while; a target has one
# fault at a time.  Under "queued" the master and the disk are left alone: its
# counters die with it.
#
# Every third seed has no proxies, but two Redis with "replicas=1" and a
# sentinel, which makes the other one the master whenever the master is killed
# or stands still for a moment; and it may be told to, with or without
# waiting for what the replica does not have yet.

package RumChaos;

use strict;
use warnings;

use List::Util qw(max);
use Test::More;
use Time::HiRes qw(time sleep);

use RumCounted;
use RumLoad;
use RumSentinel;
use RumTest;

my @links = ('delay 0.3', 'cut 40', 'cut 700', 'drop', 'hold', 'mute',
             'half');

# target => what may happen to it, and how often
my %faults = (
    worker     => [ qw(kill_worker kill_worker pause_worker) ],
    nginx      => [ qw(reload reload kill_nginx) ],
    aggregator => [ qw(kill_aggregator pause_aggregator) ],
    redis      => [ qw(kill_redis pause_redis oom) ],
    link       => [ qw(link_module) ],
    wire       => [ qw(link_aggregator) ],
    disk       => [ qw(fill_disk) ],
);

my %failover = (
    (map { $_ => $faults{$_} } qw(worker nginx aggregator disk)),
    redis      => [ qw(kill_redis pause_redis oom switch order) ],
    replica    => [ qw(kill_replica pause_replica) ],
);

sub new {
    my ($class, %o) = @_;
    my $self = bless { ack => 'stored', seconds => 8, rate => 500, %o },
               $class;

    $self->{name} = "seed $o{seed}, $self->{ack}";
    $self->{faults} = $o{seed} % 3 ? \%faults : \%failover;
    srand $o{seed};
    $self->make_plan;

    return $self;
}

# [begin, end, target, fault, argument], by begin
sub make_plan {
    my ($self) = @_;
    my (@plan, %free);

    for (my $at = 0.5; $at < $self->{seconds}; $at += 0.1 + rand 0.4) {
        my %faults = %{ $self->{faults} };
        my @targets = (sort(keys %faults), $faults{replica} ? 'redis' : ());
        my $target = $targets[rand @targets];
        my @kinds = @{ $faults{$target} };
        my ($kind, $length, $argument) = ($kinds[rand @kinds],
                                          0.1 + rand(1.2) ** 2, rand);

        # long enough for another one to become the master
        $length += 0.8 if $faults{replica} && $kind =~ /^(?:kill|pause)_redis$/;

        next if $at < ($free{$target} || 0);
        next if $self->{ack} eq 'queued'
                && $kind =~ /^(?:kill_nginx|fill_disk)$/;

        $free{$target} = $at + $length + 0.3;
        push @plan, [ $at, $at + $length, $target, $kind, $argument ];
    }

    $self->{plan} = \@plan;
}

sub told {
    my ($self) = @_;

    return join "\n", map { sprintf '%5.2f s to %5.2f s: %s %.3f',
                            @$_[0, 1, 3, 4] } @{ $self->{plan} };
}

sub start {
    my ($self) = @_;
    my $conf = RumCounted::conf() . "lease = 1s\ntimeout = 1s\n";

    $self->{spool} = tmp("spool$self->{seed}$self->{ack}");
    mkdir $self->{spool};
    $self->{mounted} = $> == 0 && !system 'mount', '-t', 'tmpfs', '-o',
        'size=16m', 'none', $self->{spool};

    if ($self->{faults} == \%failover) {
        $self->start_sentinel;

    } else {
        $self->{redis} = redis(aof => 1);
        $self->{link} = proxy(to => $self->{redis}->port);
        $self->{wire} = proxy(to => $self->{redis}->port);
    }

    $self->{aggregators} = [ map { aggregator(redis => $self->{wire},
                                              conf => $conf) } 1 .. 2 ];
    $self->{nginx} = nginx(redis => $self->{link}, workers => 2,
        redis_options => 'ring=1m timeout=1s connect_timeout=1s '
                         . ($self->{sentinel} ? 'replicas=1' : ''),
        http => "rum_spool $self->{spool} max=16m;", server => <<"END");
        location /rum { rum_beacon shop; rum_ack $self->{ack}; }
        location /status { rum_status; }
END

    # Large beacons, so that a ring is soon full, and small ones that still
    # fit: they go now to the ring, now to the spool.
    my $error = '{"message":"m","stack":"' . 'x' x 1500 . '"}';
    my $more = ',"errors":[' . join(',', ($error) x 8) . ']';

    $self->{load} = RumLoad->start($self->{nginx}->port,
        $self->{rate} * ($self->{seconds} + 20),
        sub { RumCounted::request($_[0], $_[0] % 3 ? '' : $more) },
        depth => 16, rate => $self->{rate});
}

sub start_sentinel {
    my ($self) = @_;
    my @pair = map { redis(aof => 1,
                           args => [ '--repl-diskless-sync-delay', '0' ]) }
               1 .. 2;

    $self->{pair} = { map { $_->port => $_ } @pair };
    $pair[1]->command('REPLICAOF', '127.0.0.1', $pair[0]->port);
    $self->{sentinel} = RumSentinel->new(master => $pair[0]->port,
                                         down => 400, timeout => 500);
    ok(wait_for(sub { $self->{sentinel}->knows(1, 0) }, 30),
       "$self->{name}: the sentinel knows both");
    $self->{link} = $self->{wire} = RumSentinel::address($self->{sentinel});
}

# who is the master, as far as the sentinel knows, and the other one
sub redis_now {
    my ($self) = @_;

    return $self->{redis} || $self->{pair}{$self->{sentinel}->master};
}

sub replica_now {
    my ($self) = @_;
    my $master = $self->redis_now;

    return (grep { $_ != $master } values %{ $self->{pair} })[0];
}

sub run {
    my ($self) = @_;
    my @results;

    $self->start;
    $self->carry_out;
    @results = $self->{load}->stop;
    ok($self->drained, "$self->{name}: the spool is empty at the end")
        or diag(join ' ', glob "$self->{spool}/*");
    $self->look(@results);
    $self->stop;
}

# begins and heals, each when it is due
sub carry_out {
    my ($self) = @_;
    my ($began, @plan, @open) = (time, @{ $self->{plan} });

    while (@plan || @open) {
        my $now = time - $began;

        for my $fault (grep { $_->{end} <= $now } @open) {
            $fault->{heal}->();
        }
        @open = grep { $_->{end} > $now } @open;

        if (@plan && $plan[0][0] <= $now) {
            my ($at, $end, $target, $kind, $argument) = @{ shift @plan };

            next if grep { $_->{target} eq $target } @open;
            my $heal = $self->$kind($argument) or next;
            push @open, { end => max($end, time - $began + $end - $at),
                          target => $target, heal => $heal };
        }

        sleep 0.02;
    }
}


# ---------------------------------------------------- what happens, and heals

sub a_worker {
    my ($self, $argument) = @_;
    my @workers = $self->{nginx}->workers;

    return @workers ? $workers[$argument * @workers] : undef;
}

sub kill_worker {
    my ($self, $argument) = @_;
    my $pid = $self->a_worker($argument) or return;

    kill 'KILL', $pid;
    $self->{killed}++;
    return sub { };
}

sub pause_worker {
    my ($self, $argument) = @_;
    my $pid = $self->a_worker($argument) or return;

    kill 'STOP', $pid;
    return sub { kill 'CONT', $pid };
}

sub reload {
    my ($self) = @_;

    kill 'HUP', $self->{nginx}->pid;
    return sub { };
}

sub kill_nginx {
    my ($self) = @_;
    my $nginx = $self->{nginx};
    my @workers;

    # those that are quitting as well
    @workers = split ' ', slurp("/proc/$nginx->{pid}/task/$nginx->{pid}"
                                . '/children');
    RumTest::stop($nginx->{pid}, 'KILL');
    kill 'KILL', @workers;
    wait_for(sub { !RumTest::Http->new($nginx->port)->socket });

    return sub { $nginx->start };
}

sub kill_aggregator {
    my ($self, $argument) = @_;
    my $agg = $self->{aggregators}[$argument * 2];

    $agg->kill;
    return sub { $agg->start };
}

sub pause_aggregator {
    my ($self, $argument) = @_;
    my $pid = $self->{aggregators}[$argument * 2]->pid;

    kill 'STOP', $pid;
    return sub { kill 'CONT', $pid };
}

sub kill_redis { return $_[0]->kill_one($_[0]->redis_now) }
sub kill_replica { return $_[0]->kill_one($_[0]->replica_now) }

# one of a pair comes back as a replica, if the other one is the master now
sub kill_one {
    my ($self, $redis) = @_;

    return unless $redis->pid;
    $redis->kill;

    return sub {
        if ($self->{pair}) {
            my $master = $self->{sentinel}->master;

            $redis->{args} = [ '--repl-diskless-sync-delay', '0',
                $master == $redis->port ? ()
                : ('--replicaof', "127.0.0.1 $master") ];
        }
        $redis->start;
    };
}

sub pause_redis { return $_[0]->pause_one($_[0]->redis_now) }
sub pause_replica { return $_[0]->pause_one($_[0]->replica_now) }

sub pause_one {
    my ($self, $redis) = @_;

    return unless $redis->pid;
    $redis->pause;
    return sub { $redis->resume if $redis->pid };
}

sub oom {
    my ($self) = @_;
    my $redis = $self->redis_now;

    eval { $redis->command('CONFIG', 'SET', 'maxmemory', 1) };
    return sub { eval { $redis->command('CONFIG', 'SET', 'maxmemory', 0) } };
}

# Redis's own: writes wait until the replica has all
sub switch {
    my ($self) = @_;
    my ($master, $replica) = ($self->redis_now, $self->replica_now);

    $self->{switched} += eval {
        $master->command('FAILOVER', 'TO', '127.0.0.1', $replica->port,
                         'TIMEOUT', 2000);
        1;
    } || 0;
    return sub { };
}

# the sentinel's: the master goes on for a while
sub order {
    my ($self) = @_;

    $self->{ordered} += eval {
        $self->{sentinel}->command('SENTINEL', 'FAILOVER', 'rum');
        1;
    } || 0;
    return sub { };
}

sub link_module {
    my ($self, $argument) = @_;

    $self->{link}->mode($links[$argument * @links]);
    return sub { $self->{link}->mode('') };
}

sub link_aggregator {
    my ($self, $argument) = @_;

    $self->{wire}->mode($links[$argument * @links]);
    return sub { $self->{wire}->mode('') };
}

sub fill_disk {
    my ($self) = @_;

    return unless $self->{mounted};
    open my $fill, '>', "$self->{spool}/fill" or return;
    1 while syswrite $fill, 'x' x 65536;
    close $fill;

    return sub { unlink "$self->{spool}/fill" };
}


# ------------------------------------------------------------------- the end

sub drained {
    my ($self) = @_;

    return wait_for(sub {
        my @files = glob "$self->{spool}/*.spool";
        return !@files;
    }, 60);
}

sub look {
    my ($self, @results) = @_;
    my ($name, $nginx) = @$self{qw(name nginx)};
    my ($c, $module, $aggregator, $unsure, $left);

    # who died while it was quitting is counted by the next to begin
    $nginx->reload(gone => 1);

    $c = RumCounted::compare($nginx, $name, @results);
    ok($c, "$name: there is something to look at") or return;

    ($module, $aggregator) = @{ $c->{health} }{qw(module aggregator)};
    note("$name: " . json($module));
    cmp_ok($c->{answers}{204}, '>', 100, "$name: there was a 204 now and then");
    RumCounted::once($name, $c);
    is($aggregator->{rejected}, 0, "$name: no entry is broken");
    is($module->{spool}{torn}, 0, "$name: no file is")
        unless $self->{killed};
    is(scalar(() = glob "$self->{spool}/*.bad"), 0, "$name: none is damaged");

    if ($self->{sentinel}) {
        my $n = () = slurp("$self->{sentinel}{dir}/sentinel.log")
                     =~ /\+switch-master/g;
        note("$name: masters: " . (1 + $n) . ', by order: '
             . join ' ', map { $self->{$_} || 0 } qw(switched ordered));
    }

    $left = $module->{events}{lost_crash} + $module->{events}{lost_exit};

    if ($self->{ack} eq 'stored') {
        $unsure = grep { defined && $_ != 204 } @results;
        is(scalar @{ $c->{lost} }, 0, "$name: each 204 is counted")
            or diag(RumCounted::some(@{ $c->{lost} }));
        cmp_ok($aggregator->{lost}, '<=', $unsure,
               "$name: only what was not answered can be missing");

    } else {
        cmp_ok(scalar @{ $c->{lost} }, '<=', $left,
               "$name: what is missing was in the ring of a killed worker");
        cmp_ok($aggregator->{lost}, '<=', $left, "$name: so are the gaps");
        is($left, 0, "$name: nothing is missing otherwise")
            unless $self->{killed};
    }
}

sub stop {
    my ($self) = @_;

    $_->stop for $self->{nginx}, @{ $self->{aggregators} },
                 $self->{sentinel}
                 ? ($self->{sentinel}, values %{ $self->{pair} })
                 : @$self{qw(redis link wire)};
    $self->leave;
}

sub leave {
    my ($self) = @_;

    system 'umount', $self->{spool} if delete $self->{mounted};
}

sub DESTROY { local $?; $_[0]->leave }

1;
