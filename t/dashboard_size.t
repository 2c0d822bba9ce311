# see dashboard/test/size.test.mjs

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumNode;
use RumTest;

plan(skip_all => 'the dashboard is not sanitized') if sanitized();

node_tests('test/size.test.mjs', cwd => built('dashboard-npm'));
finish();
