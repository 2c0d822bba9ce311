# The agent: rum(...) and its types.

use strict;
use warnings;

use RumAgent;

agent_test('api');
