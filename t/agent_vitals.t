# The agent: Web Vitals are those of the library.

use strict;
use warnings;

use RumAgent;

agent_test('vitals');
