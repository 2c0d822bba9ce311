# The ground all Perl tests stand on: real nginx, Redis and aggregator on free
# ports of 127.0.0.1 in a temporary folder, an HTTP client, a scripted fake
# Redis.  Core modules only.  A test reads:
#
#   use RumTest;
#
#   my $redis = redis();
#   my $agg   = aggregator(redis => $redis);
#   my $nginx = nginx(redis => $redis, server => <<'CONF');
#       location /rum { rum_beacon shop; }
#       location /status { rum_status; }
#   CONF
#
#   is($nginx->beacon('/rum', { metrics => { lcp => 1200 } })->{status}, 204);
#   ok(wait_for(sub { $nginx->json('/status')->{...} }), 'it is counted');
#   finish();
#
# finish() stops everything, fails the test for [alert], [emerg] and sanitizer
# reports in the logs, and ends the plan.  Whatever happens, what was started
# is stopped, each by its process id.
#
# Environment (all optional): RUM_BUILD, RUM_NGINX, RUM_MODULE,
# RUM_AGGREGATOR: what to test; RUM_SANITIZED: it is built with sanitizers;
# RUM_VALGRIND: it runs under valgrind (tools/valgrind), which hides the titles
# of processes; RUM_KEEP: leave the temporary folder and say where it is.

package RumTest;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path ();
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX qw(WNOHANG _exit);
use Test::More;
use Time::HiRes qw(time sleep);

use RumTest::Http;
use RumTest::Redis;
use RumTest::FakeRedis;
use RumTest::Proxy;
use RumTest::Nginx;
use RumTest::Aggregator;

our @EXPORT = qw(
    redis fake_redis proxy aggregator nginx http wait_for finish allow_log
    free_port tmp slurp spew sanitized built top json json_decode beacon_json
);

my $top   = abs_path(dirname(__FILE__) . '/../..');
my $build = $ENV{RUM_BUILD} || 'build';
my $tmp   = tempdir('rum-t-XXXXXX', TMPDIR => 1);
my $owner = $$;

my (@running, %ended, %lock, @allowed, $finished, $json);


# ------------------------------------------------------------ small things

sub top       { return $top }
sub tmp       { return @_ ? "$tmp/$_[0]" : $tmp }
sub sanitized { return $ENV{RUM_SANITIZED} }

# an absolute path below the build folder
sub built {
    my ($name) = @_;

    return $build =~ m{^/} ? "$build/$name" : "$top/$build/$name";
}

sub slurp {
    my ($path) = @_;

    open my $fh, '<:raw', $path or return '';
    local $/;
    return scalar <$fh> // '';
}

sub spew {
    my ($path, $data) = @_;

    open my $fh, '>:raw', $path or die "$path: $!";
    print $fh $data;
    close $fh or die "$path: $!";
}

# data to JSON and back; keys in order, so that two texts can be compared
sub json {
    $json ||= JSON::PP->new->utf8->canonical->allow_nonref;
    return $json->encode($_[0]);
}

sub json_decode {
    $json ||= JSON::PP->new->utf8->canonical->allow_nonref;
    return $json->decode($_[0]);
}

# Asks again until the sub returns something true, and returns that; a false
# value after so many seconds (more under sanitizers).
sub wait_for {
    my ($sub, $seconds) = @_;
    my ($end, $value);

    $end = time + ($seconds || 15) * (sanitized() ? 3 : 1);

    for ( ;; ) {
        $value = $sub->();
        return $value if $value || time > $end;
        sleep 0.02;
    }
}

# A port nobody listens on.  It is below the range the kernel takes ports for
# outgoing connections from, and the lock (a name in the abstract namespace,
# gone with this process) keeps parallel tests apart.
sub free_port {
    for (1 .. 2000) {
        my $port = 10000 + int rand 20000;

        next if $lock{$port};
        my $mine = IO::Socket::UNIX->new(Local => "\0rum-test-port-$port",
                                         Listen => 1) or next;
        IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 1,
                              ReuseAddr => 1) or next;

        $lock{$port} = $mine;
        return $port;
    }

    die 'no free port';
}

# one native beacon as JSON; what is given is put over the defaults
my $views = 0;

sub beacon_json {
    my ($over) = @_;

    $views++;
    return json({ v => 1, view => "v$$-$views", session => "s$$-$views",
                  n => 1, seq => 0, page => 'https://shop.example/',
                  metrics => { lcp => 1000 }, %{ $over || {} } });
}


# ------------------------------------------------------------- processes

# Starts a program with both outputs in a file; returns its process id.
sub spawn {
    my ($out, @command) = @_;
    my $pid;

    defined($pid = fork) or die "fork: $!";

    if ($pid == 0) {
        # every module has its own ngx_modules: no violation of the one
        # definition rule
        my %san = (ASAN => 'detect_leaks=1:detect_odr_violation=0',
                   UBSAN => 'print_stacktrace=1:halt_on_error=1',
                   LSAN => "suppressions=$top/t/lib/lsan.supp"
                           . ':print_suppressions=0');

        for my $name (keys %san) {
            $ENV{"${name}_OPTIONS"} = join ':', $san{$name},
                $name eq 'LSAN' ? () : "log_path=$tmp/san-report",
                $ENV{"${name}_OPTIONS"} || ();
        }

        $ENV{RUM_REPORT} = "$tmp/san-report";

        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $out or _exit(127);
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or _exit(127);
    }

    push @running, $pid;
    return $pid;
}

# Has stop() and the end of the test take care of a process of one's own.
sub watch { push @running, $_[0] }

# The wait status of a process that has ended, else undef.
sub ended {
    my ($pid) = @_;

    if (!defined $ended{$pid} && waitpid($pid, WNOHANG) == $pid) {
        $ended{$pid} = $?;
        @running = grep { $_ != $pid } @running;
    }

    return $ended{$pid};
}

sub alive { return $_[0] && !defined ended($_[0]) }

# Waits for the end of a process; its wait status, or undef after so long.
sub reap {
    my ($pid, $seconds) = @_;
    my $end = time + $seconds;

    until (defined ended($pid)) {
        return undef if time > $end;
        sleep 0.01;
    }

    return ended($pid);
}

# Sends the signal and waits; after so many seconds it is killed and counts
# as failed.  Returns the wait status.
sub stop {
    my ($pid, $signal, $seconds) = @_;
    my $status;

    return 0 unless $pid;
    return ended($pid) unless alive($pid);

    kill $signal, $pid;
    $status = reap($pid, $seconds || (sanitized() ? 60 : 20));
    return $status if defined $status;

    kill 'CONT', $pid;
    kill 'KILL', $pid;
    reap($pid, 10);
    fail("process $pid did not end on SIG$signal");
    return -1;
}


# --------------------------------------------------------------- servers

my @servers;

sub started {
    my ($server) = @_;

    push @servers, $server;
    return $server;
}

sub redis      { return started(RumTest::Redis->new(@_)) }
sub fake_redis { return started(RumTest::FakeRedis->new(@_)) }
sub proxy      { return started(RumTest::Proxy->new(@_)) }
sub aggregator { return started(RumTest::Aggregator->new(@_)) }
sub nginx      { return started(RumTest::Nginx->new(@_)) }

# http($port, METHOD, TARGET, headers => [...], body => ...); RumTest::Http
sub http {
    my ($port, @request) = @_;

    return RumTest::Http->new($port)->request(@request);
}


# --------------------------------------------------------------- the end

# Lines of a log that match are expected by this test.
sub allow_log { push @allowed, @_ }

sub log_faults {
    my @faults;

    for my $log (glob "$tmp/*.log $tmp/*/*.log $tmp/san-report*") {
        my $all = $log =~ /san-report/;

        for my $line (split /\n/, slurp($log)) {
            next unless $all || $line =~ /\[(?:alert|emerg)\]
                |Sanitizer|runtime\ error:|ASSERTION\ FAILED/x;
            next if grep { $line =~ $_ } @allowed;
            push @faults, "$log: $line";
        }
    }

    return @faults;
}

sub stop_all {
    for my $server (reverse @servers) {
        $server->stop;
    }
    @servers = ();
}

sub finish {
    my @faults;

    stop_all();
    @faults = log_faults();
    ok(!@faults, 'no alert and no sanitizer report in the logs')
        or diag(join "\n", @faults[0 .. ($#faults > 60 ? 60 : $#faults)]);

    $finished = 1;
    done_testing();
}

# where Debian has nginx, for users who are not root
$ENV{PATH} .= ':/usr/sbin';

$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 130 };
$SIG{PIPE} = 'IGNORE';

END {
    my $status = $?;

    if ($$ == $owner) {
        for my $pid (reverse @running) {
            kill 'CONT', $pid;
            kill 'KILL', $pid;
            waitpid($pid, 0);
        }

        if (@servers && !$finished) {
            diag('the test ended before finish()');
            diag(join "\n", log_faults());
            $status ||= 1;
        }

        if ($ENV{RUM_KEEP}) {
            diag("left in $tmp");
        } else {
            File::Path::remove_tree($tmp);
        }
    }

    $? = $status;
}

1;
