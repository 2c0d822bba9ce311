# see t/browser/privacy.test.mjs

use strict;
use warnings;

use RumBrowser;

browser_test('privacy', cheap => 1);
