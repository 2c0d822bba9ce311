# see agent/test/vitals.test.mjs

use strict;
use warnings;

use RumAgent;

agent_test('vitals');
