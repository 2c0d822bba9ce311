# see dashboard/test/use.test.mjs

use strict;
use warnings;

use lib 't/lib';
use RumDashboard;

dashboard_test('use');
