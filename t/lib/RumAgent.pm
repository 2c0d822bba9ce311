# Runs a test of the browser agent: node:test in a real Chromium, in the copy
# of agent/ where `make` has put what npm installed.
#
#   use RumAgent;
#
#   agent_test('vitals');           # agent/test/vitals.test.mjs

package RumAgent;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

use RumTest;

our @EXPORT = qw(agent_test);

sub agent_test {
    my ($name) = @_;

    # nothing here is made by the C compiler
    plan(skip_all => 'the agent is not sanitized') if sanitized();

    chdir built('agent-npm') or die built('agent-npm') . ": $!";

    # prove wants TAP only on stdout; node says the rest in comments.  A
    # browser that hangs is a failure, not a test without an end.
    exec 'timeout', '-k', 10, 400, 'node', '--test', '--test-reporter=tap',
         "test/$name.test.mjs" or die "timeout: $!";
}

1;
