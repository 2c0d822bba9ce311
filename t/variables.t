# The variables in logs and maps, the page and the dimensions that they may
# give a beacon, and how these are inherited.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumMmdb;

my $mmdb = tmp('city-asn.mmdb');
mmdb_write($mmdb, 'City-ASN');

my $redis = redis();
my $nginx = nginx(redis => $redis, http => <<"HTTP", server => <<'SERVER');
    rum_geoip $mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;

    log_format rum '\$request_id result=\$rum_result site=\$rum_site '
                   'path=\$rum_path page=\$rum_page country=\$rum_country '
                   'device=\$rum_device browser=\$rum_browser '
                   'version=\$rum_browser_version os=\$rum_os '
                   'region=\$rum_region city=\$rum_city asn=\$rum_asn';

    map \$rum_path \$page_of_path {
        ~^/blog/    "a post";
        /long       @{[ 'x' x 300 ]};
        default     "";
    }

    map \$rum_result \$seen {
        accepted    yes;
        default     "no: \$rum_result";
    }

    rum_dimension everywhere http;
HTTP
    access_log ../access.log rum;
    add_header X-Request-Id $request_id always;
    add_header X-Seen $seen always;

    location /rum { rum_beacon shop; }
    location /status { rum_status; }
    location /page { rum_beacon shop; rum_page $page_of_path; }
    location /page_raw { rum_beacon shop; rum_page $http_x_page; }
    location /site { rum_beacon $http_x_site; }
    location / { return 200 "$rum_result,$rum_page,$rum_country,$rum_city\n"; }

    location /dim {
        rum_beacon shop;
        rum_dimension plan $http_x_plan;
        rum_dimension both "$rum_country/$rum_device";
        rum_dimension country $http_x_country;
    }

    location /region {
        rum_beacon shop;
        rum_dimension region $rum_region;
        rum_dimension city $rum_city;
        rum_dimension asn $rum_asn;
    }

    location /outer {
        rum_beacon outer;
        rum_dimension outer yes;
        rum_page outer;

        location /outer/same { rum_beacon same; }
        location /outer/own { rum_beacon own; rum_dimension own yes; }
    }
SERVER

my $count = 0;

# the entry of the beacon that was just accepted
sub entry {
    my ($r) = @_;

    is($r->{status}, 204, 'accepted') or return {};
    $count++;
    wait_for(sub { $redis->command('XLEN', 'rum:{0}:events') == $count });
    return ($redis->events(0, 1))[0]{e};
}

# the line of the access log, as a hash
sub logged {
    my ($r) = @_;
    my ($id, $line);

    $id = $r->{headers}{'x-request-id'} or return {};
    $line = wait_for(sub { slurp(tmp('access.log')) =~ /^$id (.*)\n/m && $1 });
    return { ($line || '') =~ /(\w+)=(.*?)(?= \w+=|$)/g };
}


# all of them

my $chrome = 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, '
             . 'like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36';

my $r = $nginx->beacon('/rum', { page => 'https://s.example/p/17?q=1#f' },
                       "User-Agent: $chrome", 'X-Real-IP: ' . mmdb_address(2));
my $e = entry($r);

is_deeply(logged($r), {
    result => 'accepted', site => 'shop', path => '/p/17', page => '/p/:id',
    country => 'GB', device => 'mobile', browser => 'Chrome',
    version => '126', os => 'Android', region => 'R2', city => 'City 2',
    asn => '64502' }, 'every variable in the access log');
is($r->{headers}{'x-seen'}, 'yes', 'and in a map');
is($e->{page}, '/p/:id', 'the page is the same in the entry');
is("@{$e->{dims}}{qw(country device browser os)}", 'GB mobile Chrome Android',
   'and so are the dimensions');
ok(!exists $e->{dims}{city}, 'city and region are not stored unasked');
unlike(json($e), qr/11\.2\.0|q=1/, 'neither the address nor the query is');

is(logged($nginx->post('/rum', '{}'))->{result}, 'format', 'why not: format');

for my $case (['{', 'syntax'], ['', 'empty'], ['{"x":' x 9, 'too_deep'],
              ['{"v":2,"page":"/"}', 'version'], ['{"v":1}', 'no_page'],
              [' ' x 70000, 'too_large'])
{
    my ($body, $result) = @$case;

    $r = $nginx->post('/rum', $body);
    is(logged($r)->{result}, $result, "why not: $result");
    is($r->{headers}{'x-seen'}, "no: $result", 'in a map');
}

is(logged($nginx->beacon('/rum', {}, 'DNT: 1'))->{result}, 'privacy',
   'why not: privacy');
is(logged($nginx->request('PUT', '/rum'))->{result}, 'method',
   'why not: method');
is(logged($nginx->request('OPTIONS', '/rum'))->{result}, 'preflight',
   'why not: preflight');
is(logged($nginx->beacon('/site'))->{result}, 'site', 'why not: site');
is(logged($nginx->beacon('/rum', {}, 'Content-Encoding: br'))->{result},
   'encoding', 'why not: encoding');

$r = $nginx->beacon('/site', {}, 'X-Site: blog');
entry($r);
is(logged($r)->{site}, 'blog', '$rum_site from a variable');

$r = $nginx->get('/elsewhere', headers => ['X-Real-IP: ' . mmdb_address(0)]);
is($r->{body}, ",,,City 0\n", 'elsewhere only where the visitor is');
is(logged($r)->{result}, '-', 'and "-" in the log');

$r = $nginx->beacon('/rum', {}, 'X-Real-IP: 192.0.2.1');
entry($r);
$e = logged($r);
is("@$e{qw(country region city asn)}", '- - - -', 'an unknown address');


# rum_page

is(entry($nginx->beacon('/page', { page => '/blog/2024/x' }))->{page},
   'a post', 'rum_page by a map on $rum_path');
is(entry($nginx->beacon('/page', { page => '/p/7' }))->{page}, '/p/:id',
   'rum_page: empty leaves the built-in grouping');
is(entry($nginx->beacon('/page', { page => '/long' }))->{page}, 'x' x 256,
   'rum_page: cut at 256 bytes');

$r = $nginx->beacon('/page_raw', { page => '/p/7' }, "X-Page: \xff\xfe");
is(entry($r)->{page}, '/p/:id', 'rum_page: not UTF-8, not used');

$r = $nginx->beacon('/page_raw', {}, 'X-Page: ' . "\xc3\xa9" x 200);
is(entry($r)->{page}, "\x{e9}" x 128, 'rum_page: cut between characters');
is(logged($r)->{page} =~ s/\\x//gr, 'C3A9' x 128, '$rum_page: the same');


# rum_dimension

my $tags = { tags => { plan => 'from the tag', other => 'tag',
                       everywhere => 'tag' } };

$e = entry($nginx->beacon('/dim', $tags, 'X-Plan: gold',
                          "User-Agent: $chrome",
                          'X-Real-IP: ' . mmdb_address(8)));
is($e->{dims}{plan}, 'gold', 'rum_dimension goes before a tag');
is($e->{dims}{other}, 'tag', 'other tags stay');
is($e->{dims}{both}, 'US/mobile', 'rum_dimension of the own variables');
is($e->{dims}{country}, 'US', 'an empty value leaves what is there');

$e = entry($nginx->beacon('/dim', $tags, 'X-Country: XX',
                          'X-Real-IP: ' . mmdb_address(8)));
is($e->{dims}{country}, 'XX', 'rum_dimension goes before the database too');
is($e->{dims}{plan}, 'from the tag', 'an empty value leaves a tag');

my $cut = $nginx->figures->{cut}{strings};

$e = entry($nginx->beacon('/dim', {}, "X-Plan: a\xffb"));
ok(!exists $e->{dims}{plan}, 'not UTF-8: dropped');
is($nginx->figures->{cut}{strings}, $cut + 1, 'and counted');

$e = entry($nginx->beacon('/dim', {}, 'X-Plan: ' . "\xe2\x82\xac" x 50));
is($e->{dims}{plan}, "\x{20ac}" x 42, '128 bytes, between characters');
is($nginx->figures->{cut}{strings}, $cut + 2, 'and counted');

$e = entry($nginx->beacon('/region', {}, 'X-Real-IP: ' . mmdb_address(5)));
is("@{$e->{dims}}{qw(region city asn)}", 'R5 City 5 64505',
   'region, city and network, where asked for');

$e = entry($nginx->beacon('/region', {}, 'X-Real-IP: 192.0.2.1'));
ok(!grep({ exists $e->{dims}{$_} } qw(region city asn)),
   'not of an unknown address');


# inheritance: a level's own dimensions are instead of those around it

sub own {
    my ($e) = @_;

    return join ' ', $e->{site}, $e->{page},
        grep { exists $e->{dims}{$_} } qw(everywhere outer own plan);
}

is(own(entry($nginx->beacon('/rum'))), 'shop / everywhere', 'from http');
is(own(entry($nginx->beacon('/dim', {}, 'X-Plan: x'))), 'shop / plan',
   'not where there are others');
is(own(entry($nginx->beacon('/outer'))), 'outer outer outer',
   'a location with its own');
is(own(entry($nginx->beacon('/outer/same'))), 'same outer outer',
   'a location inside inherits page and dimensions');
is(own(entry($nginx->beacon('/outer/own'))), 'own outer own',
   'or has its own dimensions');

finish();
