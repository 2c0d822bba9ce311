# The agent: what it sends, the module takes, and cuts nothing off.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

plan(skip_all => 'the agent is not sanitized') if sanitized();

my $redis = redis();
my $agent = built('agent');
my $root  = tmp('pages');

mkdir $root or die "$root: $!";

spew("$root/$_", <<'HTML') for qw(index.html second);
<!doctype html><html><head>
<script async src="/agent/rum.js" data-beacon="/rum"></script>
<link rel="icon" href="data:,"><title>a page</title></head>
<body><h1>a page</h1><button class="buy">buy</button></body></html>
HTML

my $nginx = nginx(redis => $redis, server => <<"SERVER");
    location /rum { rum_beacon shop; }
    location /status { rum_status; }
    location /agent/ { alias $agent/; types { text/javascript js; } }
    location / { root $root; index index.html; default_type text/html; }
SERVER

$ENV{RUM_SITE} = 'http://127.0.0.1:' . $nginx->{port};

chdir built('agent-npm') or die $!;
is(system('node test/visit.mjs > ' . tmp('visit.out') . ' 2>&1'), 0,
   'a browser has visited the pages') or diag(slurp(tmp('visit.out')));

my @events;
my $beacons = sub {
    @events = map { $_->{e} } $redis->events(0, 100);
    return grep { $_->{page} eq '/second' } @events;
};

ok(wait_for($beacons), 'the last page has arrived');

my ($first, @more) = grep { $_->{page} eq '/' } @events;

is($first->{site}, 'shop', 'site');
is($first->{dims}{nav}, 'navigate', 'nav');
is($first->{dims}{network}, '4g', 'network');
like($first->{dims}{viewport}, qr/^(?:xs|sm|md|lg|xl)$/, 'viewport');
like($first->{dims}{cores}, qr/^\d+$/, 'cores');
ok(exists $first->{metrics}{$_}, $_) for qw(lcp fcp cls ttfb load);

my %errors = map { $_->{type} => $_ } map { @{ $_->{errors} || [] } } @events;

is($errors{fetch}{message}, 'GET 404', 'a failed request');
ok($errors{TypeError}, 'an error');
is(scalar(grep { $_->{message} =~ /^number/ }
          map { @{ $_->{errors} || [] } } @events), 40, 'all other errors');

my ($event, $typed) = map { @{ $_->{events} || [] } } @events;

is($event->{name}, 'checkout', 'a conversion');
is($typed->{value}, 7.5, 'a value that was a text');
is((grep { ($_->{metrics}{typed} // 0) == 8.5 } @events), 1, 'a metric, too');
is((grep { $_->{message} eq 'typed' }
    map { @{ $_->{errors} || [] } } @events), 1, 'a line that was a text');
is((grep { ($_->{dims}{ab} // '') eq 'B' } @events) > 0, 1, 'a tag');

my $results = $nginx->json('/status')->{module};

note(json($results->{beacons} // $results));
is(json($results->{cut} // {}) =~ /[1-9]/, '', 'nothing was cut off')
    or diag(json($results));

finish();
