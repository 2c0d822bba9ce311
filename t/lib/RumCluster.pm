# A real Redis Cluster on free ports: so many primaries with equal shares of
# the slots, and replicas.
#
#   my $cluster = RumCluster->new(primaries => 3, replicas => 1, args => [...]);
#   nginx(redis => $cluster, redis_options => $cluster->options, ...);
#   $cluster->nodes             # RumTest::Redis each, replicas last
#   $cluster->node(1)           # the one that has partition 1
#   $cluster->begin_move(1, $node); $cluster->end_move(1, $node);
#
# A replica N follows primary N.  The seed that programs are given is the first
# primary.  All nodes have the same password, "secret".

package RumCluster;

use strict;
use warnings;

use RumTest ();

my $slots = 16384;

sub new {
    my ($class, %o) = @_;
    my ($n, $replicas) = ($o{primaries} || 3, $o{replicas} || 0);
    my $self = bless { password => 'secret' }, $class;

    $self->{nodes} = [ map { RumTest::redis(aof => 1, password => 'secret',
        args => ['--cluster-enabled', 'yes',
                 '--cluster-port', RumTest::free_port(),
                 '--cluster-node-timeout', 1000, '--masterauth', 'secret',
                 '--repl-diskless-sync-delay', 0, @{ $o{args} || [] }]) }
        1 .. $n + $replicas ];

    for my $i (0 .. $#{ $self->{nodes} }) {
        my $node = $self->{nodes}[$i];
        my ($from, $to) = map { int $slots * $_ / $n } $i, $i + 1;

        $node->command('CLUSTER', 'SET-CONFIG-EPOCH', $i + 1);
        $node->command('CLUSTER', 'ADDSLOTSRANGE', $from, $to - 1) if $i < $n;
        $self->{nodes}[0]->command('CLUSTER', 'MEET', '127.0.0.1', $node->port,
                                   bus($node)) if $i;
    }

    $self->all(sub { info($_[0]) =~ /cluster_known_nodes:@{[ $n + $replicas ]}\b/
                     && $_[0]->command('CLUSTER', 'NODES') !~ /handshake/ })
        or die 'the nodes do not meet';

    for my $i (0 .. $replicas - 1) {
        $self->{nodes}[$n + $i]->command('CLUSTER', 'REPLICATE',
                                         id($self->{nodes}[$i]));
    }

    $self->ok or die 'the cluster is not ok';

    return $self;
}

sub address { return '127.0.0.1:' . $_[0]{nodes}[0]->port }
sub options { return 'cluster=on password=secret' }
sub nodes   { return @{ $_[0]{nodes} } }
sub info    { return $_[0]->command('CLUSTER', 'INFO') }
sub id      { return $_[0]->command('CLUSTER', 'MYID') }

sub bus {
    my ($node) = @_;

    return $node->command('CONFIG', 'GET', 'cluster-port')->[1];
}

# asked of all nodes that run
sub all {
    my ($self, $sub) = @_;

    return RumTest::wait_for(sub {
        !grep { $_->pid && !eval { $sub->($_) } } $self->nodes;
    }, 30);
}

# every node knows one that has each slot, and the same one
sub ok {
    my ($self) = @_;

    return $self->all(sub { info($_[0]) =~ /cluster_state:ok/ })
           && RumTest::wait_for(sub {
               my %views = map { view($_) => 1 } grep { $_->pid } $self->nodes;
               keys %views == 1;
           });
}

sub view {
    my ($node) = @_;

    return join ' ', sort map { "$_->[0]-$_->[1]:$_->[2][1]" }
                     @{ $node->command('CLUSTER', 'SLOTS') };
}

sub slot {
    my ($self, $partition) = @_;
    my ($any) = grep { $_->pid } $self->nodes;

    return $any->command('CLUSTER', 'KEYSLOT', "{$partition}");
}

sub node {
    my ($self, $partition) = @_;
    my ($any) = grep { $_->pid } $self->nodes;
    my $slot = $self->slot($partition);
    my ($range) = grep { $_->[0] <= $slot && $slot <= $_->[1] }
                  @{ $any->command('CLUSTER', 'SLOTS') };

    return (grep { $_->port == $range->[2][1] } $self->nodes)[0];
}

# keys go to the other node; from now on the first one answers -ASK
sub begin_move {
    my ($self, $partition, $to) = @_;
    my ($slot, $from) = ($self->slot($partition), $self->node($partition));
    my $keys;

    $self->{from} = $from;
    $to->command('CLUSTER', 'SETSLOT', $slot, 'IMPORTING', id($from));
    $from->command('CLUSTER', 'SETSLOT', $slot, 'MIGRATING', id($to));
    $self->move_keys($partition, $to);
}

sub move_keys {
    my ($self, $partition, $to) = @_;
    my $slot = $self->slot($partition);
    my $keys;

    while (@{ $keys = $self->{from}->command('CLUSTER', 'GETKEYSINSLOT', $slot,
                                             100) })
    {
        $self->{from}->command('MIGRATE', '127.0.0.1', $to->port, '', 0, 10000,
                               'AUTH', 'secret', 'KEYS', @$keys);
    }
}

sub end_move {
    my ($self, $partition, $to) = @_;
    my $slot = $self->slot($partition);

    $self->move_keys($partition, $to);
    $_->command('CLUSTER', 'SETSLOT', $slot, 'NODE', id($to))
        for $to, $self->{from};
}

1;
