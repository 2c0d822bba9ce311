# see t/browser/vitals.test.mjs

use strict;
use warnings;

use RumBrowser;

browser_test('vitals');
