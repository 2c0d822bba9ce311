# Event streams of the status location: an answer at once and again when it
# has changed, one read for all who ask the same, a Redis that goes away and
# comes back, clients that go or do not read, an end when the worker quits.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(time);
use RumRollup;
use RumTest;

my $redis = redis();
my $nginx = nginx(redis => $redis, h2 => 1,
                  http => 'gzip on; gzip_types text/event-stream;',
                  server => 'location /status { rum_status; }');
my $rollup = RumRollup->new($redis, partitions => 1);
my $base = int(time / 3600) * 3600 - 7200;
my $hour = sprintf 'site=shop&from=%d&to=%d', $base, $base + 3600;

sub stream {
    my ($args, $peer) = @_;
    my $client = ($peer || $nginx)->client;

    $client->send("GET /status?$args HTTP/1.0\r\nHost: a\r\n"
                  . "Accept: text/html, Text/Event-Stream;q=0.9\r\n\r\n");
    $client->{end} = time + 600;
    return $client;
}

# what has come so far, without waiting
sub got {
    my ($client) = @_;

    while (!defined $client->{fail}
           && IO::Select->new($client->socket)->can_read(0))
    {
        $client->fill;
    }

    return $client->{in};
}

sub events {
    my ($client, $name) = @_;

    return [ map { json_decode($_) }
             got($client) =~ /^event: $name\ndata: (.*)\n\n/mg ];
}

sub ended {
    my ($client) = @_;

    got($client);
    return defined $client->{fail};
}

sub views {
    my ($n) = @_;

    $rollup->counter('shop', 'all', '*', 'views', $base + 60, $n);
    $rollup->write;
}

sub newest {
    my ($client) = @_;
    my $events = events($client, 'status');

    return @$events ? $events->[-1]{counters}{groups}[0]{views} : undef;
}

views(1);


# at once, and when it changes

my $quiet = stream("$hour&metric=lcp");
my $quiet_since = time;
my $client = stream("$hour&metric=views");

ok(wait_for(sub { @{ events($client, 'status') } == 1 }), 'an answer at once');
is(newest($client), 1, 'with what is there');
like($client->{in}, qr{^HTTP/1.1 200 OK\r\n}, 'status');
like($client->{in}, qr{^Content-Type: text/event-stream\r\n}m, 'type');
like($client->{in}, qr{^Cache-Control: no-cache\r\n}m, 'not cached');
like($client->{in}, qr{^X-Accel-Buffering: no\r\n}m, 'nor buffered');
unlike($client->{in}, qr{^Content-Length}m, 'without an end');

views(2);
ok(wait_for(sub { (newest($client) // 0) == 3 }), 'and when it has changed');
is(scalar @{ events($client, 'status') }, 2, 'only then');

my $late = stream("metric=views&$hour");

ok(wait_for(sub { (newest($late) // 0) == 3 }), 'who joins later gets it too');

# the reads of a feed are those of one client: about one a second
sub reads {
    my ($n) = $redis->command('INFO', 'commandstats')
              =~ /cmdstat_smembers:calls=(\d+)/;
    return $n // 0;
}

my @more = map { stream("$hour&metric=views") } 1 .. 10;

ok(wait_for(sub { !grep { !defined newest($_) } @more }), 'ten more');

my ($reads, $since) = (reads(), time);

views(1);
ok(wait_for(sub { !grep { newest($_) != 4 } @more, $client, $late }),
   'all are told');

# two feeds are open, this one and the quiet one, each looks once a second
cmp_ok(reads() - $reads, '<=', 2 * (time - $since + 2), 'from one read');

$_->close for @more;
views(1);
ok(wait_for(sub { newest($client) == 5 }), 'those who stay still are told');


# what has no stream

my $wrong = stream('last=5');

ok(wait_for(sub { ended($wrong) }), 'a wrong question ends');
like($wrong->{in}, qr{^HTTP/1.1 400 .*"parameter":"last"}s, 'with its 400');

$wrong = stream('by=nothing&site=shop');
ok(wait_for(sub { ended($wrong) }), 'so does one that the index refuses');
like($wrong->{in}, qr{^HTTP/1.1 400 .*"parameter":"by"}s, 'with its 400');

for my $format ('csv', 'prometheus') {
    my $r = $nginx->get("/status?format=$format",
                        headers => ['Accept: text/event-stream']);

    is($r->{status}, 200, "format=$format is no stream");
    unlike($r->{headers}{'content-type'}, qr/event-stream/, 'and says so');
}

is($nginx->head("/status?$hour&metric=views",
                headers => ['Accept: text/event-stream'])->{status}, 200,
   'HEAD gets a header and an end');


# HTTP/1.1: chunks

my $chunked = $nginx->client;

$chunked->send("GET /status?$hour&metric=views HTTP/1.1\r\nHost: a\r\n"
               . "Accept: text/event-stream\r\n\r\n");
$chunked->{end} = time + 600;
ok(wait_for(sub { got($chunked) =~ /\r\n\r\n[0-9a-f]+\r\nevent: status\n/ }),
   'chunked');


# large answers and a client that does not read: it gets the newest at the end

for my $i (1 .. 3000) {
    $rollup->counter('shop', 'page', "/" . 'p' x 200 . $i, 'views',
                     $base + 60, 1);
}

$rollup->write;

my $slow = stream("$hour&by=page&metric=views&limit=10000&sort=value");
my $fast = stream("$hour&by=page&metric=views&limit=10000&sort=value");

for my $round (1 .. 4) {
    $rollup->counter('shop', 'page', '/changes', 'views', $base + 60, 1);
    $rollup->write;
    ok(wait_for(sub {
        my $events = events($fast, 'status');
        @$events && $events->[-1]{counters}{groups}[0]{views} == $round;
    }), "large answer $round");
}

ok(wait_for(sub {
    my $events = events($slow, 'status');
    @$events && $events->[-1]{counters}{groups}[0]{views} == 4;
}), 'one who did not read gets the newest');
$slow->close;
$fast->close;


# Redis goes away and comes back

my $away = redis();
my $other = nginx(redis => $away, server => 'location /status { rum_status; }');
my $there = stream('site=shop', $other);

ok(wait_for(sub { @{ events($there, 'status') } }), 'an answer');
$away->stop;
ok(wait_for(sub { @{ events($there, 'unavailable') } }), 'Redis is away');
ok(events($there, 'unavailable')->[0]{error}, 'the stream says why');
ok(!ended($there), 'and stays');

my $n = @{ events($there, 'status') };

$away->start;
ok(wait_for(sub { @{ events($there, 'status') } > $n }), 'Redis is back');


# over HTTP/2, and through the gzip filter

my $pid = open my $curl, '-|', 'curl', '-sSN', '--http2-prior-knowledge',
    '--compressed', '--max-time', 60, '-H', 'Accept: text/event-stream',
    "http://127.0.0.1:$nginx->{h2_port}/status?$hour&metric=views"
    or die "curl: $!";
my (@events, $line);

while (@events < 2 && defined($line = <$curl>)) {
    next if $line !~ /^data: .*"views":(\d+)/;
    push @events, $1;
    views(1) if @events == 1;
}

cmp_ok($events[1] // 0, '>', $events[0] // 0, 'over HTTP/2, compressed');
kill 'TERM', $pid;
close $curl;


# a comment when nothing happens

ok(wait_for(sub { got($quiet) =~ /\n\n:\n\n$/ }, 30), 'a heartbeat');
cmp_ok(time - $quiet_since, '>=', 14, 'not before its time');
is(scalar @{ events($quiet, 'status') }, 1, 'and no event');


# the worker quits: streams end, whole

$nginx->reload(gone => 1);
ok(wait_for(sub { ended($client) && ended($chunked) }), 'a reload ends them');
like($chunked->{in}, qr/\r\n0\r\n\r\n$/, 'cleanly');

$client = stream("$hour&metric=views");
ok(wait_for(sub { defined newest($client) }), 'the next worker goes on');
is($nginx->quit, 0, 'nginx quits with a stream open');
ok(ended($client), 'which ends');

finish();
