# What lies between a client and Redis, and is not always well.
#
#   my $proxy = proxy(to => $redis->port);
#   nginx(redis => $proxy, ...);
#   $proxy->mode('delay 0.1');  # from now on, for every connection
#
# Modes:
#   ''          all bytes go through
#   delay S     replies come so many seconds late
#   cut N       each connection ends in the middle of its reply, after N bytes
#   drop        connections are closed, new ones too
#   hold        nothing goes through
#   mute        commands go through, their replies never arrive: when the mode
#               changes, the connections are closed
#   half        no more replies, and an end of file instead; commands go through
#
# It runs in a process of its own.

package RumTest::Proxy;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX qw(_exit);
use Time::HiRes qw(time);

my $number = 0;

sub new {
    my ($class, %o) = @_;
    my $self = bless { %o, port => RumTest::free_port(), pairs => {},
                       mode_file => RumTest::tmp('proxy' . $number++) },
                     $class;
    my $listen;

    RumTest::spew($self->{mode_file}, '');
    $listen = IO::Socket::INET->new(LocalAddr => $self->address,
                                    Listen => 64, ReuseAddr => 1)
        or die "proxy: $!";

    defined($self->{pid} = fork) or die "fork: $!";

    if ($self->{pid} == 0) {
        $SIG{TERM} = $SIG{INT} = 'DEFAULT';
        eval { $self->serve($listen) };
        print STDERR "proxy: $@";
        _exit(1);
    }

    RumTest::watch($self->{pid});
    return $self;
}

sub port    { return $_[0]{port} }
sub address { return "127.0.0.1:$_[0]{port}" }
sub stop    { return RumTest::stop(delete $_[0]{pid}, 'TERM') }

sub mode {
    my ($self, $mode) = @_;

    RumTest::spew("$self->{mode_file}.new", $mode);
    rename "$self->{mode_file}.new", $self->{mode_file};
}


# ------------------------------------------------------ in its own process

sub serve {
    my ($self, $listen) = @_;
    my ($mode, $argument) = ('', 0);

    for ( ;; ) {
        my $read = '';
        my $text = RumTest::slurp($self->{mode_file});

        if ($text ne ($self->{text} // '')) {
            $self->changed($mode);
            ($mode, $argument) = (split(/ /, $text), '', 0);
            $self->{text} = $text;
        }

        vec($read, fileno $listen, 1) = 1;

        if ($mode ne 'hold') {
            for my $pair (values %{ $self->{pairs} }) {
                vec($read, fileno $pair->{$_}, 1) = 1 for qw(client redis);
            }
        }

        select $read, undef, undef, 0.01;
        $self->accept($listen, $mode) if vec $read, fileno $listen, 1;

        for my $pair (values %{ $self->{pairs} }) {
            $self->turn($pair, $read, $mode, $argument);
        }
    }
}

# what the old mode leaves behind
sub changed {
    my ($self, $mode) = @_;

    return unless $mode =~ /^(?:mute|half|cut)$/;
    $self->close($_) for values %{ $self->{pairs} };
}

sub accept {
    my ($self, $listen, $mode) = @_;
    my $client = $listen->accept or return;
    my $redis;

    return if $mode eq 'drop';

    $redis = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{to}")
        or return;
    $self->{pairs}{$client} = { client => $client, redis => $redis,
                                replies => [], seen => 0 };
}

sub turn {
    my ($self, $pair, $read, $mode, $argument) = @_;
    my ($data, $end);

    if ($mode eq 'drop') {
        return $self->close($pair);
    }

    if ($mode eq 'half' && !$pair->{half}++) {
        shutdown $pair->{client}, 1;
    }

    if (vec $read, fileno $pair->{client}, 1) {
        sysread($pair->{client}, $data, 65536)
            && $self->write($pair->{redis}, $data)
            or return $self->close($pair);
    }

    if (vec $read, fileno $pair->{redis}, 1) {
        sysread($pair->{redis}, $data, 65536) or $end = 1;
        push @{ $pair->{replies} }, [ time, $data ];
    }

    if ($mode eq 'mute' || $mode eq 'half') {
        $pair->{replies} = [];
    }

    while (@{ $pair->{replies} } && ($mode ne 'delay'
           || $pair->{replies}[0][0] + $argument < time))
    {
        $data = (shift @{ $pair->{replies} })->[1];

        if ($mode eq 'cut' && ($pair->{seen} += length $data) > $argument) {
            $data = substr $data, 0, length($data) - 1
                                     - ($pair->{seen} - $argument)
                                       % length $data;
            $end = 1;
        }

        $self->write($pair->{client}, $data) or $end = 1;
    }

    $self->close($pair) if $end;
}

sub write {
    my ($self, $socket, $data) = @_;
    my ($n, $at) = (0, 0);

    while ($at < length $data) {
        $n = syswrite $socket, $data, length($data) - $at, $at or return;
        $at += $n;
    }

    return 1;
}

sub close {
    my ($self, $pair) = @_;

    delete $self->{pairs}{$pair->{client}};
    CORE::close($pair->{$_}) for qw(client redis);
}

1;
