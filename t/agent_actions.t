# The agent: clicks, rage and dead clicks, scrolling.

use strict;
use warnings;

use RumAgent;

agent_test('actions');
