# Beacons that are malformed, oversized, cut off, too deep, of wrong types, not
# UTF-8, or not what their encoding says: each has its answer, its name and its
# counter, and the good beacon after it is taken as if nothing had been.

use strict;
use warnings;

use lib 't/lib';
use Compress::Zlib ();
use Test::More;
use RumTest;

my $redis = redis();
my $nginx = nginx(redis => $redis, server => <<'SERVER');
    client_header_timeout 5s;
    location /rum { rum_beacon shop; client_body_buffer_size 4k; }
    location /status { rum_status; }
SERVER

# [ what, request, status, name ]; a request is a body, or a reference to the
# arguments of request()
my @cases;

sub add {
    my ($status, $name, %bodies) = @_;

    push @cases, map { [ $_, $bodies{$_}, $status, $name ] }
                 sort keys %bodies;
}

# the same for bodies that need no other name than themselves
sub each_of {
    my ($status, $name, @bodies) = @_;

    push @cases, map { [ $_, $_, $status, $name ] } @bodies;
}

sub encoded {
    my ($encoding, $body) = @_;

    return [ 'POST', '/rum', body => $body,
             headers => ["Content-Encoding: $encoding"] ];
}

sub gzip { return encoded('gzip', Compress::Zlib::memGzip($_[0])) }

# a beacon with this in it
sub with { return "{\"v\":1,\"page\":\"/\",$_[0]}" }


# nothing, or not JSON

each_of(400, 'empty', '', ' ', "\n\r\t ");
add(400, 'empty', 'white space only' => ' ' x 60000,
    'gzip of nothing' => gzip(''), 'gzip of white space' => gzip(' ' x 99),
    'an empty body that claims to be gzip' => encoded('gzip', ''));

each_of(400, 'syntax',
    '{', '}', '[', ']', ',', ':', '-', '{]', '[}', '{}}', '[]]', '{} {}',
    '{"v"', '{"v":', '{"v":1', '{"v":1,', '{"v":1,}', '{,}', '{:1}', '{1:1}',
    '{v:1}', "{'v':1}", '{"v" 1}', '{"v":1 "page":"/"}', '{"v":1,,"x":1}',
    '{"v":01}', '{"v":1.}', '{"v":.5}', '{"v":+1}', '{"v":--1}', '{"v":1e}',
    '{"v":1e+}', '{"v":0x1}', '{"v":NaN}', '{"v":Infinity}',
    '{"v":undefined}', '{"v":nul}', '{"v":True}', 'nul', 'hello', '<html>',
    'a=1&b=2', '// {}', '/* {} */ {}', '# {}', '{"v":1}x', '{"v":1},',
    with('"x":"'), with('"x":"\\"'), with('"x":"\\x"'), with('"x":"\\u12"'),
    with('"x":"\\uzzzz"'), with("\"x\":\"a\nb\""), with("\"x\":\"a\tb\""),
    with('"x":[1,]'), with('"x":[,1]'), with('"x":[1 2]'), with('"x":{"a"}'),
    with('"x":tru'), with('"metrics":{"lcp":1'), with('"metrics":{"lcp":}'));
add(400, 'syntax',
    'a NUL' => "\0", 'NULs' => "\0" x 5000, 'a NUL behind' => "{}\0",
    'UTF-16' => join('', map { "$_\0" } split //, with('"x":1')),
    'a byte order mark' => "\xef\xbb\xbf" . with('"x":1'),
    'a beacon twice' => with('"x":1') x 2,
    'gzip of no JSON' => gzip('hello'),
    'gzip of gzip' => gzip(Compress::Zlib::memGzip(with('"x":1'))),
    'gzip of no JSON that says nothing of it' =>
        Compress::Zlib::memGzip('hello'),
    '60000 commas' => ',' x 60000,
    '60000 backslashes' => with('"x":"' . '\\' x 59999));

# a good beacon, cut off at many places
{
    my $whole = beacon_json({
        errors => [ { message => "x \xe9", line => 3 } ],
        resources => [ { host => 'a', duration => [1, 2.5] } ],
        metrics => { lcp => 12.5, cls => 0.1 }, tags => { a => 'b' } });

    for (my $n = 1; $n < length $whole; $n += 9) {
        add(400, 'syntax', "cut off after $n bytes" => substr $whole, 0, $n);
    }
}


# not UTF-8

for my $bytes ("\xff", "\xfe\xff", "\x80", "\xbf", "\xc3", "\xc3\x28",
               "\xe2\x82", "\xe2\x28\xa1", "\xf0\x9f\x98",
               "\xf8\x88\x80\x80\x80")
{
    my $hex = unpack 'H*', $bytes;

    add(400, 'utf8', "value 0x$hex" => with("\"tags\":{\"a\":\"$bytes\"}"),
                     "page 0x$hex" => "{\"v\":1,\"page\":\"/$bytes\"}",
                     "unknown 0x$hex" => with("\"x\":[\"$bytes\"]"));
}

add(400, 'utf8', 'a key' => with("\"\xff\":1"),
    'Latin-1 by gzip' => gzip(with("\"x\":\"\xe9t\xe9\"")));


# too deep, too many

for my $depth (9, 10, 100, 30000) {
    add(400, 'too_deep',
        "$depth arrays" => with('"x":' . '[' x ($depth - 1)),
        "$depth objects" => substr('{"x":' x $depth, 0, 65000));
}

add(400, 'too_deep',
    'nine deep and whole' => with('"x":[[[[[[[[]]]]]]]]'),
    'nine deep in a known key' =>
        with('"errors":[{"x":[{"x":[{"x":[[1]]}]}]}]'),
    'deep by gzip' => gzip('{"x":' . '[' x 400_000));

add(400, 'too_many_keys',
    '2049 keys' => '{' . join(',', map { "\"k$_\":1" } 1 .. 2049) . '}',
    '2049 keys below' => with('"x":{' . join(',', ('"k":1') x 2047) . '}'),
    '40000 keys by gzip' => gzip(with(join ',', ('"x":1') x 40000)));


# JSON, but no beacon

each_of(400, 'format', '{}', '[]', 'null', 'true', '1', '-1.5e3', '"v"',
    '[1]', '["v"]', '[null]', '[[]]', '[{}]', '[{},{}]', '{"a":1}',
    '{"page":"/"}', '{"type":"csp-violation","body":{}}', '"' x 60000,
    '{"metrics":[]}', '{"metrics":[{}]}');

each_of(400, 'version',
    map({ "{\"v\":$_,\"page\":\"/\"}" }
        qw(0 2 -1 1.5 1e400 -1e400 1e308 "1" "1.815.1" ""
           11111111111111111111111111111111)),
    '{"page":"/","metrics":{"lcp":1}}');

each_of(400, 'no_page', '{"v":1}', '{"v":1,"page":""}', '{"v":1,"page":null}',
    '{"v":1,"metrics":{"lcp":1}}', '[{"name":"LCP","value":1,"id":"x"}]',
    '{"name":"LCP","value":1,"id":"x"}');


# known keys of wrong types

my %wrong = (number => '1', string => '"x"', true => 'true', false => 'false',
             object => '{}', array => '[]');
my %right = (
    page => 'string', view => 'string', session => 'string', n => 'number',
    seq => 'number', from => 'string', nav => 'string', network => 'string',
    traceparent => 'string', memory => 'number', cores => 'number',
    save_data => 'string', errors => 'array',
    actions => 'array', resources => 'array', events => 'array',
    tags => 'object', attribution => 'object',
);

for my $key (sort keys %right) {
    for my $type (sort keys %wrong) {
        next if $type eq $right{$key};
        add(400, 'type', "$key as $type" =>
            "{\"v\":1,\"page\":\"/\",\"$key\":$wrong{$type}}");
    }
}

each_of(400, 'type', map { with($_) }
    '"v":true', '"v":[]', '"v":{}', '"metrics":1', '"metrics":"x"',
    '"metrics":true', '"metrics":[1]', '"metrics":["x"]',
    '"metrics":{"lcp":"1"}', '"metrics":{"lcp":[1]}', '"metrics":{"lcp":{}}',
    '"metrics":{"lcp":true}', '"metrics":{"own.metric":"1"}',
    '"tags":{"a":[]}', '"tags":{"a":{}}', '"tags":{"a":true}',
    '"viewport":1', '"viewport":{}', '"viewport":true', '"viewport":["md"]',
    '"viewport":[[]]',
    '"errors":[1]', '"errors":["x"]', '"errors":[[]]', '"errors":[true]',
    '"errors":[{"message":1}]', '"errors":[{"line":"1"}]',
    '"errors":[{"stack":[]}]', '"actions":[1]', '"actions":[{"t":"1"}]',
    '"actions":[{"type":{}}]', '"resources":[{"duration":"1"}]',
    '"resources":[{"duration":["1"]}]', '"resources":[{"duration":[[1]]}]',
    '"resources":[{"bytes":"1"}]', '"events":[{"name":1}]',
    '"events":[{"value":"1"}]', '"attribution":{"lcp":1}',
    '"attribution":{"lcp":[]}', '"attribution":{"lcp":{"url":1}}',
    '"url":1', '"path":[]', '"ect":4', '"name":1.5');


# too large

add(413, 'too_large',
    '65537 bytes' => ' ' x 65537,
    '65537 bytes in chunks' => [ 'POST', '/rum',
                                 pieces => [ (' ' x 9363) x 7 ] ],
    '900 KB in chunks' => [ 'POST', '/rum',
                            pieces => [ ('x' x 9000) x 100 ] ],
    '65537 bytes that claim to be gzip' => encoded('gzip', 'x' x 65537),
    'a length without a body' => [ 'POST', '/rum',
                                   headers => ['Content-Length: 1000000'] ]);

add(413, 'inflated_too_large',
    '512 KB and a byte' => gzip('{' . ' ' x 524288),
    'a bomb of 10 MB' => gzip(' ' x 10_000_000),
    'a bomb of 30 MB' => encoded('deflate',
                                 Compress::Zlib::compress(' ' x 30_000_000)));

add(413, 'no_memory',
    'a string of 500 KB' => gzip(with('"x":"' . 'x' x 500_000 . '"')),
    'a key of 500 KB' => gzip(with('"' . 'x' x 500_000 . '":1')));


# not what Content-Encoding says

{
    my $zip = Compress::Zlib::memGzip(beacon_json());
    my $deflated = Compress::Zlib::compress(beacon_json());
    my ($z) = Compress::Zlib::deflateInit(-Dictionary => 'the dictionary');
    my $flipped = $zip;

    substr($flipped, -6, 1) ^= "\x01";

    add(400, 'inflate',
        'plain text as gzip' => encoded('gzip', beacon_json()),
        'plain text as deflate' => encoded('deflate', beacon_json()),
        'zlib as gzip' => encoded('gzip', $deflated),
        'gzip as deflate' => encoded('deflate', $zip),
        'one byte as gzip' => encoded('gzip', "\x1f"),
        'one byte as deflate' => encoded('deflate', "\x78"),
        'a gzip header alone' => encoded('gzip', substr $zip, 0, 10),
        'gzip with a wrong sum' => encoded('gzip', $flipped),
        'gzip and more' => encoded('gzip', $zip . 'x'),
        'gzip twice' => encoded('gzip', $zip . $zip),
        'zlib with a dictionary' =>
            encoded('deflate', $z->deflate(beacon_json()) . $z->flush),
        'zeroes as gzip' => encoded('gzip', "\0" x 5000),
        'a wrong block' => encoded('deflate', "\x06" . "\xff" x 100));

    for (my $n = 5; $n < length $zip; $n += 20) {
        add(400, 'inflate', "gzip cut off after $n bytes" =>
            encoded('gzip', substr $zip, 0, $n));
    }
}

add(415, 'encoding', map { ("Content-Encoding $_" => encoded($_, '{}')) }
                     'br', 'zstd', 'compress', 'gzip, br', 'gzi', 'gzip2');

for my $type ('application/x-www-form-urlencoded', 'multipart/form-data',
              'Multipart/Mixed; boundary=x',
              'APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8')
{
    add(415, 'media_type', $type => [ 'POST', '/rum', body => 'd=%7B%7D',
                                      headers => ["Content-Type: $type"] ]);
}


# by GET

for my $case (['', 'empty'], ['%20', 'empty'], ['%7B', 'syntax'],
              ['{}', 'format'], ['%zz', 'syntax'],
              ['%7B%22v%22:2%7D', 'version'],
              ['%22%ff%22', 'utf8'], ['{%22v%22:1,%22page%22:%22%ff%22}',
              'utf8'], ['+', 'empty'], ['%00', 'syntax'], ['%', 'syntax'])
{
    add(400, $case->[1], "GET ?d=$case->[0]" =>
        [ 'GET', "/rum?d=$case->[0]" ]);
}

add(400, 'empty', 'GET' => [ 'GET', '/rum' ],
    'GET of another argument' => [ 'GET', '/rum?x=%7B%7D' ],
    'GET with its beacon in the body' =>
        [ 'GET', '/rum', body => beacon_json() ]);


# nginx itself refuses these; all that the module knows is that nothing came

add(400, 'aborted',
    'a chunk of no length' => [ 'POST', '/rum', raw =>
        "POST /rum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        . "\r\nzz\r\n" ],
    'and where no body is wanted' => [ 'GET', '/rum', raw =>
        "GET /rum?d=%7B HTTP/1.1\r\nHost: a\r\n"
        . "Transfer-Encoding: chunked\r\n\r\nzz\r\n" ]);
add(413, 'aborted',
    'more than client_max_body_size' => [ 'POST', '/rum',
                                          pieces => [ ('x' x 60000) x 20 ] ]);


# one after the other

cmp_ok(scalar @cases, '>=', 200, @cases . ' bad beacons');

my $good = $nginx->client;
my %expected = %{ $nginx->figures->{beacons} };
my $sent = 0;

for my $case (@cases) {
    my ($what, $request, $status, $name) = @$case;
    my ($r, $json, $now, $same, @faults);

    $what = substr($what, 0, 60) =~ s/[^ -~]/?/gr;

    $r = ref $request ? $nginx->request(@$request)
                      : $nginx->request('POST', '/rum', body => $request);
    $json = eval { json_decode($r->{body}) } || {};
    $expected{$name}++;

    push @faults, "status $r->{status}" if $r->{status} != $status;
    push @faults, "error " . ($json->{error} // $r->{body})
        if $name ne 'aborted' && ($json->{error} // '') ne $name;

    $sent++;
    $expected{accepted}++;
    $r = $good->request('POST', '/rum', body => beacon_json(
                            { view => "good-$sent", tags => { a => "\xe9" },
                              metrics => { lcp => $sent } }));
    push @faults, "the good beacon after it: $r->{status} $r->{body}"
        if $r->{status} != 204;

    $now = $nginx->figures->{beacons};
    push @faults, map { "$_: $now->{$_} and not $expected{$_}" }
                  grep { $now->{$_} != $expected{$_} } sort keys %expected;
    %expected = %$now;

    is(join('; ', @faults), '', "$status $name: $what");
}


# a client that goes away with half a beacon

{
    my $c = $nginx->client;

    $c->send("POST /rum HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
    $c->close;
    ok(wait_for(sub { $nginx->figures->{beacons}{aborted}
                      == $expected{aborted} + 1 }),
       'a client that goes away is counted');
}


# all good ones, and nothing else, in their order

ok(wait_for(sub { $redis->events >= $sent }), 'the good ones are in Redis');
my @events = $redis->events;
is(join(' ', map { $_->{e}{view} } @events),
   join(' ', map { "good-$_" } 1 .. $sent), 'in order, and nothing else');
is(scalar(grep { $events[$_ - 1]{e}{metrics}{lcp} != $_ } 1 .. @events), 0,
   'each with its own value');
is($nginx->figures->{events}{queued}, $sent, 'and so says the status');

finish();
