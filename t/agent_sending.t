# The agent: how beacons leave, and what is not lost.

use strict;
use warnings;

use RumAgent;

agent_test('sending');
