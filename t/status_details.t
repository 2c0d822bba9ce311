# Details in the status location: errors with their sample, hosts, paths,
# actions, custom events, attribution, speed; only what a detail has is in its
# rows, and the rollups of other dimensions are as ever.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumRollup;
use RumTest;

my $redis = redis();
my $nginx = nginx(redis => $redis, redis_options => 'partitions=2',
                  server => 'location /status { rum_status; }');
my $rollup = RumRollup->new($redis, partitions => 2);
my $base = time - time % 3600 - 7200;
my $hour = sprintf 'site=shop&from=%d&to=%d', $base, $base + 3600;

sub counted { $rollup->counter('shop', @_[0 .. 2], $base + 60, $_[3]) }

my ($often, $rare) = ('00c0ffee00c0ffee', 'feedfacefeedface');

counted('error', $often, 'errors', 40) for 1 .. 2;
counted('error', $often, 'views', 3);
counted('error', $rare, 'errors', 7);
counted('error', $rare, 'views', 7);
counted('error', '(other)', 'errors', 1);
counted('error,page', "$often,/a", 'errors', 30);
counted('error,page', "$often,/b", 'errors', 50);
counted('error,page', "$rare,/b", 'errors', 7);
counted('host', 'cdn.example', 'requests', 500);
counted('host', 'cdn.example', 'bytes', 9_000_000_000);
counted('host', 'api.example', 'requests', 900);
counted('from,page', '/,/p/:id', 'views', 12);
counted('from,page', '/x%2Cy,/p/:id', 'views', 5);
counted('action', 'rage_click', 'actions', 6);
counted('action,target', 'rage_click,button.buy', 'actions', 6);
counted('event', 'checkout', 'events', 4);
counted('speed', 'good', 'visits', 40);
counted('speed', 'good', 'conversions', 10);
counted('speed', 'poor', 'visits', 5);
counted('all', '*', 'views', 99);
counted('page', '/a', 'views', 99);
$rollup->metric('shop', 'host', 'cdn.example', 'duration', $base + 60,
                120, 88, 340);
$rollup->metric('shop', 'event', 'checkout', 'value', $base + 60,
                10, 20, 59.9);
$rollup->metric('shop', 'lcp_target', 'img.hero', 'lcp', $base + 60,
                1000, 3000);

# the partitions take turns
counted('host,type', "cdn.example,$_", 'requests', 250) for 'img', 'font';
counted('host,type', 'api.example,fetch', 'requests', 900);

for my $slowest (['cdn.example,img', 60, 340, 'https://cdn.example/h.avif'],
                 ['cdn.example,img', 120, 1830.25, 'https://cdn.example/"z"'],
                 ['cdn.example,img', 180, 1830.25, 'https://cdn.example/z'],
                 ['cdn.example,img', 4000, 9999, 'https://cdn.example/later'],
                 ['cdn.example,font', 60, 12, '/f.woff2'])
{
    my ($value, $after, @slowest) = @$slowest;

    $rollup->slowest('shop', 'host,type', $value, $base + $after, @slowest);
}

$rollup->write;
$redis->command('HSET', "rum:{0}:1h:$base:shop:host,type:slowest",
                'api.example,fetch', "\x92\x05\x06");

my %sample = (type => 'TypeError', message => "x is <b>\"undefined\"</b> \xf0\x9f\x98\x80",
              source => '/app.js', line => 3, col => 14,
              stack => "at f (/app.js:3:14)\nat g", page => '/a',
              browser => 'Firefox');

# the newer one is of partition 1, the first time of partition 0
$redis->command('HSET', "rum:{0}:error:shop:$often", %sample,
                message => 'older', first_seen => 1795310000123,
                last_seen => 1795310001123);
$redis->command('HSET', "rum:{1}:error:shop:$often", %sample, stack => '',
                first_seen => 1795310000999, last_seen => 1795310009123);

sub groups {
    my ($question, $of) = @_;
    my $answer = $nginx->json("/status?$hour&$question");

    return ($of ? $answer->{metrics}{$of} : $answer->{counters})->{groups};
}

my $errors = groups('by=error');

is_deeply([ map { "$_->{value} $_->{errors} $_->{views}" } @$errors ],
          [ "$often 80 3", "$rare 7 7", '(other) 1 0' ],
          'errors, most often first');
ok(!grep({ exists $_->{beacons} || exists $_->{sessions} } @$errors),
   'with no counter that they do not have');

my $error = $errors->[0]{error};

is_deeply($error, { type => 'TypeError', message => "x is <b>\"undefined\"</b> \x{1f600}",
                    source => '/app.js', line => 3, col => 14, stack => undef,
                    page => '/a', browser => 'Firefox',
                    first_seen => 1795310000123, last_seen => 1795310009123 },
          'the sample seen last, and when it was seen first');
ok(!exists $errors->[1]{error}, 'none where there is none');

is_deeply([ map { [ @$_{qw(value errors)} ] }
            @{ groups("by=page&where=error:$often") } ],
          [ ['/b', 50], ['/a', 30] ], 'pages of an error');
is_deeply([ map { [ @$_{qw(value errors)} ] }
            @{ groups('by=error&where=page:/b') } ],
          [ [$often, 50], [$rare, 7] ], 'errors of a page');
ok(groups('by=error&where=page:/b')->[0]{error}, 'with their samples');
is(groups("by=error&where=error:$often")->[0]{error}{line}, 3,
   'one error alone');
is(groups("where=error:$often")->[0]{errors}, 80, 'and as a whole');

is_deeply([ map { [ @$_{qw(value requests bytes)} ] } @{ groups('by=host') } ],
          [ ['api.example', 900, 0], ['cdn.example', 500, 9_000_000_000] ],
          'hosts by requests');
is_deeply([ map { $_->{value} } @{ groups('by=host&sort=-bytes') } ],
          ['cdn.example', 'api.example'], 'or by bytes');
is(groups('by=host', 'duration')->[0]{max}, 340, 'how long they took');

my %slowest = map { $_->{value} => $_->{slowest} }
              @{ groups('by=host,type') };

is_deeply(\%slowest, {
    'cdn.example,img' => { url => 'https://cdn.example/"z"',
                           duration => 1830.25 },
    'cdn.example,font' => { url => '/f.woff2', duration => 12 },
    'api.example,fetch' => undef }, 'slowest resources of the span');
is($nginx->json("/status?$hour&by=host,type")->{unreadable}, 1,
   'what is none is counted');
is_deeply([ map { [ @$_{qw(value slowest)} ] }
            @{ groups('by=type&where=host:cdn.example&metric=slowest') } ],
          [ [ 'font', $slowest{'cdn.example,font'} ],
            [ 'img', $slowest{'cdn.example,img'} ] ], 'of a host, alone');
is_deeply([ sort keys %{ groups('by=host,type&metric=requests')->[0] } ],
          [ 'requests', 'value' ], 'only if it is asked for');
ok(!exists groups('by=host')->[0]{slowest}, 'hosts have none');
is_deeply(groups('by=host,type&compare=1h&sort=value')->[1]{compare},
          { requests => 0, bytes => 0, third_party_requests => 0 },
          'nor has the span before');
is(groups('where=host:cdn.example&where=type:img')->[0]{slowest}{url},
   'https://cdn.example/"z"', 'of one host and type');

my @csv = split /\r\n/,
    $nginx->get("/status?$hour&by=host,type&q=50&format=csv")->{body};

is($csv[0], 'site,metric,value,count,sum,min,max,mean,p50,good,'
            . 'needs_improvement,poor,url', 'CSV has a column of URLs');
is_deeply([ grep { /,slowest,/ } @csv ],
          [ 'shop,slowest,"cdn.example,font",,,,12,,,,,,/f.woff2',
            'shop,slowest,"cdn.example,img",,,,1830.25,,,,,,'
            . '"https://cdn.example/""z"""' ], 'and rows with them');
is_deeply([ grep { (my $row = $_) =~ s/"(?:[^"]|"")*"//g;
                   ($row =~ tr/,//) != 12 } @csv ], [],
          'all as long as the header');

is_deeply([ map { [ @$_{qw(value views)} ] }
            @{ groups('by=from&where=page:/p/:id') } ],
          [ ['/', 12], ['/x,y', 5] ], 'where visitors come from');
is_deeply([ map { $_->{value} } @{ groups('by=from,page') } ],
          ['/,/p/:id', '/x%2Cy,/p/:id'], 'paths');

is_deeply(groups('by=action'), [ { value => 'rage_click', actions => 6 } ],
          'actions');
is_deeply(groups('by=target&where=action:rage_click'),
          [ { value => 'button.buy', actions => 6 } ], 'their targets');
is_deeply(groups('by=event'), [ { value => 'checkout', events => 4 } ],
          'custom events');
is(groups('by=event', 'value')->[0]{sum}, 89.9, 'their value');
is(groups('by=lcp_target', 'lcp')->[0]{value}, 'img.hero', 'attribution');
ok(!$nginx->json("/status?$hour&by=lcp_target")->{counters},
   'which has no counters');

is_deeply([ map { [ @$_{qw(value visits conversions conversion_rate)} ] }
            @{ groups('by=speed') } ],
          [ ['good', 40, 10, 0.25], ['poor', 5, 0, 0] ],
          'conversions by speed');

is_deeply([ sort keys %{ groups('by=page')->[0] } ],
          [ sort qw(value beacons views errors entrances bounces
                    bounce_rate) ], 'pages are as ever');

my $series = groups('by=error&step=20m&metric=errors');

is_deeply($series->[0]{series}{errors}, [80, 0, 0], 'an error over time');

# known details that nobody has sent yet

for my $question ('by=lcp_url', 'by=cls_target&metric=cls', 'by=event,page',
                  'by=page&where=event:checkout',
                  "by=browser&where=error:$often")
{
    my $answer = $nginx->json("/status?$hour&$question");
    my @rows = map { @{ $_->{groups} } } $answer->{counters} // (),
                   values %{ $answer->{metrics} };

    is("$answer->{site} @rows", 'shop ', "$question: no rows");
}

for my $case (['format=prometheus&by=error', 'by'],
              ['by=no_detail', 'by'],
              ['by=host&where=page:/a', 'where'])
{
    my ($args, $parameter) = @$case;
    my $r = $nginx->get("/status?$args");

    is($r->{status}, 400, "$args: refused");
    is(json_decode($r->{body})->{parameter}, $parameter, 'which names it');
}



# the same from beacons, by way of the aggregator

my $live = redis();
my $agg = aggregator(redis => $live);
my $site = nginx(redis => $live, server => <<'CONF');
        location /rum { rum_beacon shop; }
        location /status { rum_status; }
CONF

for my $n (1 .. 3) {
    $site->beacon('/rum', {
        view => "v$n", session => "s$n", n => 1, seq => 0,
        page => 'https://shop.example/cart', from => '/list',
        errors => [ { type => 'TypeError', message => "item $n is gone",
                      source => '/app.js', line => 3, col => 14,
                      stack => 'at f' } ],
        resources => [ { host => 'cdn.example', type => 'img', count => 4,
                         duration => [120, 88], bytes => 1000 },
                       { host => 'img.shop.example:8443', count => 5 },
                       { host => 'shop.example', count => 6 } ],
        actions => [ { type => 'click', target => 'button.buy', t => 10 } ],
        metrics => { lcp => 1200, inp => 100 * $n },
        attribution => { lcp => { target => 'img.hero' },
                         inp => { target => $n == 3 ? '#q' : 'button.buy',
                                  url => '/app.js',
                                  type => $n == 1 ? 'pointer' : 'keyboard' }
                       } });
}

my $row = wait_for(sub {
    my $answer = $site->json('/status?site=shop&by=error');
    my $groups = $answer && $answer->{counters}{groups};

    $groups && @$groups && $groups->[0]{errors} == 3 && $groups->[0];
});

ok($row, 'three errors that differ in a number are one group');
is($row->{views}, 3, 'in three views');
is($row->{error}{type}, 'TypeError', 'with a sample');
like($row->{error}{message}, qr/^item \d is gone$/, 'its message');
is($row->{error}{page}, '/cart', 'its page');

for my $case (["by=page&where=error:$row->{value}", '/cart errors 3'],
              ['by=host&sort=value', 'cdn.example requests 12'],
              ['by=type&where=host:cdn.example', 'img bytes 3000'],
              ['by=from&where=page:/cart', '/list views 3'],
              ['by=target&where=action:click', 'button.buy actions 3'])
{
    my ($question, $expected) = @$case;
    my ($value, $counter, $n) = split / /, $expected;
    my $group = $site->json("/status?site=shop&$question")
                     ->{counters}{groups}[0];

    is("$group->{value} $group->{$counter}", "$value $n", $question);
}

is_deeply([ map { [ @$_{qw(value requests third_party_requests)} ] }
            @{ $site->json('/status?site=shop&by=host')
                    ->{counters}{groups} } ],
          [ ['shop.example', 18, 0], ['img.shop.example:8443', 15, 0],
            ['cdn.example', 12, 12] ], 'third parties are told');

# by the Referer, where the page is a path only; or not at all

for my $referer ('https://www.shop.example/list', undef) {
    is($site->request('POST', '/rum',
                      headers => [ $referer ? "Referer: $referer" : () ],
                      body => beacon_json({ page => '/p/1', resources => [
                          { host => 'cdn.example' },
                          { host => 'shop.example' } ] }))->{status},
       204, 'a page without its host');
}

ok(wait_for(sub {
    my %row = map { $_->{value} => "$_->{requests}/$_->{third_party_requests}" }
              @{ $site->json('/status?site=shop&by=host')
                      ->{counters}{groups} };

    $row{'cdn.example'} eq '14/13' && $row{'shop.example'} eq '20/0';
}), 'is known by the request, or no third party is');

is($site->json('/status?site=shop&by=lcp_target')->{metrics}{lcp}{groups}[0]
   {count}, 3, 'what the LCP was');

for my $case (['by=inp_url', '/app.js 3 600'],
              ['by=inp_type', 'keyboard 2 500', 'pointer 1 100'],
              ['by=inp_target,inp_type', '#q,keyboard 1 300',
               'button.buy,keyboard 1 200', 'button.buy,pointer 1 100'],
              ['by=inp_type&where=inp_target:button.buy', 'keyboard 1 200',
               'pointer 1 100'],
              ['by=inp_target&where=inp_type:keyboard', '#q 1 300',
               'button.buy 1 200'])
{
    my ($question, @expected) = @$case;
    my $groups = $site->json("/status?site=shop&$question")
                      ->{metrics}{inp}{groups};

    is_deeply([ map { "$_->{value} $_->{count} $_->{sum}" } @$groups ],
              \@expected, $question);
}

finish();
