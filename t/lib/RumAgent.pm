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

use RumNode;
use RumTest;

our @EXPORT = qw(agent_test);

sub agent_test {
    my ($name) = @_;

    # nothing here is made by the C compiler
    plan(skip_all => 'the agent is not sanitized') if sanitized();

    node_tests("test/$name.test.mjs", cwd => built('agent-npm'));
    finish();
}

1;
