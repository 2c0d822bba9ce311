# see dashboard/test/size.test.mjs

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

plan(skip_all => 'the dashboard is not sanitized') if sanitized();

chdir built('dashboard-npm') or die built('dashboard-npm') . ": $!";

exec 'node', '--test', '--test-reporter=tap', 'test/size.test.mjs'
    or die "node: $!";
