# A scripted Redis that does what a real one will not do on demand.
#
#   my $fake = fake_redis(sub {
#       my ($conn, $mode, @command) = @_;
#       return "-LOADING\r\n" if $mode eq 'loading';    # bytes to answer
#       return undef if $mode eq 'stall';               # no answer, ever
#       return $conn->hold(@command) if $mode eq 'slow';
#       return $conn->hang_up if $mode eq 'close';
#       return $conn->ok(@command);                     # as Redis would
#   });
#   $fake->mode('loading');     # from now on, for every connection
#   $fake->commands;            # [[connection, command, args...], ...] so far
#   $fake->commands('XADD');    # of these only
#   $fake->reads('XADD');       # how many of them came whole in each read
#
# It runs in a process of its own; the sub sees nothing the test changes later
# but the mode, which begins as ''.  Answers that are held are sent when the
# mode changes.

package RumTest::FakeRedis;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use POSIX qw(_exit);

my $number = 0;

sub new {
    my ($class, $handler) = @_;
    my ($self, $listen, $pid);

    $self = bless { port => RumTest::free_port(), handler => $handler,
                    log => RumTest::tmp('fake' . $number . '.jsonl'),
                    mode_file => RumTest::tmp('fake' . $number++ . '.mode') },
                  $class;
    RumTest::spew($self->{$_}, '') for qw(log mode_file);
    $self->start;

    return $self;
}

sub port    { return $_[0]{port} }
sub pid     { return $_[0]{pid} }
sub address { return "127.0.0.1:$_[0]{port}" }

sub mode {
    my ($self, $mode) = @_;

    RumTest::spew("$self->{mode_file}.new", $mode);
    rename "$self->{mode_file}.new", $self->{mode_file};
}

sub commands {
    my ($self, $name) = @_;
    my @all;

    @all = map { my ($read, @command) = @$_; [ @command ] } $self->logged;
    @all = grep { uc $_->[1] eq $name } @all if defined $name;
    return \@all;
}

sub reads {
    my ($self, $name) = @_;
    my (%count, @order);

    for my $line ($self->logged) {
        my ($read, $n, $command) = @$line;

        next if defined $name && uc $command ne $name;
        push @order, $read unless $count{$read}++;
    }

    return [ map { $count{$_} } @order ];
}

# [number of the read, connection, command, args...]; a line that is being
# written is not there yet
sub logged {
    my ($self) = @_;

    return map { [ map { pack 'H*', $_ } split / /, $_, -1 ] }
           RumTest::slurp($self->{log}) =~ /^(.*)\n/mg;
}

sub start {
    my ($self) = @_;
    my $listen;

    # the parent opens it: it is there as soon as start() returns
    $listen = IO::Socket::INET->new(LocalAddr => $self->address,
                                    Listen => 64, ReuseAddr => 1)
        or die "fake redis: $!";

    defined($self->{pid} = fork) or die "fork: $!";

    if ($self->{pid} == 0) {
        $SIG{TERM} = $SIG{INT} = 'DEFAULT';
        eval { $self->serve($listen) };
        print STDERR "fake redis: $@";
        _exit(1);
    }

    RumTest::watch($self->{pid});
}

sub stop {
    my ($self) = @_;

    RumTest::stop(delete $self->{pid}, 'TERM');
}

sub serve {
    my ($self, $listen) = @_;
    my ($select, %conns, $n);

    $select = IO::Select->new($listen);

    for ( ;; ) {
        my @ready = $select->can_read(0.02);

        my $mode = RumTest::slurp($self->{mode_file});

        $_->release($mode) for values %conns;

        for my $socket (@ready) {

            if ($socket == $listen) {
                my $new = $listen->accept or next;
                $new->autoflush(1);
                $select->add($new);
                $conns{$new} = bless { socket => $new, in => '', n => ++$n },
                               'RumTest::FakeRedis::Conn';
                next;
            }

            my $conn = $conns{$socket};
            $self->{read}++;

            if (!sysread($socket, $conn->{in}, 65536, length $conn->{in})) {
                $conn->{closed} = 1;
            }

            while (!$conn->{closed} && (my @command = $conn->next_command)) {
                $self->answer($conn, @command);
            }

            if ($conn->{closed}) {
                $select->remove($socket);
                delete $conns{$socket};
                close $socket;
            }
        }
    }
}

sub answer {
    my ($self, $conn, @command) = @_;
    my $bytes;

    $conn->{mode} = RumTest::slurp($self->{mode_file});

    open my $log, '>>', $self->{log} or die "$self->{log}: $!";
    print $log join(' ', map { unpack 'H*', $_ } $self->{read},
                                       $conn->{n}, @command), "\n";
    close $log;

    $bytes = $self->{handler}->($conn, $conn->{mode}, @command);
    $conn->write($bytes) if defined $bytes && !ref $bytes;
}


package RumTest::FakeRedis::Conn;

# the connection's number, from 1
sub n { return $_[0]{n} }

sub write {
    my ($self, $bytes) = @_;

    print { $self->{socket} } $bytes;
    return undef;
}

sub hang_up {
    my ($self) = @_;

    $self->{closed} = 1;
    return undef;
}

# answers as ok() when the mode changes, in order
sub hold {
    my ($self, @command) = @_;

    $self->{held} .= $self->ok(@command);
    $self->{held_in} = $self->{mode};
    return undef;
}

# in another mode than that they were held in, which may have come and gone
# while other commands were answered
sub release {
    my ($self, $mode) = @_;

    $self->write(delete $self->{held})
        if defined $self->{held} && $self->{held_in} ne $mode;
}

# what Redis would say to commands whose answer has no news in it
sub ok {
    my ($self, $name) = @_;

    $name = uc $name;

    if ($name eq 'XADD') {
        my $id = '1-' . ++$self->{ids};
        return '$' . length($id) . "\r\n$id\r\n";
    }

    # the status location finds nothing
    return "*0\r\n" if $name =~ /^(?:SMEMBERS|HGETALL|XINFO)$/;

    return "+PONG\r\n" if $name eq 'PING';
    return "+OK\r\n";
}

# takes one whole command out of the input
sub next_command {
    my ($self) = @_;
    my ($count, $at, @args);

    $self->{in} =~ /^\*(\d+)\r\n/ or return;
    $count = $1;
    $at = $+[0];

    while (@args < $count) {
        pos($self->{in}) = $at;
        $self->{in} =~ /\G\$(\d+)\r\n/ or return;
        $at = $+[0] + $1 + 2;
        return if length $self->{in} < $at;
        push @args, substr $self->{in}, $+[0], $1;
    }

    substr($self->{in}, 0, $at) = '';
    return @args;
}

1;
