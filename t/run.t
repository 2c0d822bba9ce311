# `make run` (tools/run) brings it all up, feeds it, answers, and leaves
# nothing behind; `make replay` says how each beacon was answered.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

plan skip_all => 'starts what is built, not what is sanitized' if sanitized();

my $port = free_port();
my $out = tmp('run.out');
my $build = tmp('build');
my ($pid, $status, %others);

# a build folder of its own, so that a running `make run` is left alone
mkdir $build;
symlink built($_), "$build/$_"
    for qw(ngx_http_rum_module.so rum-aggregator agent dashboard geoip);

$pid = RumTest::spawn($out, top() . '/tools/run', '--build', $build,
                      '--port', $port, '--rate', 200);

ok(wait_for(sub { slurp($out) =~ /^\d+ beacons, [1-9]\d* views/m }, 60),
   'the line of each second counts views') or diag(slurp($out));
like(slurp($out), qr{http://127\.0\.0\.1:$port/rum/status$}m,
     'it says where the status is');
like(slurp($out), qr{http://127\.0\.0\.1:$port/rum/dashboard/$}m,
     'and the dashboard');
like(http($port, 'GET', '/rum/dashboard/')->{body},
     qr{<script src="dashboard\.js\?v=\w+"}, 'which is there');

for my $page (qw(/ /c/mugs /p/3 /cart /checkout /app/gifts /lab /none)) {
    my $r = http($port, 'GET', $page);

    like($r->{body}, qr{<head><script\ async\ src="/rum/agent\.js\?v=\w+"
                        \ data-beacon="/rum/beacon"></script>.*</html>}sx,
         "the shop: $page");
    like($r->{headers}{'server-timing'}, qr/upstream;dur=/,
         'and what the server knows of it');
}

is(join(' ', grep { slurp($_) =~ /agent\.js/ }
             split /\n/, `find @{[ top() ]}/demo -type f`), '',
   'no page has the tag of its own');

for my $file (qw(/assets/shop.js /assets/shop.css /slow/hero.svg
                 /rum/agent.js /rum/rum.js.map))
{
    is(http($port, 'GET', $file)->{status}, 200, $file);
}

is(http($port, 'GET', '/api/reviews')->{status}, 500, 'what fails, fails');

my $answer = http($port, 'GET', '/rum/status?site=demo&metric=lcp&by=country');
is($answer->{status}, 200, 'status answers');

SKIP: {
    skip 'no GeoIP database was built', 1
        unless -f "$build/geoip/country-asn.mmdb";
    ok(wait_for(sub {
        http($port, 'GET', '/rum/status?site=demo&metric=lcp&by=country')
            ->{body} =~ /"value":"DE"/ }), 'visitors come from countries');
}

my $replay = tmp('replay.out');
is(RumTest::reap(RumTest::spawn($replay, top() . '/tools/replay', '--url',
       "http://127.0.0.1:$port/rum/beacon", top() . '/tools/sample.jsonl'),
       60), 0, 'replay');
like(slurp($replay), qr/^41 requests in .*\n +41  204\n\z/,
     'every beacon of the sample is taken') or diag(slurp($replay));

%others = map { $_ => 1 } split ' ', slurp("/proc/$pid/task/$pid/children");
is(keys %others, 4, 'Redis, nginx, the aggregator and the replay run');

kill 'INT', $pid;
$status = RumTest::reap($pid, 60);
is($status, 0, 'Ctrl-C ends it');
is_deeply([ grep { kill 0, $_ } keys %others ], [],
          'and all that it has started');
unlike(slurp("$build/run/nginx.log"), qr/\[(?:alert|emerg|crit)\]/,
       'nginx had nothing to complain about');

finish();
