# A real redis-server, and a client that speaks RESP by itself.
#
#   my $redis = redis(aof => 1, password => 'x', unix => 1, args => [...]);
#   $redis->address            # as rum_redis and the aggregator take it
#   $redis->command('XLEN', 'rum:{0}:events')
#   $redis->events             # entries of the event stream, decoded
#   $redis->restart; $redis->kill; $redis->start; $redis->pause; $redis->resume
#
# Replies: integers and strings as scalars, nil as undef, arrays as array
# references.  An error reply dies with its text.

package RumTest::Redis;

use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::UNIX;

use RumMsgpack;

my $number = 0;

sub new {
    my ($class, %o) = @_;
    my $self = bless { %o }, $class;

    $self->{dir} = RumTest::tmp('redis' . $number++);
    mkdir $self->{dir} or die "$self->{dir}: $!";
    $self->{port} = $o{unix} ? 0 : RumTest::free_port();
    $self->{socket_path} = "$self->{dir}/redis.sock";
    $self->start;

    return $self;
}

sub port { return $_[0]{port} }
sub pid  { return $_[0]{pid} }

sub address {
    my ($self) = @_;

    return $self->{unix} ? "unix:$self->{socket_path}"
                         : "127.0.0.1:$self->{port}";
}

sub start {
    my ($self) = @_;
    my @args;

    @args = ('--port', $self->{port}, '--bind', '127.0.0.1',
             '--dir', $self->{dir}, '--save', '',
             '--unixsocket', $self->{socket_path});
    push @args, '--appendonly', 'yes', '--appendfsync', 'always'
        if $self->{aof};
    push @args, '--requirepass', $self->{password}
        if defined $self->{password};
    push @args, @{ $self->{args} || [] };

    $self->{pid} = RumTest::spawn("$self->{dir}/redis.log", 'redis-server',
                                  @args);
    RumTest::wait_for(sub { eval { $self->command('PING') eq 'PONG' } })
        or die "redis-server does not start:\n"
               . RumTest::slurp("$self->{dir}/redis.log");
}

# an orderly stop; with an append-only file nothing is forgotten
sub stop {
    my ($self) = @_;

    $self->hang_up;
    RumTest::stop(delete $self->{pid}, 'TERM');
}

sub kill {
    my ($self) = @_;

    $self->hang_up;
    RumTest::stop(delete $self->{pid}, 'KILL');
}

sub restart { $_[0]->stop; $_[0]->start }

# accepts connections, answers nothing
sub pause  { CORE::kill 'STOP', $_[0]{pid} }
sub resume { CORE::kill 'CONT', $_[0]{pid} }

sub hang_up { delete $_[0]{client} }

sub command {
    my ($self, @args) = @_;
    my $reply = $self->try(@args);

    if (ref $reply eq 'RumTest::Redis::Error') {
        die "redis: $$reply\n";
    }

    return $reply;
}

# As command(), with an error reply as an object: a reference to its text.
sub try {
    my ($self, @args) = @_;
    my $reply;

    $reply = eval {
        $self->connect unless $self->{client};
        $self->write(@args);
        $self->read;
    };

    if ($@) {
        my $error = $@;
        $self->hang_up;
        die $error;
    }

    return $reply;
}

# The entries of a partition's event stream, oldest first, or the last so many:
# { entry => '1-0', id => 'writer-1', writer =>, sequence =>, e => {...} }
sub events {
    my ($self, $partition, $last) = @_;
    my (@entries, @events);

    $partition ||= 0;
    @entries = @{ $self->command('XREVRANGE', "rum:{$partition}:events",
                                 '+', '-', $last ? ('COUNT', $last) : ()) };

    for my $entry (reverse @entries) {
        my %fields = @{ $entry->[1] };
        my ($writer, $sequence) = $fields{id} =~ /^(.*)-(\d+)$/;

        push @events, { entry => $entry->[0], id => $fields{id},
                        writer => $writer, sequence => $sequence,
                        e => RumMsgpack::unpack($fields{e}) };
    }

    return @events;
}

sub connect {
    my ($self) = @_;
    my $reply;

    $self->{client} = IO::Socket::UNIX->new(Peer => $self->{socket_path})
        or die "connect $self->{socket_path}: $!\n";

    if (defined $self->{password}) {
        $self->write('AUTH', $self->{password});
        $reply = $self->read;
        die "AUTH: $$reply\n" if ref $reply;
    }
}

sub write {
    my ($self, @args) = @_;

    print { $self->{client} } '*' . @args . "\r\n",
        map { my $bytes = "$_"; utf8::encode($bytes) if utf8::is_utf8($bytes);
              '$' . length($bytes) . "\r\n$bytes\r\n" } @args
        or die "write: $!\n";
    $self->{client}->flush;
}

sub read {
    my ($self) = @_;
    my ($line, $type, $data);

    local $/ = "\r\n";
    $line = readline $self->{client};
    die "connection closed\n" unless defined $line;
    chomp $line;
    $type = substr $line, 0, 1, '';

    return $line if $type eq '+' || $type eq ':';
    return bless \$line, 'RumTest::Redis::Error' if $type eq '-';

    if ($type eq '$') {
        return undef if $line < 0;
        CORE::read($self->{client}, $data, $line + 2) == $line + 2
            or die "reply is cut\n";
        return substr $data, 0, $line;
    }

    if ($type eq '*') {
        return undef if $line < 0;
        return [ map { $self->read } 1 .. $line ];
    }

    die "not RESP: $type$line\n";
}

1;
