# The agent: who does not want to be measured is not.

use strict;
use warnings;

use RumAgent;

agent_test('privacy');
