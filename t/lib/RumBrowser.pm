# The whole chain in a real browser: the demo shop (demo/) behind nginx with
# rum_inject, rum_server_timing and rum_agent, Redis, the aggregator, and a
# test of t/browser that visits it with Chromium and looks at what has
# arrived.
#
#   use RumBrowser;
#
#   browser_test('vitals');         # t/browser/vitals.test.mjs
#
# Options: conf, of the aggregator; location, text for the location of the beacons; http, for the http
# block; cheap => 1, it runs under sanitizers too (nginx and the aggregator
# have them, the browser has not).
#
# The test learns from its environment where things are; t/browser/lib.mjs.

package RumBrowser;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

use RumNode;
use RumTest;

our @EXPORT = qw(browser_test);

sub browser_test {
    my ($name, %o) = @_;
    my ($redis, $agg, $nginx, $app, $port, $node_port);

    plan(skip_all => 'a browser is too slow for sanitized programs; '
                     . 'browser_details.t and browser_privacy.t are run')
        if sanitized() && !$o{cheap};

    $redis = redis();
    $agg = aggregator(redis => $redis, defined $o{conf} ? (conf => $o{conf}) : ());
    $port = free_port();
    $node_port = free_port();

    # the paths in demo/ are below the folder that nginx is started for
    ($app = slurp(top() . '/demo/app.conf')) =~ s{demo/www}{top()
                                                            . '/demo/www'}ge;

    $nginx = nginx(redis => $redis, http => <<"HTTP", server => <<"SERVER");
    types {
        text/html html;
        text/css css;
        text/javascript js;
        text/plain txt;
        image/svg+xml svg;
        application/json json;
    }

    log_format beacons '\$request_method \$request_uri \$rum_result '
                       '"\$http_sec_gpc" "\$http_dnt"';
    map \$rum_result \$rum_logged {
        privacy 0;
        default 1;
    }

    proxy_cache_path @{[ tmp('cache') ]} keys_zone=shop:1m;

    upstream shop_app {
        server 127.0.0.1:$port;
    }

    server {
        listen 127.0.0.1:$port;
        $app
    }

    @{[ $o{http} // '' ]}
HTTP
    rum_inject on @{[ $o{inject} // '' ]};
    rum_server_timing on;

    @{[ front() ]}

    location = /rum/agent.js {
        rum_agent @{[ built('agent/rum.js') ]};
    }

    location = /rum/beacon {
        rum_beacon demo;
        access_log @{[ tmp('beacons.log') ]} beacons if=\$rum_logged;
        @{[ $o{location} // '' ]}
    }

    location = /rum/status {
        rum_status;
    }

    # an application that is part of the test
    location /node/ {
        proxy_pass http://127.0.0.1:$node_port;
        proxy_set_header Accept-Encoding "";
        proxy_set_header traceparent \$rum_traceparent;
    }

    # pages of the tests, which get the agent by injection too; an empty one
    # under as many names as a test needs
    location /test/ {
        root @{[ top() ]}/t/browser/www;
        try_files \$uri.html /test/empty.html =404;
    }
SERVER

    node_tests(top() . "/t/browser/$name.test.mjs",
        seconds => $ENV{RUM_VISITS} ? 1500 : 400,
        env => { RUM_URL => $nginx->url,
                 RUM_NODE_PORT => $node_port,
                 RUM_REDIS_PORT => $redis->port,
                 RUM_NPM => built('agent-npm'),
                 RUM_TAIL => join("\n", $agg->binary, 'tail', '-c', $agg->file),
                 RUM_BEACON_LOG => tmp('beacons.log'),
                 RUM_ERROR_LOG => $nginx->dir . '/error.log' });
    finish();
}

sub front {
    my $front = slurp(top() . '/demo/front.conf');
    my $top = top();

    $front =~ s{demo/www}{$top/demo/www}g;
    return $front;
}

1;
