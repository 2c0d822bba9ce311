# see agent/test/size.test.mjs

use strict;
use warnings;

use RumAgent;

agent_test('size');
