# "use poll" and "use select" tell of the same thing until it is done with:
# whoever leaves an event where it is has a worker that never rests.  Debian's
# nginx has neither of them, that of `make asan` has.

use strict;
use warnings;

use lib 't/lib';
use POSIX qw(sysconf _SC_CLK_TCK);
use Test::More;
use Time::HiRes qw(time);
use RumTest;

my $built = qx(@{[ RumTest::Nginx::binary() ]} -V 2>&1);
my @methods = grep { $built =~ /--with-${_}_module/ } qw(poll select);

plan(skip_all => 'this nginx has neither poll nor select') unless @methods;

my $fake = fake_redis(sub {
    my ($conn, $mode, @command) = @_;

    return $conn->hold(@command) if $mode eq 'hold'
                                    && uc $command[0] eq 'XADD';
    return $conn->ok(@command);
});
my %conf = (redis => $fake, redis_options => 'ring=1m password=p',
            server => <<'SERVER');
    location /rum { rum_beacon shop; }
    location /stored { rum_beacon shop; rum_ack stored; }
    location /status { rum_status; }
SERVER

sub figures { return $_[0]->figures || {} }

# seconds of processor time that it has taken
sub used {
    my ($pid) = @_;
    my ($rest) = slurp("/proc/$pid/stat") =~ /.*\) (.*)/;
    my @fields = split / /, $rest // '';

    return @fields > 12 ? ($fields[11] + $fields[12]) / sysconf(_SC_CLK_TCK)
                        : 0;
}

# the share of a processor that the worker takes while nobody asks it anything
sub idle {
    my ($nginx) = @_;
    my ($worker) = $nginx->workers;
    my ($from, $begun) = (used($worker), time);

    wait_for(sub { time > $begun + 2 });

    return (used($worker) - $from) / (time - $begun);
}

my $big = { errors => [ map { { message => "m$_", stack => 'x' x 2000 } }
                        1 .. 20 ] };
my $dir = tmp('spool');

mkdir $dir;

my $nginx = nginx(%conf, http => "rum_spool $dir;");

for my $method (@methods) {
    my ($taken, $written);

    $nginx->write_conf(events => "use $method;");
    $nginx->restart;

    ok(wait_for(sub { (figures($nginx)->{redis}{links} // 0) == 1 }),
       "$method: a link");
    cmp_ok(idle($nginx), '<', 0.2, "$method: rests when it has come about");

    # more than the socket takes

    kill 'STOP', $fake->pid;
    $taken = grep { $nginx->beacon('/rum', $big)->{status} == 204 } 1 .. 60;
    kill 'CONT', $fake->pid;
    ok(wait_for(sub { my $f = figures($nginx);
                      $f->{events}{stored} >= $taken
                      && $f->{ring}{events} == 0 }),
       "$method: $taken large events arrive");
    cmp_ok(idle($nginx), '<', 0.2, "$method: rests when they are there");

    $fake->stop;
    $written = figures($nginx)->{spool}{written};
    is($nginx->beacon('/stored')->{status}, 204, "$method: no Redis");
    is(figures($nginx)->{spool}{written}, $written + 1, "$method: the spool");
    $fake->start;
    ok(wait_for(sub { my @left = glob "$dir/*.spool"; !@left }),
       "$method: replays it");
}

finish();
