# The real rum-aggregator.
#
#   my $agg = aggregator(redis => $redis, conf => 'flush = "100ms"');
#   $agg->kill; $agg->start; $agg->stop; $agg->hup; $agg->log
#   $agg->once                  # a run with --once; its exit code
#
# start => 0 only writes the configuration.

package RumTest::Aggregator;

use strict;
use warnings;

my $number = 0;

sub new {
    my ($class, %o) = @_;
    my $self = bless { conf => 'flush = 100ms', %o }, $class;

    $self->{dir} = RumTest::tmp('aggregator' . $number++);
    mkdir $self->{dir} or die "$self->{dir}: $!";
    $self->write_conf;
    $self->start unless defined $o{start} && !$o{start};

    return $self;
}

sub pid    { return $_[0]{pid} }
sub log    { return RumTest::slurp("$_[0]{dir}/aggregator.log") }
sub file   { return "$_[0]{dir}/aggregator.conf" }
sub binary { return $ENV{RUM_AGGREGATOR} || RumTest::built('rum-aggregator') }

sub write_conf {
    my ($self, %o) = @_;

    %$self = (%$self, %o);
    RumTest::spew($self->file, join "\n",
        $self->{redis} ? 'redis = "' . $self->{redis}->address . '"' : (),
        $self->{redis} && defined $self->{redis}{password}
            ? "password = \"$self->{redis}{password}\"" : (),
        $self->{conf}, '');
}

sub start {
    my ($self) = @_;

    $self->{pid} = RumTest::spawn("$self->{dir}/aggregator.log", binary(),
                                  '-c', $self->file);
}

# runs to its end with these arguments: (exit code, output)
sub run {
    my ($self, @args) = @_;
    my ($out, $status);

    $out = "$self->{dir}/run.log";
    unlink $out;
    $status = RumTest::reap(RumTest::spawn($out, binary(), @args), 120);

    return (defined $status ? $status >> 8 || $status & 127 : -1,
            RumTest::slurp($out));
}

sub once { return ($_[0]->run('-c', $_[0]->file, '--once'))[0] }

sub alive { return RumTest::alive($_[0]{pid}) }
sub hup   { CORE::kill 'HUP', $_[0]{pid} }
sub kill  { return RumTest::stop(delete $_[0]{pid}, 'KILL') }

# SIGTERM: it flushes and leaves; the wait status
sub stop { return RumTest::stop(delete $_[0]{pid}, 'TERM') }

sub restart { $_[0]->stop; $_[0]->start }

1;
