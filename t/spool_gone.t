# Clients that go away while their events are being synced to the spool: the
# sync goes on, the next one waits for it, and what was written is replayed.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

my $redis = redis();
$redis->stop;

my $spool = tmp('spool');
my $nginx = nginx(redis => $redis, http => "rum_spool $spool;",
                  server => <<'CONF');
location /stored { rum_beacon shop; rum_ack stored; }
location /status { rum_status; }
CONF

# each round leaves its clients behind in the middle of the sync
for my $round (1 .. 150) {
    my @gone = map { $nginx->client } 1 .. 6;

    for my $client (@gone) {
        my $body = beacon_json();

        $client->send("POST /stored HTTP/1.1\r\nHost: shop\r\n"
                      . 'Content-Length: ' . length($body)
                      . "\r\n\r\n$body");
    }

    $_->close for @gone;
}

is($nginx->beacon('/stored', {})->{status}, 204,
   'who stays is told that the event is on disk');

my $written = $nginx->figures->{spool}{written};
ok($written > 100, "$written events were written");

$redis->start;

ok(wait_for(sub { $redis->command('XLEN', 'rum:{0}:events') >= $written },
            60), 'all of them are replayed');

finish();
