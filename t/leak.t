# No beacon leaves anything behind in a worker or the aggregator: good ones,
# refused ones, compressed ones, those that wait for Redis, clients that go
# away, and questions to the status location.  What a process has after a
# fifth of them is what it has at the end.
#
# RUM_LEAK_BEACONS: how many (make leak: 1,000,000).  Under sanitizers memory
# says nothing, but LeakSanitizer does when the worker ends.

use strict;
use warnings;

use lib 't/lib';
use Compress::Zlib ();
use Test::More;
use RumTest;

my $n = $ENV{RUM_LEAK_BEACONS} || (sanitized() ? 10_000 : 100_000);
my $rounds = 5 * int($n / 2500 / 5 + 4);

$n -= $n % $rounds;
my $bound = 512;                        # KB
my $asked = 0;

my $redis = redis();
my $nginx = nginx(redis => $redis, redis_options => 'ring=4m maxlen=50000',
                  log_level => 'error', server => <<'SERVER');
    client_body_buffer_size 1k;
    location /rum { rum_beacon shop; rum_dimension ua $http_user_agent; }
    location /stored { rum_beacon shop; rum_ack stored; }
    location /own { rum_beacon shop; rum_allow_origin https://a.test; }
    location /token { rum_beacon shop; rum_token s3cret; }
    location /page { rum_beacon $arg_site; rum_page $arg_page; }
    location /status { rum_status; }
SERVER
my $agg = aggregator(redis => $redis, conf => "flush = 50ms\n"
                     . 'recent { time = 30m  views = 5000 }');

sub memory {
    my ($kb) = slurp("/proc/$_[0]/status") =~ /^RssAnon:\s+(\d+)/m;

    return $kb;
}

sub text {
    my ($method, $target, $body, @headers) = @_;

    return join("\r\n", "$method $target HTTP/1.1", 'Host: a', @headers,
                'Content-Length: ' . length $body) . "\r\n\r\n$body";
}

sub post { return text('POST', @_) }

# Sends requests, pipelined, again and again until there were so many; how
# often each status came back.
sub blast {
    my ($count, @requests) = @_;
    my $socket = $nginx->client->socket;
    my ($sent, $answers, $out, $in, %status) = (0, 0, '', '');

    $socket->blocking(0);

    while ($answers < $count) {
        my ($read, $write) = ('', '');

        while (length $out < 65536 && $sent < $count && $sent < $answers + 999) {
            $out .= $requests[$sent++ % @requests];
        }

        vec($read, fileno $socket, 1) = 1;
        vec($write, fileno $socket, 1) = 1 if length $out;
        if (!select $read, $write, undef, 30) {
            diag("no answer after $answers of $count");
            last;
        }

        if (length $out) {
            my $written = syswrite $socket, $out;
            substr($out, 0, $written) = '' if $written;
        }

        my $got = sysread $socket, $in, 262144, length $in;
        last if defined $got && $got == 0;

        while ($in =~ m{HTTP/1\.1 (\d\d\d)}g) {
            $status{$1}++;
            $answers++;
        }

        # the beginning of the next one may be there
        $in = substr $in, -11 if length $in > 11;
        $in = '' if $in =~ m{HTTP/1\.1 \d\d\d};
    }

    return \%status;
}

# by a question that was not asked before: an answer is given again for a
# second
sub settled {
    return wait_for(sub {
        my $s = $nginx->json('/status?limit=' . ($asked++ % 9999 + 1))
            or return;
        return !$s->{module}{ring}{events} && defined $s->{aggregator}{lag}
               && $s->{aggregator}{lag} == 0;
    }, 60);
}

# Runs the sub for each round; the memory of the processes must not grow after
# the first fifth.
sub flat {
    my ($name, $sub, %limits) = @_;
    my (%before, %grown);
    my %pids = (worker => $nginx->workers, aggregator => $agg->pid);

    for my $round (1 .. $rounds) {
        $sub->($round);

        %before = map { $_ => memory($pids{$_}) } keys %pids
            if $round == $rounds / 5;
    }

    for my $who (sort keys %limits) {
        $grown{$who} = memory($pids{$who}) - $before{$who};
        note("$name: the $who had $before{$who} KB and grew by $grown{$who}");
        next if sanitized();
        cmp_ok($grown{$who}, '<', $limits{$who}, "$name: the $who stays");
    }
}

my @good = map {
    my $i = $_;

    post('/rum', json({
        v => 1, view => "v$i", session => 's' . $i % 300, n => 1, seq => 0,
        page => "https://shop.example/p/$i?q=$i", from => '/',
        metrics => { ttfb => 100 + $i, fcp => 400 + $i, lcp => 900 + $i * 3,
                     cls => $i / 4000, inp => 40 + $i % 300, 'own.x' => $i },
        $i % 10 ? () : (
            errors => [ { message => "e$i", stack => 'x' x 500, line => $i } ],
            resources => [ { host => 'cdn.test', type => 'img', count => 3,
                             duration => [ 10, 20.5 ], bytes => 9000 } ],
            actions => [ { type => 'click', target => 'a.b', t => $i } ],
            attribution => { lcp => { target => 'img', url => '/x.png' } }),
        tags => { ab => $i % 2 ? 'A' : 'B' } }),
        'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 '
        . '(KHTML, like Gecko) Chrome/1' . $i % 50 . '.0.0.0 Safari/537.36',
        'Origin: https://shop.example', 'Content-Type: text/plain');
} 1 .. 1000;


# ------------------------------------------------------------------- good

# What grows with what waits, the ring and the events between two flushes, has
# its largest size at the beginning: neither Redis nor the aggregator reads,
# and then there is more at once than in any round.

$redis->pause;
cmp_ok(blast(20_000, @good)->{503} || 0, '>', 0, 'the ring is full');
$redis->resume;
ok(settled(), 'and empty again');

kill 'STOP', $agg->pid;
blast(7000, @good) and wait_for(sub { !$nginx->figures->{ring}{events} })
    for 1 .. 3;
kill 'CONT', $agg->pid;
ok(settled(), 'the aggregator had much to read');

my $took = 0;

flat("$n beacons", sub {
    $took += blast($n / $rounds, @good)->{204} || 0;
    settled() or fail('it is rolled up');
}, worker => $bound, aggregator => 8 * $bound);

is($took, $n, 'all were taken');


# --------------------------------------------------------------- and bad

my $json = beacon_json({ metrics => { lcp => 5 }, tags => { a => 'x' x 100 } });
my $zip = Compress::Zlib::memGzip($json);
my $gzip = 'Content-Encoding: gzip';
my $pixel = $json =~ s/([^\w])/sprintf '%%%02x', ord $1/ger;
my $large = beacon_json({ errors => [ { stack => 'x' x 30000 } ] });

my @bad = (
    [400, post('/rum', '{"v":1,"page":"/","metrics":{"lcp":')],
    [400, post('/rum', '{"v":1,"page":"/","tags":{"a":"\\')],
    [400, post('/rum', '{"v":1,"page":"/","metrics":{"lcp":"x"}}')],
    [400, post('/rum', '[' x 5000)],
    [400, post('/rum', '')],
    [400, post('/rum', "{\"v\":1,\"page\":\"\xff\"}")],
    [400, post('/rum', '{"v":1}')],
    [400, post('/page?site=', $json)],
    [204, post('/page?site=a&page=b', $json)],
    [204, post('/page?site=a', '{"name":"LCP","value":1,"id":"x"}', 'Referer: https://a.test/x')],
    [204, post('/rum', $zip, $gzip)],
    [204, post('/rum', Compress::Zlib::compress($json),
               'Content-Encoding: deflate')],
    [400, post('/rum', substr($zip, 0, 60), $gzip)],
    [400, post('/rum', $json, $gzip)],
    [400, post('/rum', $zip . 'x', $gzip)],
    [413, post('/rum', Compress::Zlib::memGzip(' ' x 2_000_000), $gzip)],
    [413, post('/rum', ' ' x 65537)],
    [415, post('/rum', $json, 'Content-Encoding: br')],
    [415, post('/rum', 'd=x',
               'Content-Type: application/x-www-form-urlencoded')],
    [403, post('/own', $json, 'Origin: https://b.test')],
    [204, post('/own', $json, 'Origin: https://a.test')],
    [403, post('/token?token=x', $json)],
    [204, post('/token?token=s3cre%74', $json)],
    [204, post('/rum', $json, 'DNT: 1')],
    [204, text('OPTIONS', '/own', '', 'Origin: https://a.test',
               'Access-Control-Request-Headers: x')],
    [405, text('PUT', '/rum', $json)],
    [204, text('GET', "/rum?d=$pixel", '')],
    [400, text('GET', '/rum?d=%7B', '')],
    [204, post('/rum', $large)],
    [204, post('/stored', $json)],
    [204, post('/stored', $large)],
);

my (%expected, %got);
my $each = int($n / $rounds / 10 / @bad) || 1;

flat('refused and unusual ones', sub {
    my $status = blast($each * @bad, map { $_->[1] } @bad);

    $got{$_} += $status->{$_} for keys %$status;
    $expected{$_->[0]} += $each for @bad;
    settled() or fail('it is rolled up');
}, worker => $bound);

is_deeply(\%got, \%expected, 'each had its answer');

flat('clients that go away', sub {
    for (1 .. $each * 2) {
        my ($half, $stored) = ($nginx->client, $nginx->client);

        $half->send(substr $good[$_ % 1000], 0, 300);
        $stored->send(post('/stored', $json) x 3);
        $_->close for $half, $stored;
    }
    settled() or fail('it is rolled up');
}, worker => $bound);


# ----------------------------------------------------------------- status

my @questions = map { text('GET', "/status$_", '') } '',
    map { ("?last=1h$_", "?last=1h&format=prometheus$_") }
    '', '&by=page', '&site=shop&by=page,device&limit=20', '&metric=lcp&buckets=1',
    '&site=shop&by=ab&q=1,50,99', '&last=x', '&nonsense=1', '&site=none',
    '&metric=sessions&by=country';

flat('questions', sub {
    my $status = blast($each * @questions, @questions);

    cmp_ok($status->{200} || 0, '>', $each, 'answers') if $_[0] == 1;
}, worker => $bound);

my $beacons = $nginx->figures->{beacons};
note(json($beacons));
ok($beacons->{$_}, "there were some: $_")
    for qw(privacy preflight method origin token site too_large inflate
           inflated_too_large encoding media_type aborted syntax);

finish();
