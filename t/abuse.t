# What people with bad intentions send: floods, slow and huge requests,
# numbers from hell, and text that wants to be a header, a log line, a Redis
# command or a label.  The limits are the ones of docs/operations.md.

use strict;
use warnings;

use lib 't/lib';
use IO::Socket::INET;
use Test::More;
use RumTest;

# the recipe as it is in the docs, but for the time we have
my ($section) = slurp(top() . '/docs/operations.md')
                =~ /^## Abuse\n(.*?)(?=^## |\z)/ms;
my ($http, $server) = ($section // '') =~ /^```nginx\n(.*?)^```/gms;

ok($http && $server, 'docs/operations.md has a recipe');
$server =~ s/client_body_timeout \d+s/client_body_timeout 1s/;
my ($rate, $burst) = ($http =~ /rate=(\d+)r/, $server =~ /burst=(\d+)/);
my ($conns) = $server =~ /limit_conn \w+ (\d+)/;

my $redis = redis();
my $nginx = nginx(redis => $redis, h2 => 1, http => $http . <<'HTTP', server => $server . <<'SERVER');
    log_format all '$status [$rum_result] [$rum_site] [$rum_path] [$rum_page]';
    client_header_timeout 1s;
HTTP
    access_log access.log all;
    location = /open {
        rum_beacon shop;
        client_body_timeout 1s;
        add_header X-Site $rum_site always;
        add_header X-Path $rum_path always;
        add_header X-Page $rum_page always;
    }
    location ~ ^/site/(?<name>[^|]*)$ {
        rum_beacon $name;
        rum_dimension own $http_x_own;
        add_header X-Site $rum_site always;
    }
    location /status { rum_status; }
SERVER
my $agg = aggregator(redis => $redis);

# a client with another address
sub from {
    my ($address) = @_;
    my $socket = IO::Socket::INET->new(LocalAddr => $address, Timeout => 10,
                                       PeerAddr => '127.0.0.1:' . $nginx->port)
        or die "$address: $!";

    return bless { socket => $socket, in => '', error => '' },
                 'RumTest::Http';
}

sub beacon_from {
    my ($address) = @_;

    return from($address)->request('POST', '/rum/beacon',
                                   body => beacon_json())->{status};
}

sub counted { return $nginx->figures->{beacons}{$_[0]} }

sub good { return $nginx->beacon('/open')->{status} }


# ----------------------------------------------------------------- floods

{
    my $c = from('127.0.0.2');
    my %status;

    for (1 .. $burst + $rate + 100) {
        $status{ $c->request('POST', '/rum/beacon',
                             body => beacon_json())->{status} }++;
    }

    note(json(\%status));
    cmp_ok($status{204}, '>', $burst, 'a burst is let through');
    cmp_ok($status{429} // 0, '>', 0, 'what is more gets 429');
    is($status{204} + $status{429}, $burst + $rate + 100, 'and nothing else');
    is(beacon_from('127.0.0.2'), 429, 'that address is kept out');
    is(beacon_from("127.0.0.$_"), 204, "127.0.0.$_ is not") for 3, 4;
    is(counted('accepted'), $status{204} + 2, 'what had 429 is not counted');
}


# ------------------------------------------------------------ slow bodies

{
    my ($aborted, @slow, $r);

    for (1 .. $conns) {
        push @slow, from('127.0.0.5');
        $slow[-1]->send("POST /rum/beacon HTTP/1.1\r\nHost: a\r\n"
                        . "Content-Length: 100\r\n\r\n{");
    }

    # not for so long that limit_req would refuse it
    ok(wait_for(sub { beacon_from('127.0.0.5') == 429 }, $burst / 200),
       "an address has $conns slow ones and no more");
    is(beacon_from('127.0.0.6'), 204, 'another one is served');
    $_->close for @slow;

    # far more of them, without a limit
    @slow = ();
    ok(wait_for(sub { counted('aborted') == $conns }), 'they are counted');
    $aborted = counted('aborted');

    for (1 .. 200) {
        push @slow, $nginx->client;
        $slow[-1]->send("POST /open HTTP/1.1\r\nHost: a\r\n"
                        . "Content-Length: 100\r\n\r\n{\"v\":1");
    }

    for (1 .. 100) {
        push @slow, $nginx->client;
        $slow[-1]->send("POST /open HTTP/1.1\r\nHost:");
    }

    is(scalar(grep { good() == 204 } 1 .. 50), 50,
       'slow bodies and slow headers hold nobody else');
    ok(wait_for(sub { counted('aborted') == $aborted + 200 }),
       'each slow body is counted as aborted');
    $r = $slow[0]->response('POST');
    is($r->{status}, 408, 'and is told so') if $r->{status};
    ok(wait_for(sub { !grep { my $s = $_->socket; my $x;
                              $s->blocking(0);
                              my $n = sysread $s, $x, 4096;
                              !defined $n } @slow }),
       'nginx lets go of all of them');
    is(good(), 204, 'and goes on');
}


# ----------------------------------------------------------- huge headers

for my $case ([204, 'User-Agent', 7000], [204, 'Referer', 7000],
              [204, 'Origin', 7000], [204, 'X-Rum-Token', 7000],
              [204, 'Sec-CH-UA', 7000], [400, 'User-Agent', 40000],
              [400, 'Cookie', 40000])
{
    my ($status, $name, $size) = @$case;

    is($nginx->post('/open', beacon_json(),
                    "$name: " . '"' x $size)->{status},
       $status, "$name of $size bytes");
}

is($nginx->post('/open', beacon_json(), map { "X-$_: $_" } 1 .. 700)->{status},
   204, '700 headers');
is($nginx->post('/open', beacon_json(), map { 'Origin: https://a' } 1 .. 300)
   ->{status}, 204, '300 times the same');
is($nginx->get('/open?d=' . '%7B' x 5000)->{status}, 414, 'a huge pixel');
is(good(), 204, 'and goes on');


# ------------------------------------------------------- numbers from hell

my @numbers = qw(0 -0 -0.0 1e308 -1e308 1.7976931348623157e308 1e309 -1e400
    1e-308 4.9e-324 1e-400 -1e-400 18446744073709551615 18446744073709551616
    -9223372036854775808 -9223372036854775809 9223372036854775807
    2147483648 4294967295 4294967296 -1 0.1 1e0 1E+3 1e-0 9007199254740993
    1e99999999999999999999 -1e-99999999999999999999
    0.30000000000000004 1.0000000000000000000000000000000000000000001);

push @numbers, '9' x 400, '-' . '9' x 400, '0.' . '0' x 400 . '1',
    '1' . '0' x 308, '1' x 3000;

my ($taken, @odd) = (0);

for my $x (@numbers) {
    for my $text (
        map({ "\"metrics\":{\"$_\":$x}" }
            qw(lcp cls inp own.metric downlink m)),
        map({ "\"$_\":$x" } qw(n seq memory x)),
        "\"errors\":[{\"message\":\"e\",\"line\":$x,\"col\":$x,\"count\":$x}]",
        "\"actions\":[{\"type\":\"click\",\"t\":$x}]",
        "\"resources\":[{\"host\":\"h\",\"count\":$x,\"duration\":[$x,$x],"
            . "\"bytes\":$x}]",
        "\"events\":[{\"name\":\"n\",\"value\":$x}]", "\"tags\":{\"a\":$x}")
    {
        my $r = $nginx->post('/open', "{\"v\":1,\"page\":\"/hell\",$text}");

        $taken += $r->{status} == 204;
        push @odd, "$r->{status} $text"
            if $r->{status} != 204 && $r->{status} != 400;
    }
}

is_deeply(\@odd, [], 'each number is taken or refused');
cmp_ok($taken, '>', @numbers * 7, "$taken are taken");

for my $x (qw(0x10 010 NaN Infinity -Infinity nan inf 1_000 +1 .5 1.)) {
    is($nginx->post('/open', "{\"v\":1,\"page\":\"/\",\"metrics\":{\"lcp\":$x}}")
       ->{status}, 400, "$x is no number");
}

is($nginx->post('/open', "{\"v\":1,\"page\":\"/\",\"metrics\":{\"lcp\":\"$_\"}}")
   ->{status}, 400, "\"$_\" is no number") for 'NaN', '1e400', '12', '';

# by a question that was not asked before: an answer is given again for a
# second
my $asked = 0;

sub caught_up {
    return wait_for(sub {
        my $s = $nginx->json('/status?limit=' . ($asked++ % 9999 + 1))
            or return;
        return !$s->{module}{ring}{events} && defined $s->{aggregator}{lag}
               && $s->{aggregator}{lag} == 0 && $s;
    }, 60);
}

my $s = caught_up();
ok($s, 'all of it is rolled up');
is($s->{aggregator}{rejected}, 0, 'the aggregator could read all of it');
cmp_ok($s->{module}{cut}{range}, '>', 0, 'what is out of range is counted');
unlike($nginx->get($_)->{body}, qr/\b(?:nan|inf|infinity)\b/i,
       "$_ has none of it")
    for '/status?site=shop&last=1h&buckets=1&by=page';
unlike($nginx->get('/status?format=prometheus')->{body},
       qr/^[^#]*[ ](?:nan|[+-]?inf)/mi, 'nor have Prometheus');


# -------------------------------------------------------------- injection

$redis->command('SET', 'marker', 'there');

my @texts = ("a\"b", "a\\b", "a\\", "a'b", "a\nb", "a\r\nSet-Cookie: x=1",
    "a\r\n\r\n<h1>", "\r\n\$8\r\nFLUSHALL\r\n", "*1\r\n\$8\r\nFLUSHALL\r\n",
    "\r\n2026/01/01 00:00:00 [error] injected", "a}b{c", "{1}", "a:b:c", "a,b", "(other)",
    "*", "%", "%0d%0a", "%s%n%x", "\t", "\x7f", "\x01\x1b[31m", "</script>",
    "\xf0\x9f\x98\x80", "\xe2\x80\xa8", "\xe2\x80\xae", "rum_x{a=\"b\"} 1",
    "# TYPE rum_lcp counter", "../../etc/passwd", "\$(id)", "' OR 1=1 --",
    "\0", "a\0b", '__proto__', 'constructor', ' ', '');

sub quoted {
    my ($text) = @_;

    $text =~ s/([\x00-\x1f"\\\x7f])/sprintf '\\u%04x', ord $1/ge;
    return "\"$text\"";
}

my %sent = map { $_ => 0 } 204, 400;
my $lines = () = slurp($nginx->dir . '/access.log') =~ /\n/g;
my @faults;

sub looked_at {
    my ($what, $r) = @_;

    $lines++;
    $sent{$r->{status}}++;
    push @faults, "$what: $r->{status}" if $r->{status} !~ /^(?:204|400)$/;
    push @faults, "$what: header $_"
        for grep { !/^(?:server|date|connection|x-(?:site|path|page)
                     |content-(?:type|length)|vary|cache-control
                     |access-control-allow-(?:origin|credentials))$/x }
            keys %{ $r->{headers} };
    push @faults, "$what: more after the answer" if $r->{body} =~ /<h1>/;
    push @faults, "$what: $r->{body}"
        if length $r->{body} && !eval { json_decode($r->{body}) };
}

for my $text (@texts) {
    my $q = quoted($text);
    my $escaped = $text =~ s/([^\w])/sprintf '%%%02x', ord $1/ger;
    my $line = $text =~ s/[\r\n\0]/ /gr;

    looked_at("a beacon of $q", $nginx->post('/open', <<JSON));
{"v":1,"view":$q,"session":$q,"page":$q,"from":$q,"nav":$q,"network":$q,
 "metrics":{$q:1,"lcp":5},"tags":{"tag":$q,$q:"x"},"traceparent":$q,
 "errors":[{"type":$q,"message":$q,"source":$q,"stack":$q}],
 "actions":[{"type":$q,"target":$q}],"events":[{"name":$q,"value":1}],
 "resources":[{"host":$q,"type":$q,"count":1}],
 "attribution":{"lcp":{"target":$q,"url":$q}}}
JSON

    looked_at("a page $q", $nginx->post('/open',
        "{\"v\":1,\"page\":" . quoted("https://h/p/$text") . '}'));
    looked_at("a site $q", $nginx->post("/site/$escaped",
        '{"v":1,"page":"/site","metrics":{"lcp":7}}', "X-Own: $line"))
        if $text ne '' && $text !~ m{\.\./|\0};

    looked_at("header $_: $q", $nginx->request('POST', '/open',
        headers => ["$_: $line"], body => beacon_json()))
        for qw(Origin Referer User-Agent Sec-CH-UA Sec-CH-UA-Platform
               Content-Type X-Rum-Token);
}

is(join("\n", @faults), "", "nothing shows in an answer");
cmp_ok($sent{204}, '>', 7 * @texts, 'beacons were taken');
is($redis->command('GET', 'marker'), 'there', 'nothing was done to Redis');
is(good(), 204, 'and it goes on');
$lines++;

ok(wait_for(sub { $lines == (() = slurp($nginx->dir . '/access.log') =~ /\n/g) }),
   'the access log has a line for each request');
is(scalar(grep { !/^\d+ \[[\w-]*\] \[/ } split /\n/,
          slurp($nginx->dir . '/access.log')), 0, 'and nothing else');
is(scalar(grep { !m{^\d{4}/\d\d/\d\d \S+ \[\w+\]} } split /\n/, $nginx->log),
   0, 'so has the error log');

$s = caught_up();
ok($s, 'all of it is rolled up');
is($s->{aggregator}{rejected}, 0, 'all could be read');
is(scalar(grep { !/^rum:\{0\}:[^\s{}]+\z/ && $_ ne 'marker' }
          @{ $redis->command('KEYS', '*') }), 0, 'no key is out of place');

my %sites = map { $_->{site} => 1 }
            @{ $nginx->json('/status?last=1h&limit=10000')->{sites} };

for my $text (grep { /[^\x20-\x7e]|["\\{}:,]/ && !/\0/ } @texts) {
    my $site = $text;

    utf8::decode($site);
    next if !$sites{$site};
    my $args = $text =~ s/([^\w])/sprintf '%%%02x', ord $1/ger;
    my $answer = $nginx->json("/status?site=$args&metric=lcp&last=1h");

    is($answer->{site}, $site, 'the site ' . quoted($text));
    is($answer->{metrics}{lcp}{groups}[0]{sum}, 7, 'has its figures');
}

for my $args ('', '&by=page', '&by=own', '&by=network', '&by=page,device',
              '&by=tag')
{
    my ($file, $out) = (tmp('metrics'), tmp("promtool$args.out"));
    my $r = $nginx->get("/status?format=prometheus$args");

    is($r->{status}, 200, "Prometheus$args");
    spew($file, $r->{body});
    is(RumTest::reap(RumTest::spawn($out, 'sh', '-c',
                                    "promtool check metrics < $file"), 60), 0,
       '... promtool can read it') or diag(slurp($out));
    unlike($r->{body}, qr/^rum_x/m, '... with no line of a stranger');
}


# ---------------------------------------------------- CR LF over HTTP/2

# a request with these headers, not encoded in any way
sub h2_raw {
    my (@headers) = @_;
    my ($c, $block, $answer) = ($nginx->client, '', '');

    while (my ($name, $value) = splice @headers, 0, 2) {
        $block .= "\0" . chr(length $name) . $name
                  . chr(length $value) . $value;
    }

    $c = RumTest::Http->new($nginx->{h2_port});
    $c->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . pack('x3CCN', 4, 0, 0)
             . substr(pack('N', length $block), 1) . pack('CCN', 1, 5, 1)
             . $block);

    while (IO::Select->new($c->socket)->can_read(0.3)) {
        sysread($c->socket, $answer, 65536, length $answer) or last;
    }

    return $answer;
}

my @start = (':method', 'GET', ':scheme', 'http', ':authority', 'a',
             ':path', '/open?d=%7B%22v%22:1,%22page%22:%22/%22%7D');

my $before = counted('accepted');
h2_raw(@start, 'origin', 'https://a.test');
is(counted('accepted'), $before + 1, 'by HTTP/2, not encoded: taken');

for my $name (qw(origin referer user-agent x-rum-token)) {
    unlike(h2_raw(@start, $name, "https://a\r\nset-cookie: x=1"),
           qr/set-cookie/, "CR LF in $name does not come back");
}

is(counted('accepted'), $before + 1, 'and is not taken');


# ---------------------------------------------------------------- status

for my $args ('last=0m', 'last=-1m', 'last=99999999999999999999d', 'last=1e3m',
              'last=5', 'last=', 'last=m', 'last=1s', 'last=0x5m', 'last=5m5m',
              'limit=0', 'limit=-1', 'limit=10001', 'limit=1e3',
              'limit=99999999999999999999', 'limit=', 'limit=0x10',
              'q=-1', 'q=100.1', 'q=nan', 'q=1e1', 'q=', 'q=50,', 'q=,',
              'q=' . join(',', 1 .. 17), 'q=' . '9' x 300, 'q=0.0001',
              'metric=' . join(',', map { "m$_" } 1 .. 65), 'metric=a%00b',
              'metric=../x', 'metric=a:b', 'metric=' . 'm' x 33, 'by=a:b',
              'by=../../etc/passwd', 'by=a,b,c', 'by=,', 'by=' . 'a' x 99,
              'site=', 'site=' . 'a' x 129, 'site=%', 'site=%f', 'sort=--count',
              'sort=p101', 'format=../json', 'buckets=2', 'x=1', '__proto__=1',
              'site=a&site=b', 'site[]=a', ';', '&&=&&', '%00', '=',
              'a' x 4097, 'site=' . '%41' x 1400)
{
    my $r = $nginx->get("/status?$args");
    my $json = eval { json_decode($r->{body}) };
    my $what = substr $args, 0, 40;

    is($r->{status}, 400, "status?$what: refused");
    ok($json && $json->{error}, '... with JSON');
}

for my $site ('../../etc/passwd', '%2e%2e%2fx', '*', '%7b1%7d', 'shop:all',
              'a%0d%0ab', '%00', 'shop%3Aall%3Alcp', '%c3%28')
{
    my $r = $nginx->get("/status?site=$site");

    is($r->{status}, 200, "status?site=$site is a site like another");
    my $answer = eval { json_decode($r->{body}) };
    ok($answer, '... in JSON');
}

my $empty = $nginx->get('/status?format=prometheus&metric=sessions&by=own');
is("$empty->{status} $empty->{body}", '200 ', 'an answer may be empty');

is($nginx->request($_, '/status', body => '{}')->{status}, 405,
   "$_ is refused") for qw(POST PUT DELETE PATCH OPTIONS PROPFIND);
is($nginx->request('TRACE', '/status')->{status}, 405, 'TRACE is refused');
isnt($nginx->get("/status/../$_")->{status}, 200, "no file $_")
    for 'nginx.conf', '%2e%2e/nginx.conf';
is($nginx->get('/status?limit=1', headers => ['Content-Length: 3'])->{status},
   200, 'a body that never comes is not waited for');
is(good(), 204, 'and it goes on');

finish();
