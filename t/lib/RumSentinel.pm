# Sentinels, real and scripted, and what both programs take as an address.
#
#   my $sentinel = RumSentinel->new(master => $redis->port, quorum => 1);
#   nginx(redis => RumSentinel::address($sentinel, $another), ...);
#   $sentinel->command('SENTINEL', 'FAILOVER', 'rum');
#   $sentinel->master;          # the port of who it says is the master
#
#   my $fake = RumSentinel::fake();
#   $fake->mode('7001');        # says that the master has this port
#   $fake->mode('7001 7002');   # who connects first; who does after that
#
# The master's name is "rum".  Options of new: master (a port), quorum,
# down (ms after which a server counts as down), timeout (ms of a failover; the
# next begins after twice that), conf (more lines).

package RumSentinel;

use strict;
use warnings;

use RumTest ();

our @ISA = ('RumTest::Redis');

my $number = 0;

sub new {
    my ($class, %o) = @_;
    my $self = bless { quorum => 1, down => 1000, timeout => 3000,
                       conf => '', %o }, $class;

    $self->{dir} = RumTest::tmp('sentinel' . $number++);
    mkdir $self->{dir} or die "$self->{dir}: $!";
    $self->{port} = RumTest::free_port();
    $self->{socket_path} = "$self->{dir}/sentinel.sock";
    RumTest::spew("$self->{dir}/sentinel.conf", <<"END");
port $self->{port}
bind 127.0.0.1
dir $self->{dir}
unixsocket $self->{socket_path}
sentinel monitor rum 127.0.0.1 $self->{master} $self->{quorum}
sentinel down-after-milliseconds rum $self->{down}
sentinel failover-timeout rum $self->{timeout}
sentinel parallel-syncs rum 1
$self->{conf}
END

    $self->start;
    return $self;
}

sub start {
    my ($self) = @_;

    $self->{pid} = RumTest::spawn("$self->{dir}/sentinel.log", 'redis-server',
                                  "$self->{dir}/sentinel.conf", '--sentinel');
    RumTest::wait_for(sub { eval { $self->command('PING') eq 'PONG' } })
        or die "no sentinel:\n" . RumTest::slurp("$self->{dir}/sentinel.log");
}

# it knows so many replicas, and other sentinels
sub knows {
    my ($self, $replicas, $sentinels) = @_;
    my $info = eval { $self->command('INFO', 'sentinel') } // '';

    return $info =~ /slaves=$replicas,sentinels=@{[ $sentinels + 1 ]}/;
}

sub master {
    my ($self) = @_;

    return $self->command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'rum')->[1];
}

sub address {
    my $list = join ' ', map { ref $_ ? '127.0.0.1:' . $_->port : $_ } @_;

    return bless { list => $list }, 'RumSentinel::Address';
}

sub fake {
    return RumTest::fake_redis(sub {
        my ($conn, $mode, @command) = @_;
        my @ports = split ' ', $mode;
        my $port;

        return $conn->ok(@command) if uc $command[0] ne 'SENTINEL';
        $port = $ports[$conn->n - 1] // $ports[-1] // return "*-1\r\n";

        return "*2\r\n\$9\r\n127.0.0.1\r\n"
               . '$' . length($port) . "\r\n$port\r\n";
    });
}


package RumSentinel::Address;

sub address { return "sentinel:rum $_[0]{list}" }

1;
