# The agent: what visitors download stays small.

use strict;
use warnings;

use RumAgent;

agent_test('size');
