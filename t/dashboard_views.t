# see dashboard/test/views.test.mjs

use strict;
use warnings;

use lib 't/lib';
use RumDashboard;

dashboard_test('views');
