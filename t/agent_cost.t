# The agent: its tasks are small.

use strict;
use warnings;

use RumAgent;

agent_test('cost');
