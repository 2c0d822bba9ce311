# see t/browser/details.test.mjs

use strict;
use warnings;

use RumBrowser;

browser_test('details', cheap => 1);
