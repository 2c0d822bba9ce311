# The agent: one view is one view, however it begins and ends.

use strict;
use warnings;

use RumAgent;

agent_test('views');
