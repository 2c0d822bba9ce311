# see t/browser/views.test.mjs

use strict;
use warnings;

use RumBrowser;

browser_test('views');
