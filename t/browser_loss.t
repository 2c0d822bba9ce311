# see t/browser/loss.test.mjs

use strict;
use warnings;

use RumBrowser;

browser_test('loss');
