# Every answer of the beacon endpoint, as docs/directives.md has them, and
# what an accepted beacon becomes in Redis.

use strict;
use warnings;

use lib 't/lib';
use Compress::Zlib ();
use Test::More;
use RumTest;

my $redis = redis();
my $nginx = nginx(redis => $redis, h2 => 1, http => <<"HTTP",
    map \$http_x_site \$site {
        default \$http_x_site;
        long    @{[ 's' x 65 ]};
    }
    limit_req_zone \$host zone=limit:64k rate=1r/m;
HTTP
    server => <<'SERVER');
    client_max_body_size 2m;

    location /rum { rum_beacon shop; }
    location /status { rum_status; }
    location /site { rum_beacon $site; }
    location /file { rum_beacon file; client_body_buffer_size 1k; }
    location /off { rum_beacon off; rum_privacy off; }
    location /strict { rum_beacon strict; rum_privacy strict; }
    location /other { error_page 418 @other; return 418; }
    location /other204 { error_page 418 = @other; return 418; }
    location @other { rum_beacon other; }
    location /limited { rum_beacon limited; limit_req zone=limit;
                        limit_req_status 429; }

    location /origin {
        rum_beacon origin;
        rum_allow_origin https://shop.example http://localhost:8080;
        rum_allow_origin https://*.Shop.example null;
    }

    location /if {
        rum_beacon if;
        if ($http_x_if) { set $dummy 1; }
        limit_except POST { deny 192.0.2.1; }
    }

    location /mirrored { rum_beacon main; mirror /rum; }
SERVER

my $stored = 0;

sub entries { return $redis->command('XLEN', 'rum:{0}:events') }

# the entry of the beacon that was just accepted
sub newest {
    wait_for(sub { entries() > $stored }) or return {};
    is(entries(), ++$stored, 'one more entry');
    return ($redis->events(0, 1))[0]{e};
}

# an accepted beacon; returns its entry
sub accepted {
    my ($what, $r) = @_;

    is($r->{status}, 204, $what) or diag($r->{body}, $r->{error} // '');
    is($r->{body}, '', "$what: no body");
    return newest();
}

# a refused one; returns the answer's JSON
sub refused {
    my ($what, $r, $status, $error) = @_;
    my $json = eval { json_decode($r->{body}) } || {};

    is($r->{status}, $status, "$what: $status") or diag($r->{error} // '');
    is($r->{headers}{'content-type'}, 'application/json', "$what: JSON");
    is($json->{error}, $error, "$what: $error");
    is(ref $json->{message} || length $json->{message} > 10, 1,
       "$what: a message");
    like($json->{offset}, qr/^\d+$/, "$what: an offset");

    return $json;
}


# POST, whatever its type says

my $beacon = {
    view => 'k3v9x2', session => 'q81mzp', n => 2, seq => 1,
    page => 'https://shop.example/p/18231?utm=x', from => '/', nav => 'reload',
    metrics => { ttfb => 212.4, fcp => 901, lcp => 2310.2, cls => 0.031 },
    attribution => { lcp => { target => 'img.hero',
                              url => 'https://cdn.example/h.avif?x=1' } },
    errors => [ { type => 'TypeError', message => 'x is undefined',
                  source => '/app.js', line => 3, col => 14, stack => 'at f' },
                { message => 'twice', count => 2 } ],
    actions => [ { type => 'click', target => 'button.buy', t => 5210 } ],
    resources => [ { host => 'cdn.example', type => 'img', count => 14,
                     duration => [120, 88], bytes => 182003 } ],
    events => [ { name => 'checkout', value => 59.9 }, { name => 'seen' } ],
    tags => { ab => 'B' }, network => '4g', memory => 8,
    traceparent => '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
};

my $firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 '
              . 'Firefox/128.0';

my $before = time;
my $e = accepted('a beacon with everything',
                 $nginx->beacon('/rum', $beacon, "User-Agent: $firefox"));

cmp_ok($e->{t} / 1000, '>=', $before - 1, 'received after it was sent');
cmp_ok($e->{t} / 1000, '<=', time + 1, 'and before now');
is($e->{site}, 'shop', 'site');
is($e->{page}, '/p/:id', 'page: the group, without the query');
is_deeply($e->{dims}, { device => 'desktop', browser => 'Firefox',
                        os => 'Linux', nav => 'reload', ab => 'B',
                        network => '4g', memory => '8' }, 'dims');
is(sprintf('%.1f', delete $e->{metrics}{ttfb}), '212.4', 'ttfb to 0.1 ms');
is(sprintf('%.1f', delete $e->{metrics}{lcp}), '2310.2', 'lcp to 0.1 ms');
is(sprintf('%.4f', delete $e->{metrics}{cls}), '0.0310', 'cls');
is_deeply($e->{metrics}, { fcp => 901 }, 'the other metrics');
is("@$e{qw(view session n seq from)}", 'k3v9x2 q81mzp 2 1 /', 'the view');
is($e->{trace}, '4bf92f3577b34da6a3ce929d0e0e4736', 'trace');
is_deeply($e->{attribution}, { lcp => { target => 'img.hero',
                                     url => 'https://cdn.example/h.avif' } },
          'attribution, without the query');
is_deeply($e->{errors}[0], { type => 'TypeError', message => 'x is undefined',
                             source => '/app.js', line => 3, col => 14,
                             stack => 'at f' }, 'an error');
is($e->{errors}[1]{count}, 2, 'an error that came twice');
is_deeply($e->{actions}, [ { type => 'click', target => 'button.buy',
                             t => 5210 } ], 'actions');
is_deeply($e->{resources}, [ { host => 'cdn.example', type => 'img',
                               count => 14, duration => [120, 88],
                               bytes => 182003, third_party => 1 } ],
          'resources');
is(sprintf('%.1f', delete $e->{events}[0]{value}), '59.9', 'an event');
is_deeply($e->{events}, [ { name => 'checkout' }, { name => 'seen' } ],
          'events');

for my $type ('application/json; charset=utf-8', 'text/plain;charset=UTF-8',
              'application/octet-stream', 'image/gif')
{
    accepted("POST as $type", $nginx->beacon('/rum', {},
                                             "Content-Type: $type"));
}

accepted('POST without a type',
         $nginx->request('POST', '/rum', body => beacon_json()));
accepted('JSON that claims to be a form', $nginx->beacon('/rum', {},
         'Content-Type: application/x-www-form-urlencoded'));

$e = accepted('UTF-8', $nginx->post('/rum',
    '{"v":1,"page":"/\u00e9t\u00e9/","tags":{"a":"' . "\xe2\x82\xac" . '"}}'));
is($e->{dims}{a}, "\x{20ac}", 'UTF-8: as it was sent');
is($e->{page}, "/\x{e9}t\x{e9}", 'UTF-8: escaped');

$e = accepted('web-vitals', $nginx->post('/rum', json({
    name => 'LCP', value => 1234, id => 'v5-1', rating => 'good',
    navigationType => 'navigate' }), 'Referer: https://shop.example/a/7?q'));
is($e->{page}, '/a/:id', 'web-vitals: the page by Referer');
is_deeply($e->{metrics}, { lcp => 1234 }, 'web-vitals: the metric');


# GET ?d=

sub escaped {
    my ($json) = @_;

    $json =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;
    return $json;
}

$e = accepted('GET', $nginx->get('/rum?d=' . escaped(beacon_json(
         { page => '/a?b&c', tags => { t => 'x y+z %41' } }))));
is($e->{dims}{t}, 'x y+z %41', 'GET: URL-decoded once');
is($e->{page}, '/a', 'GET: the page');

(my $plus = beacon_json({ tags => { t => 'a b' } })) =~ tr/ /+/;
$e = accepted('GET with "+"', $nginx->get("/rum?x=1&d=$plus&y=2"));
is($e->{dims}{t}, 'a b', 'GET: "+" is a space');

$e = accepted('GET in UTF-8', $nginx->get('/rum?d='
         . escaped("{\"v\":1,\"page\":\"/\",\"tags\":{\"t\":\"\xc3\xa9\"}}")));
is($e->{dims}{t}, "\x{e9}", 'GET: UTF-8');

is($nginx->get("/rum?d=$plus")->{headers}{'cache-control'}, 'no-store',
   'GET: the answer is not kept');
newest();

refused('GET without d', $nginx->get('/rum'), 400, 'empty');
refused('GET with an empty d', $nginx->get('/rum?d='), 400, 'empty');
refused('GET of no JSON', $nginx->get('/rum?d=%7B'), 400, 'syntax');


# OPTIONS, other methods

my @cors = qw(access-control-allow-origin access-control-allow-credentials
              vary);

my $r = $nginx->request('OPTIONS', '/rum', headers =>
    ['Origin: https://any.example', 'Access-Control-Request-Method: POST',
     'Access-Control-Request-Headers: content-type, x-a']);

is($r->{status}, 204, 'preflight');
is("@{$r->{headers}}{@cors}", 'https://any.example true Origin',
   'preflight: this origin, with credentials');
is($r->{headers}{'access-control-allow-methods'}, 'POST, GET, OPTIONS',
   'preflight: methods');
is($r->{headers}{'access-control-allow-headers'}, 'content-type, x-a',
   'preflight: the headers asked for');
like($r->{headers}{'access-control-max-age'}, qr/^\d+$/, 'preflight: age');

for my $method (qw(PUT DELETE PATCH HEAD PROPFIND)) {
    $r = $nginx->request($method, '/rum', body => '{}');
    is($r->{status}, 405, "$method: 405");
    is($r->{headers}{allow}, 'POST, GET, OPTIONS', "$method: what is allowed");
}

refused('PUT', $nginx->request('PUT', '/rum', body => '{}'), 405, 'method');


# CORS and origins

$r = $nginx->beacon('/rum', {}, 'Origin: https://any.example');
is("@{$r->{headers}}{@cors}", 'https://any.example true Origin',
   'any origin is named in the answer');
newest();

$r = $nginx->beacon('/rum');
ok(!grep({ defined } @{$r->{headers}}{@cors}), 'no Origin, nothing to allow');
newest();

for my $origin ('https://shop.example', 'http://localhost:8080', 'null',
                'https://www.shop.example', 'https://a.b.shop.example',
                'HTTPS://WWW.SHOP.EXAMPLE')
{
    $r = $nginx->beacon('/origin', {}, "Origin: $origin");
    accepted("origin $origin", $r);
    is("@{$r->{headers}}{@cors}", "$origin true Origin", 'and named');
}

for my $origin ('https://other.example', 'http://shop.example', 'https://',
                'https://shop.example.evil', 'https://evilshop.example',
                'https://.shop.example', 'http://www.shop.example',
                'http://localhost', 'nullx', 'x')
{
    $r = $nginx->beacon('/origin', {}, "Origin: $origin");
    refused("origin $origin", $r, 403, 'origin');
    ok(!grep({ defined } @{$r->{headers}}{@cors}), 'and nothing is allowed');
}

is($nginx->request('OPTIONS', '/origin', headers => ['Origin: https://x'])
       ->{status}, 403, 'no preflight for other origins');

accepted('without Origin by Referer', $nginx->beacon('/origin', {},
         'Referer: https://www.shop.example/cart?x=https://evil.example'));
refused('neither Origin nor Referer', $nginx->beacon('/origin'),
        403, 'origin');

for my $referer ('https://evil.example/https://shop.example',
                 'https://evil.example?x=.shop.example',
                 'https://evil.example#.shop.example', '/shop.example',
                 'https://', '://')
{
    refused("Referer $referer",
            $nginx->beacon('/origin', {}, "Referer: $referer"), 403,
            'origin');
}

refused('Origin counts before Referer',
        $nginx->beacon('/origin', {}, 'Origin: https://evil.example',
                       'Referer: https://shop.example/'), 403, 'origin');


# privacy

for my $signal ('DNT: 1', 'Sec-GPC: 1') {
    for my $where ('/rum', '/strict') {
        $r = $nginx->beacon($where, {}, $signal, 'Origin: https://a.example');
        is($r->{status}, 204, "$signal, $where: 204");
        is($r->{headers}{'access-control-allow-origin'}, 'https://a.example',
           "$signal: like any other answer");
    }

    is($nginx->get('/rum?d=%7B', headers => [$signal])->{status}, 204,
       "$signal: not even parsed");
    accepted("$signal with rum_privacy off",
             $nginx->beacon('/off', {}, $signal));
}

accepted('DNT: 0 is no objection', $nginx->beacon('/rum', {}, 'DNT: 0'));

my %visit = (session => 'sss', n => 3, from => 'https://shop.example/b');

$e = accepted('signals keep the session', $nginx->beacon('/rum', \%visit));
is("@$e{qw(session n from)}", 'sss 3 /b', 'session, n, from');

$e = accepted('strict does not', $nginx->beacon('/strict', \%visit));
is(join(' ', grep { exists $e->{$_} } qw(session n from)), '',
   'no session, n, from');
ok($e->{view}, 'but the view');


# bodies: encodings

my $plain = beacon_json({ tags => { t => 'z' x 100 } });
my ($raw) = Compress::Zlib::deflateInit(-WindowBits => -15);
my %encoded = (
    gzip     => Compress::Zlib::memGzip($plain),
    GZip     => Compress::Zlib::memGzip($plain),
    deflate  => Compress::Zlib::compress($plain),
    Deflate  => $raw->deflate($plain) . $raw->flush,
    identity => $plain,
);

for my $encoding (sort keys %encoded) {
    $e = accepted("Content-Encoding: $encoding",
                  $nginx->post('/rum', $encoded{$encoding},
                               "Content-Encoding: $encoding"));
    is($e->{dims}{t}, 'z' x 100, "$encoding: whole");
}

$e = accepted('gzip that nobody announced, as sendBeacon() sends it',
              $nginx->post('/rum', $encoded{gzip}));
is($e->{dims}{t}, 'z' x 100, 'and whole');
refused('the same cut off', $nginx->post('/rum',
        substr($encoded{gzip}, 0, -9)), 400, 'inflate');

for my $encoding ('br', 'zstd', 'gzip, gzip', 'x') {
    refused("Content-Encoding: $encoding",
            $nginx->post('/rum', $plain, "Content-Encoding: $encoding"),
            415, 'encoding');
}

refused('not the gzip it claims to be', $nginx->post('/rum', $plain,
        'Content-Encoding: gzip'), 400, 'inflate');
refused('gzip cut off', $nginx->post('/rum',
        substr($encoded{gzip}, 0, -9), 'Content-Encoding: gzip'), 400,
        'inflate');

for my $type ('application/x-www-form-urlencoded',
              'multipart/form-data; boundary=x')
{
    refused("a form, $type", $nginx->post('/rum', 'a=1&b=2',
            "Content-Type: $type"), 415, 'media_type');
}


# bodies: sizes

sub beacon_of {
    my ($size) = @_;
    my $json = beacon_json();

    $json =~ s/\{/'{' . ' ' x ($size - length $json)/e;
    return $json;
}

accepted('a body of 64 KB', $nginx->post('/rum', beacon_of(65536)));
accepted('512 KB inflated', $nginx->post('/rum',
         Compress::Zlib::memGzip(beacon_of(524288)),
         'Content-Encoding: gzip'));

refused('one byte more', $nginx->post('/rum', beacon_of(65537)), 413,
        'too_large');
refused('one byte more, chunked', $nginx->request('POST', '/rum',
        pieces => [beacon_of(65537) =~ /(.{1,9000})/sg]), 413, 'too_large');
refused('one byte more in a file', $nginx->request('POST', '/file',
        pieces => [beacon_of(65537) =~ /(.{1,9000})/sg]), 413, 'too_large');
refused('one byte more inflated', $nginx->post('/rum',
        Compress::Zlib::memGzip(beacon_of(524289)),
        'Content-Encoding: gzip'), 413, 'inflated_too_large');
refused('a gigabyte is announced', $nginx->request('POST', '/rum',
        headers => ['Content-Length: 2000000']), 413, 'too_large');

my $noise = join '', map { chr rand 256 } 1 .. 100_000;

refused('too large on the wire, in a file', $nginx->request('POST', '/file',
        headers => ['Content-Encoding: gzip'],
        pieces => [Compress::Zlib::memGzip($noise) =~ /(.{1,9000})/sg]),
        413, 'too_large');


# bodies: how they come

for my $where ('/rum', '/file') {
    for my $size (500, 5000, 40000, 65536) {
        my $body = beacon_of($size);

        accepted("$where: $size bytes", $nginx->post($where, $body));
        accepted("$where: $size bytes in chunks",
                 $nginx->request('POST', $where,
                                 pieces => [$body =~ /(.{1,777})/sg]));
    }

    accepted("$where: gzip in chunks", $nginx->request('POST', $where,
             headers => ['Content-Encoding: gzip'],
             pieces => [$encoded{gzip} =~ /(.{1,3})/sg]));
}

{
    my $c = $nginx->client;
    my $body = beacon_json();

    # each packet is on its way before the next, whatever Nagle thinks
    setsockopt $c->socket, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;
    $c->send("POST /rum HTTP/1.1\r\nHost: a\r\nContent-Length: "
             . length($body) . "\r\n\r\n");
    $c->send($_) for split //, $body;
    accepted('a byte a packet', $c->response('POST'));
}

{
    my $c = $nginx->client;
    my $body = beacon_json();

    $c->send("POST /rum HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
             . 'Content-Length: ' . length($body) . "\r\n\r\n");
    $c->{end} = time + 20;
    $c->fill while $c->{in} !~ /\r\n\r\n/ && !$c->{fail};
    like($c->{in}, qr{^HTTP/1.1 100 }, 'Expect: the body is asked for');
    $c->send($body);
    accepted('Expect: 100-continue', $c->response('POST'));

    refused('Expect before a refusal', $c->request('POST', '/rum',
            headers => ['Expect: 100-continue', 'Content-Encoding: br'],
            body => $body), 415, 'encoding');
    accepted('and the connection goes on',
             $c->request('POST', '/rum', body => $body));
}


# one connection, many requests

{
    my $c = $nginx->client;

    for my $bad (['{', 'syntax', 400], ['x' x 65537, 'too_large', 413],
                 ['', 'empty', 400])
    {
        my ($body, $error, $status) = @$bad;

        refused("keep-alive: $error",
                $c->request('POST', '/rum', body => $body), $status, $error);
        accepted("keep-alive: after $error",
                 $c->request('POST', '/rum', body => beacon_json()));
    }

    refused('keep-alive: an encoding with a body',
            $c->request('POST', '/rum', headers => ['Content-Encoding: br'],
                        body => 'x' x 50000), 415, 'encoding');
    is($c->request('PUT', '/rum', body => 'x' x 50000)->{status}, 405,
       'keep-alive: a method with a body');
    is($c->request('POST', '/rum', headers => ['DNT: 1'],
                   body => 'x' x 50000)->{status}, 204,
       'keep-alive: privacy with a body');
    accepted('keep-alive: after all of them',
             $c->request('POST', '/rum', body => beacon_json()));
}

{
    my $c = $nginx->client;
    my (@bodies, @statuses);

    @bodies = map { $_ % 3 == 2 ? '{"v":2}' : beacon_json() } 0 .. 29;
    $c->send(join '', map { "POST /rum HTTP/1.1\r\nHost: a\r\nContent-Length: "
                            . length($_) . "\r\n\r\n$_" } @bodies);
    @statuses = map { $c->response('POST')->{status} } @bodies;
    is("@statuses", join(' ', (204, 204, 400) x 10), 'pipelined requests');

    $stored += 20;
    ok(wait_for(sub { entries() == $stored }), 'and all are stored');
}


# HTTP/2

is($nginx->h2('POST', '/rum', body => beacon_json(),
              headers => ['Content-Type: text/plain'])->{status}, 204,
   'HTTP/2: POST');
newest();

is($nginx->h2('POST', '/file', body => beacon_of(60000))->{status}, 204,
   'HTTP/2: a body in a file');
newest();

is($nginx->h2('GET', "/rum?d=" . escaped(beacon_json()))->{status}, 204,
   'HTTP/2: GET');
newest();

$r = $nginx->h2('POST', '/rum', body => '[1]');
is($r->{status}, 400, 'HTTP/2: refused');
is(json_decode($r->{body})->{error}, 'format', 'HTTP/2: the reason');
is($nginx->h2('POST', '/file', body => beacon_of(60000), headers =>
              ['Transfer-Encoding: chunked'])->{status}, 204,
   'HTTP/2: a body without a length');
newest();
is($nginx->h2('POST', '/rum', body => beacon_of(70000), headers =>
              ['Transfer-Encoding: chunked'])->{status}, 413,
   'HTTP/2: too large');
is($nginx->h2('PUT', '/rum')->{status}, 405, 'HTTP/2: method');
like($nginx->h2('POST', '/rum', body => '{}',
                headers => ['Origin: https://a.example'])->{raw_headers},
     qr/access-control-allow-origin: https:\/\/a\.example\r\n/i,
     'HTTP/2: CORS');


# the site from a variable

is(accepted('a site from a header',
            $nginx->beacon('/site', {}, 'X-Site: blog'))->{site}, 'blog',
   'the site');
refused('no site', $nginx->beacon('/site'), 400, 'site');
refused('65 bytes of site', $nginx->beacon('/site', {}, 'X-Site: long'),
        400, 'site');
refused('a site not in UTF-8', $nginx->beacon('/site', {}, "X-Site: \xff"),
        400, 'site');


# with other modules

is(accepted('limit_req: the first', $nginx->beacon('/limited'))->{site},
   'limited', 'limit_req: taken');
is($nginx->beacon('/limited')->{status}, 429, 'limit_req: the second is 429');

is(accepted('inside "if"', $nginx->beacon('/if', {}, 'X-If: 1'))->{site},
   'if', '"if" is inside the location');
is(accepted('inside "limit_except"',
            $nginx->get('/if?d=' . escaped(beacon_json())))->{site}, 'if',
   '"limit_except" too');

for my $answer ([ '/other', 418 ], [ '/other204', 204 ]) {
    $r = $nginx->beacon($answer->[0]);
    is($r->{status}, $answer->[1], "error_page to a beacon: $answer->[1]");
    is($r->{body}, '', 'and nothing else');
    is(newest()->{site}, 'other', 'taken');
}

is($nginx->beacon('/mirrored')->{status}, 204, 'mirror: the main request');
$stored += 2;
ok(wait_for(sub { entries() == $stored }), 'mirror: and its copy');
is(join(' ', sort map { $_->{e}{site} } $redis->events(0, 2)), 'main shop',
   'mirror: both are beacons');


# what was counted

my $figures = $nginx->figures;

is($figures->{beacons}{accepted}, $stored, 'every accepted one is counted');
is($figures->{events}{queued}, $stored, 'queued');
is($figures->{beacons}{privacy}, 7, 'privacy');
is($figures->{beacons}{preflight}, 1, 'preflight');
is($figures->{beacons}{aborted}, 0, 'nobody went away');
is(entries(), $stored, 'nothing else is in Redis');

finish();
