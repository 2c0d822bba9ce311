# Runs a file of node:test, each of its tests as one of ours.  What node says
# of a failure, with all that is nested in it, is shown by diag(), for prove
# would swallow it; so is what a test has to tell (t.diagnostic).
#
#   use RumNode;
#
#   node_tests("t/browser/vitals.test.mjs");
#   node_tests('test/use.test.mjs', cwd => built('dashboard-npm'),
#              env => { RUM_URL => ... }, seconds => 300);
#
# A browser may hang, and then node waits for ever: after so many seconds (400,
# or three times as many where the servers are sanitized) node is told to end,
# and then it and all it has started are killed.  The caller ends the plan.

package RumNode;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use Time::HiRes qw(time);

use RumTest;

our @EXPORT = qw(node_tests);

# with which node ends its report
my $summary = qr/^[#]\ (?:tests|suites|pass|fail|cancelled|skipped|todo
                    |duration_ms)\ [\d.]+$/x;

sub node_tests {
    my ($file, %o) = @_;
    my $seconds = ($o{seconds} || 400) * (sanitized() ? 3 : 1);
    my $out = tmp('node.tap');
    my ($pid, $tap, $status);

    spew($out, '');
    open $tap, '<', $out or die "$out: $!";

    {
        local %ENV = (%ENV, %{ $o{env} || {} });

        $pid = RumTest::spawn($out, 'sh', '-c',
            'cd "$1" && exec node --test-reporter=tap "$2"', 'sh',
            $o{cwd} || '.', $file);
    }

    $status = follow($pid, $tap, time + $seconds);
    is($status, 0, "node has ended well, within $seconds s");
}

# reports as it reads; returns the wait status, or that the time was over
sub follow {
    my ($pid, $tap, $end) = @_;
    my $report = { tests => 0, failed => 0, inner => [] };
    my ($line, $status, $late) = ('');

    for ( ;; ) {
        $status = RumTest::ended($pid);
        seek $tap, 0, 1;                # there may be more than there was

        while (defined(my $part = <$tap>)) {
            $line .= $part;
            next if $line !~ /\n\z/;
            take($report, $line);
            $line = '';
        }

        last if defined $status;

        if (!$late && time > $end) {
            $late = 1;
            end($pid);
            next;
        }

        select undef, undef, undef, 0.05;
    }

    take($report, "$line\n") if length $line;
    ok($report->{tests}, 'there are tests in it');

    return $late ? 'late' : $status;
}

sub end {
    my ($pid) = @_;
    my @family = family($pid);

    diag('node takes too long and is ended');
    kill 'TERM', $pid;
    RumTest::reap($pid, 10);
    kill 'KILL', @family;
    RumTest::reap($pid, 10);
}

# the process and all that descend from it
sub family {
    my ($pid) = @_;
    my (%children, @all);

    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $f, '<', $stat or next;
        my ($child, $parent) = (<$f> // '') =~ /^(\d+) .*\) \S (\d+)/s or next;

        push @{ $children{$parent} }, $child;
    }

    for (my @todo = ($pid); @todo; ) {
        push @all, my $one = shift @todo;
        push @todo, @{ $children{$one} || [] };
    }

    return @all;
}

sub take {
    my ($report, $line) = @_;

    chomp $line;

    if ($line =~ /^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO)\b\s*(.*))?$/) {
        my ($failed, $name, $skipped, $why) = ($1, $2, $3, $4);

        $report->{tests}++;
        $report->{failed} = $failed && !$skipped;

        if ($skipped) {
            SKIP: { skip("$name: $why", 1) }
        } else {
            ok(!$failed, $name =~ s/\\([#\\])/$1/gr)
                or diag(@{ $report->{inner} });
        }

    } elsif ($line =~ /^# Subtest: /) {
        @$report{qw(failed inner)} = (0, []);

    } elsif ($line =~ /^# (.*)/) {
        diag($1) if $line !~ $summary;

    } elsif ($line =~ /^(?:TAP version|1\.\.)\d*/) {
        return;

    } elsif ($line !~ /^ /) {
        # not of the report: what a program wrote to stderr
        diag($line) if length $line;

    } elsif ($report->{failed}) {
        diag($line);

    } else {
        # tests in a test come before it
        push @{ $report->{inner} }, "$line\n";
    }
}

1;
