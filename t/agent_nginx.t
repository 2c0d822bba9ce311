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
my ($first, $last, %value);

# split, and in whatever order: what is compressed leaves later
my $arrived = sub {
    @events = map { $_->{e} } $redis->events(0, 100);
    ($last)  = grep { $_->{page} eq '/second' } @events;
    ($first) = grep { exists $_->{metrics}{lcp} && $_->{page} eq '/' } @events;
    %value = map { $_->{name} => $_->{value} }
             map { @{ $_->{events} || [] } } @events;

    return $last && $first && %value == 2 && of_type('Error') >= 40;
};

sub of_type {
    my ($type) = @_;

    return grep { $_->{type} eq $type }
           map { @{ $_->{errors} || [] } } @events;
}

ok(wait_for($arrived), 'all has arrived');

is($first->{site}, 'shop', 'site');
is($first->{dims}{nav}, 'navigate', 'nav');
is($first->{dims}{network}, '4g', 'network');
like($first->{dims}{viewport}, qr/^(?:xs|sm|md|lg|xl)$/, 'viewport');
like($first->{dims}{cores}, qr/^\d+$/, 'cores');
ok(exists $first->{metrics}{$_}, $_) for qw(lcp fcp cls ttfb load);

my ($failed) = of_type('fetch');

is($failed->{message}, 'GET 404', 'a failed request');
is(scalar of_type('TypeError'), 1, 'an error');
is(scalar(grep { $_->{message} =~ /^number/ } of_type('Error')), 40,
   'all other errors');
is(scalar(grep { $_->{message} eq 'typed' } of_type('Error')), 1,
   'a line that was a text');

is(sprintf('%.1f', $value{checkout}), '59.9', 'a conversion');
is($value{typed}, 7.5, 'a value that was a text');
is((grep { ($_->{metrics}{typed} // 0) == 8.5 } @events), 1, 'a metric, too');
is((grep { ($_->{dims}{ab} // '') eq 'B' } @events) > 0, 1, 'a tag');

my $results = $nginx->json('/status')->{module};

note(json($results->{beacons} // $results));
is(json($results->{cut} // {}) =~ /[1-9]/, '', 'nothing was cut off')
    or diag(json($results));

finish();
