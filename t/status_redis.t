# The status location and a Redis that is away, silent, slow, loading, or
# comes back: what it answers, that it waits no longer than its deadline, that
# identical requests are one read, and that nothing else waits with it.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(time);
use RumTest;

my $fake = fake_redis(sub {
    my ($conn, $mode, @command) = @_;

    return undef if $mode eq 'stall';
    select undef, undef, undef, 0.8 if $mode eq 'slow';
    return $conn->hold(@command) if $mode eq 'hold';
    return "-LOADING Redis is loading the dataset in memory\r\n"
        if $mode eq 'loading';
    return $conn->hang_up if $mode eq 'close';
    return "*1\r\n\$4\r\nshop\r\n" if $command[1] eq 'rum:{0}:sites';
    return $conn->ok(@command);
});

my $nginx = nginx(redis => $fake, server => <<'CONF');
        location /status { rum_status; }
        location /other { return 200 "other"; }
CONF

sub start {
    my ($target) = @_;
    my $client = $nginx->client;

    $client->send("GET $target HTTP/1.1\r\nHost: a\r\n\r\n");
    return $client;
}

sub count { return scalar @{ $fake->commands($_[0]) } }

sub recovers {
    my ($what) = @_;

    ok(wait_for(sub { $nginx->get('/status')->{status} == 200 }), $what);
}


# together: one read

$fake->mode('hold');

my $before = count('SMEMBERS');
my @clients = map { start('/status?site=shop&metric=lcp') } 1 .. 20;

ok(wait_for(sub { count('SMEMBERS') > $before }), 'Redis is asked');

# the last request has arrived when one after it has been answered
is($nginx->get('/other')->{body}, 'other', 'other locations do not wait');

$fake->mode('');

my @answers = map { $_->response('GET') } @clients;

is_deeply([ map { $_->{status} } @answers ], [ (200) x 20 ],
          'all 20 are answered');
is(scalar(keys %{ { map { $_->{body} => 1 } @answers } }), 1,
   'with the same answer');
is(count('SMEMBERS') - $before, 1, 'from one read');


# a client that goes away does no harm, to itself or to those who wait with it

$fake->mode('hold');
$before = count('SMEMBERS');

my $gone = start('/status?site=gone');
my $stays = start('/status?site=gone');

ok(wait_for(sub { count('SMEMBERS') > $before }), 'two wait');
$gone->close;
ok(wait_for(sub { $nginx->log =~ /client.*closed.*connection/ }),
   'one goes away');
$fake->mode('');
is($stays->response('GET')->{status}, 200, 'the other is answered');


# silence: 504 after the deadline, and a worker that goes on

$fake->mode('stall');

my $begin = time;
my $client = start('/status?site=stalled');

is($nginx->get('/other')->{body}, 'other', 'silence holds up nothing else');

my $r = $client->response('GET');

is($r->{status}, 504, 'silence: 504');
like(json_decode($r->{body})->{error}, qr/in time/, 'which says so');
cmp_ok(time - $begin, '<', 10, 'long before the link gives up');

$r = $nginx->get('/status');
ok($r->{status} == 504 || $r->{status} == 503, 'the overview fails too');
ok(json_decode($r->{body})->{module}{beacons},
   'but has the figures of the module');

$fake->mode('close');
$fake->stop;
$fake->mode('');
$fake->start;
recovers('it works again');


# slow, but it goes on: an answer, although it takes longer than a silence may

$fake->mode('slow');
$begin = time;
$r = $nginx->get('/status?site=slow&metric=views&last=1m');
is($r->{status}, 200, 'a slow Redis that goes on');
cmp_ok(time - $begin, '>', 2, 'takes its time');
$fake->mode('');


# error replies

$fake->mode('loading');
ok(wait_for(sub {
    $r = $nginx->get('/status?site=loading');
    $r->{status} == 503;
}), 'LOADING: 503');
like(json_decode($r->{body})->{error}, qr/redis says: LOADING/, 'told');
is($r->{headers}{'retry-after'}, '1', 'Retry-After');
$fake->mode('');
recovers('it works again');


# connections that end in the middle

$fake->mode('close');
ok(wait_for(sub { $nginx->get('/status?site=closed')->{status} == 503 }),
   'closed: 503');
$fake->mode('');
recovers('it works again');


# away

$fake->stop;
ok(wait_for(sub {
    $r = $nginx->get('/status?limit=' . (1 + int rand 9000));
    $r->{status} == 503;
}), 'away: 503');
is(json_decode($r->{body})->{error}, 'redis is not reachable', 'told');
is($r->{headers}{'retry-after'}, '1', 'Retry-After');
ok(json_decode($r->{body})->{module}{beacons}, 'the module is still there');

$begin = time;
$nginx->get("/status?limit=$_") for 1 .. 20;
cmp_ok(time - $begin, '<', 2, 'known to be away: at once');

is($nginx->get('/other')->{body}, 'other', 'nothing else is touched');

$fake->start;
recovers('it works again');


# more questions than are taken at once

$fake->mode('stall');
@clients = map { start("/status?limit=$_") } 1001 .. 1120;
@answers = map { $_->response('GET')->{status} } @clients;
ok((grep { $_ == 503 } @answers) >= 20, 'too many questions: 503');
is((grep { $_ != 503 && $_ != 504 } @answers), 0, 'the others: 504');
$fake->stop;
$fake->mode('');
$fake->start;
recovers('it works again');


# quit and reload while requests wait

$fake->mode('hold');
$before = count('SMEMBERS');
$client = start('/status?site=reload');
ok(wait_for(sub { count('SMEMBERS') > $before }), 'a request waits');
kill 'HUP', $nginx->pid;
ok(wait_for(sub { $nginx->log =~ /gracefully shutting down/ }), 'a reload');
$fake->mode('');
is($client->response('GET')->{status}, 200, 'lets it end');
recovers('the new worker answers');

is($nginx->quit, 0, 'quit');

finish();
