# The agent: what goes wrong in a page is sent as it was.

use strict;
use warnings;

use RumAgent;

agent_test('errors');
