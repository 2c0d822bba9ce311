# Runs a test of the dashboard: node:test in a real Chromium, in the copy of
# dashboard/ where `make` has put what npm installed, against a real nginx,
# Redis and aggregator with visitors of two hours and of just now.
#
#   use RumDashboard;
#
#   dashboard_test('views');        # dashboard/test/views.test.mjs
#
# It is told by environment variables: RUM_URL, the dashboard; RUM_BEACON, where
# beacons of the site "today" may be sent, which has no others; RUM_FROM and
# RUM_TO, a span that holds everything; RUM_HOSTILE, a page's name that would do
# harm as HTML; RUM_REDIS_PORT, RUM_NGINX_PID; RUM_SCREENSHOTS.

package RumDashboard;

use strict;
use warnings;

use Exporter qw(import);
use File::Path qw(make_path);
use Test::More;

use RumMmdb;
use RumNode;
use RumRollup;
use RumTest;

our @EXPORT = qw(dashboard_test);

my $HOSTILE = qq{/<img src=x onerror=alert(1)>"'&amp;\xf0\x9f\x98\x80,/};
my $VIEWS = 150;

my %of = (page => ['/', '/p/:id', '/c/mugs', '/cart', '/checkout', $HOSTILE],
          country => [qw(DE FR GB US PL BR JP), '(unknown)'],
          device => [qw(mobile desktop tablet)],
          browser => [qw(Chrome Safari Firefox Edge)],
          os => [qw(Android Windows iOS macOS)],
          network => [qw(4g 3g slow-2g)],
          plan => [qw(free gold constructor)]);

my @agents = (
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, '
    . 'like Gecko) Chrome/126.0.0.0 Safari/537.36',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) '
    . 'AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 '
    . 'Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 '
    . 'Firefox/127.0');

sub dashboard_test {
    my ($name) = @_;

    # nothing here is made by the C compiler
    plan(skip_all => 'the dashboard is not sanitized') if sanitized();

    my ($redis, $nginx, $minute);

    srand 7;
    $redis = redis();
    $minute = int(time / 60) * 60;
    history(RumRollup->new($redis), $minute);

    aggregator(redis => $redis);
    $nginx = nginx(redis => $redis, server => server(), http => http_block());
    visitors($nginx);

    make_path(built('screenshots'));
    node_tests("test/$name.test.mjs", cwd => built('dashboard-npm'),
        env => { RUM_URL => $nginx->url('/any/where/dashboard/'),
                 RUM_BEACON => $nginx->url('/today'),
                 RUM_HOSTILE => $HOSTILE,
                 RUM_REDIS_PORT => $redis->port, RUM_NGINX_PID => $nginx->pid,
                 RUM_FROM => $minute - 7200, RUM_TO => $minute + 120,
                 RUM_SCREENSHOTS => built('screenshots') });
    finish();
}

# with what docs/dashboard.md has, under another prefix
sub server {
    my $dashboard = built('dashboard');

    return <<"END";
        types {
            text/html html;
            text/css css;
            text/javascript js;
            application/json json;
            image/svg+xml svg;
        }
        location /rum { rum_beacon shop; }
        location /today { rum_beacon today; }
        location = /any/where/status { rum_status; }
        location /any/where/dashboard/ {
            alias $dashboard/;
            add_header Content-Security-Policy "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        }
        location /elsewhere/ {
            alias $dashboard/;
            sub_filter 'content="../status"' 'content="/any/where/status"';
        }
END
}

sub http_block {
    my $mmdb = tmp('country.mmdb');

    mmdb_write($mmdb, 'Country-ASN');
    return <<"END";
    rum_geoip $mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
END
}

sub lognormal {
    my ($median, $sigma) = @_;

    return $median * exp($sigma * sqrt(-2 * log(1 - rand))
                         * cos(6.283185307 * rand));
}

# more of the first ones
sub one_of { return $_[int @_ * rand() ** 1.8] }

sub vitals {
    my ($slow) = @_;
    my $ttfb = lognormal(220, 0.7) * $slow;
    my $fcp = $ttfb + lognormal(500, 0.5);

    return (ttfb => $ttfb, fcp => $fcp, lcp => $fcp + lognormal(900, 0.7),
            inp => lognormal(90, 0.8), cls => lognormal(0.05, 1));
}

# two hours, up to two minutes ago; the second one is slower
sub history {
    my ($rollup, $minute) = @_;

    for my $ago (2 .. 120) {
        my $time = $minute - 60 * $ago;

        for (1 .. 5 + 4 * sin($ago / 20)) {
            my %is = (map({ $_ => one_of(@{ $of{$_} }) } keys %of), all => '*');
            my %vitals = vitals($ago < 60 ? 1.4 : 1);

            (my $page = $is{page}) =~ s/,/%2C/g;
            $is{"page,$_"} = "$page,$is{$_}" for qw(device country);

            for my $dimension (keys %is) {
                my @at = ('shop', $dimension, $is{$dimension});

                $rollup->metric(@at, $_, $time,
                    sprintf($_ eq 'cls' ? '%.4f' : '%.1f', $vitals{$_}) + 0)
                    for keys %vitals;
                $rollup->counter(@at, $_, $time, 1)
                    for qw(beacons views entrances);
                $rollup->counter(@at, 'bounces', $time, rand() < 0.3);
                $rollup->counter(@at, 'errors', $time, rand() < 0.05);
            }
        }
    }

    $rollup->write;
}

# through the module and the aggregator, with all that a beacon can list
sub visitors {
    my ($nginx) = @_;
    my $sent = 0;

    for my $view (1 .. $VIEWS) {
        $sent += $nginx->request('POST', '/rum', body => beacon($view),
            headers => [ 'User-Agent: ' . $agents[$view % @agents],
                         'X-Forwarded-For: ' . mmdb_address($view % 5, $view) ]
        )->{status} == 204;
    }

    is($sent, $VIEWS, 'visitors come');
    ok(wait_for(sub {
        my $health = $nginx->json('/any/where/status?last=5m')->{aggregator};

        # null: Redis cannot tell
        return ($health->{lag} // -1) == 0
               && ($health->{events} // -1) == $VIEWS;
    }), 'and are counted') or diag($nginx->get('/any/where/status')->{body});
}

sub beacon {
    my ($view) = @_;
    my %vitals = vitals(1);
    my @pages = ('/', '/p/1', '/cart', '/checkout');
    my $n = 1 + $view % 3;
    my $touched = one_of('button.buy', 'input#q');

    $vitals{$_} = sprintf($_ eq 'cls' ? '%.4f' : '%.1f', $vitals{$_}) + 0
        for keys %vitals;

    return beacon_json({
        session => 's' . int($view / 3), n => $n, metrics => \%vitals,
        page => 'https://shop.example' . $pages[$view % @pages],
        from => $n > 1 ? $pages[($view + 1) % @pages]
                       : 'https://search.example/',
        network => '4g',
        tags => { plan => $view % 5 ? 'free' : '<b>"gold"</b>' },
        attribution => {
            lcp => { target => one_of('img.hero', 'h1', 'main>p.lead'),
                     url => 'https://cdn.example/h.avif' },
            inp => { target => $touched,
                     url => 'https://cdn.example/'
                            . one_of('app.js', 'ads.js'),
                     type => $touched eq 'input#q' || $view % 4 == 0
                             ? 'keyboard' : 'pointer' },
            cls => { target => one_of('div.ad', 'img.late') } },
        resources => [
            { host => 'cdn.example', type => 'img', count => 14,
              duration => [120 + $view % 80, 88.5], bytes => 182003,
              url => "https://cdn.example/<b>$view</b>.avif" },
            { host => one_of('img.shop.example', 'fonts.example', 'ads.example'),
              type => 'script', count => 2, duration => [240],
              bytes => 40200 } ],
        actions => [
            { type => 'click', target => 'button.buy', t => 5210 },
            { type => one_of('rage_click', 'dead_click'), target => '#menu',
              t => 5300 } ],
        $view % 4 == 0 ? (events => [ { name => 'checkout',
                                        value => 20 + $view % 50 } ]) : (),
        $view % 3 == 0 ? (errors => [ {
            type => 'TypeError',
            message => $view % 2 ? 'x is undefined'
                : qq{<script>alert("1")</script> & '\x{1f600}'},
            source => 'https://shop.example/app.js', line => 3, col => 14,
            stack => "TypeError: <b>x</b>\n    at f (/app.js:3:14)" } ]) : (),
    });
}

1;
