# The agent: phases of the navigation, Server-Timing, reasons of no restore.

use strict;
use warnings;

use RumAgent;

agent_test('navigation');
