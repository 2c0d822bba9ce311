# Many beacons at once: several keep-alive connections ("lanes") in a process
# of their own, pipelined, and what became of each of them.
#
#   my $load = RumLoad->start($port, $n, sub { RumLoad::post('/rum', $json) },
#                             lanes => 8, depth => 32, rate => 5000);
#   $load->answered;            # how many have an answer so far
#   $load->stop;                # no new ones; waits for the outstanding answers
#   $load->wait;                # until all are sent and answered
#   $load->results;             # by number: 204, 503 ..., 0: no answer
#                               # (the connection ended), undef: never sent
#
# The sub gets a beacon's number and returns the bytes of its request.  lane =>
# sub says which lane a number takes (default: in turn): the beacons of a lane
# are sent in order.  depth: unanswered ones in a lane; rate: a second.
#
# A lane whose connection ends opens another one and goes on with the next
# beacon.  Nothing is sent twice.

package RumLoad;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX qw(_exit);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

my $number = 0;

# the bytes of a POST
sub post {
    my ($target, $body, @headers) = @_;

    return join("\r\n", "POST $target HTTP/1.1", 'Host: localhost', @headers,
                'Content-Length: ' . length $body) . "\r\n\r\n$body";
}

sub start {
    my ($class, $port, $n, $request, %o) = @_;
    my $self = bless { lanes => 8, depth => 32, %o, port => $port, n => $n,
                       request => $request,
                       file => RumTest::tmp('load' . $number++) }, $class;

    RumTest::spew($self->{file}, '');
    defined($self->{pid} = fork) or die "fork: $!";

    if ($self->{pid} == 0) {
        $SIG{TERM} = $SIG{INT} = $SIG{HUP} = 'DEFAULT';
        $SIG{USR1} = sub { $self->{stop} = 1 };
        eval { $self->run; 1 } or do { print STDERR "load: $@"; _exit(1) };
        _exit(0);
    }

    RumTest::watch($self->{pid});
    return $self;
}

# the file has two bytes for each: 0, or 1 + its status
sub results {
    my ($self) = @_;

    return map { $_ ? $_ - 1 : undef }
           unpack "n$self->{n}", RumTest::slurp($self->{file});
}

sub answered { return scalar grep { defined } $_[0]->results }

sub wait {
    my ($self, $seconds) = @_;
    my $status = RumTest::reap($self->{pid}, $seconds || 120);

    if (!defined $status || $status != 0) {
        Test::More::fail('the load ran to its end');
    }

    return $self->results;
}

sub stop {
    my ($self, $seconds) = @_;

    kill 'USR1', $self->{pid};
    return $self->wait($seconds);
}


# ------------------------------------------------------ in its own process

sub run {
    my ($self) = @_;
    my ($begin, $sent, @lanes, $busy);

    @lanes = map { { queue => [], waiting => [], in => '', out => '' } }
             1 .. $self->{lanes};

    for my $i (0 .. $self->{n} - 1) {
        my $lane = $self->{lane} ? $self->{lane}->($i) : $i;
        push @{ $lanes[$lane % @lanes]{queue} }, $i;
    }

    open $self->{results}, '+<:raw', $self->{file} or die $!;
    $self->{done} = '';
    vec($self->{done}, $self->{n}, 16) = 0;
    ($begin, $sent) = (time, 0);

    do {
        my ($read, $write) = ('', '');

        $busy = 0;

        for my $lane (@lanes) {
            my $budget = $self->{rate}
                ? ($self->{rate} * (time - $begin) - $sent) / @lanes : 1e9;

            $sent += $self->fill($lane, $budget);
            next if !$lane->{socket};

            $busy += @{ $lane->{waiting} };
            vec($read, fileno $lane->{socket}, 1) = 1;
            vec($write, fileno $lane->{socket}, 1) = 1
                if length $lane->{out};
        }

        select $read, $write, undef, 0.01;

        for my $lane (grep { $_->{socket} } @lanes) {
            my $fd = fileno $lane->{socket};

            $self->write($lane) if vec $write, $fd, 1;
            $self->read($lane) if vec $read, $fd, 1;
        }

        $self->save;
        $busy += @{ $_->{queue} } for $self->{stop} ? () : @lanes;
    } while ($busy);

    $self->save(1);
}

# takes beacons from the queue into the output; how many
sub fill {
    my ($self, $lane, $budget) = @_;
    my $n = 0;

    return 0 if $self->{stop} || !@{ $lane->{queue} } || $budget <= 0;

    $lane->{socket} ||= $self->connect or return 0;

    while ($n < $budget && @{ $lane->{queue} }
           && @{ $lane->{waiting} } < $self->{depth})
    {
        my $i = shift @{ $lane->{queue} };

        push @{ $lane->{waiting} }, $i;
        $lane->{out} .= $self->{request}->($i);
        $n++;
    }

    return $n;
}

sub connect {
    my ($self) = @_;
    my $socket;

    $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}")
        or return;
    $socket->blocking(0);
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;

    return $socket;
}

sub write {
    my ($self, $lane) = @_;
    my $n = syswrite $lane->{socket}, $lane->{out};

    if ($n) {
        substr($lane->{out}, 0, $n) = '';

    } elsif (!$!{EAGAIN}) {
        $self->hang_up($lane);
    }
}

sub read {
    my ($self, $lane) = @_;
    my $n;

    $lane->{socket} or return;
    $n = sysread $lane->{socket}, $lane->{in}, 65536, length $lane->{in};

    while ($lane->{in} =~ s{^HTTP/1\.1[ ](\d+)[^\r]*\r\n(.*?\r\n)\r\n}{}s) {
        my ($status, $head) = ($1, $2);

        if ($head =~ /^content-length:\s*(\d+)/mi) {

            if (length $lane->{in} < $1) {
                $lane->{in} = "HTTP/1.1 $status \r\n$head\r\n$lane->{in}";
                last;
            }

            substr($lane->{in}, 0, $1) = '';
        }

        $self->result(shift @{ $lane->{waiting} }, $status);
    }

    $self->hang_up($lane) if !$n && !(!defined $n && $!{EAGAIN});
}

# what was sent and not answered has no answer
sub hang_up {
    my ($self, $lane) = @_;

    $self->result($_, 0) for @{ $lane->{waiting} };
    close $lane->{socket};
    @$lane{qw(socket waiting in out)} = (undef, [], '', '');
}

sub result {
    my ($self, $i, $status) = @_;

    vec($self->{done}, $i, 16) = 1 + $status;
}

sub save {
    my ($self, $now) = @_;

    return if !$now && time < ($self->{saved} || 0) + 0.05;
    $self->{saved} = time;
    sysseek $self->{results}, 0, 0;
    syswrite $self->{results}, $self->{done};
}

1;
