# A limit on the size of files (ulimit -f): the kernel's signal for who writes
# past it must not end a worker.  The spool keeps its files below it.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumCounted;
use RumLoad;

my $limit = 1 << 20;
my $spool = tmp('spool');
my $redis = redis(aof => 1);
my $agg = aggregator(redis => $redis, conf => RumCounted::conf());
my $nginx = nginx(redis => $redis, workers => 1, log_level => 'error',
                  redis_options => 'ring=1m timeout=1s',
                  http => "rum_spool $spool;", server => <<'END');
    location /rum { rum_beacon shop; rum_ack stored; }
    location /status { rum_status; }
END

my $error = '{"message":"m","stack":"' . 'x' x 1500 . '"}';
my $more = ',"errors":[' . join(',', ($error) x 6) . ']';
my @results;

sub limit {
    my ($pid, $bytes) = @_;

    is(system('prlimit', '--pid', $pid, "--fsize=$bytes:"), 0,
       "the limit of files is $bytes bytes");
}

sub load {
    my ($n) = @_;
    my $from = @results;

    push @results, RumLoad->start($nginx->port, $n, sub {
        RumCounted::request($_[0] + $from, $more);
    }, depth => 8)->wait;
}

sub statuses {
    my %n;

    $n{$_ // 'none'}++ for @results[$_[0] .. $#results];
    return join ' ', map { "$_: $n{$_}" } sort keys %n;
}


limit($nginx->pid, $limit);
$nginx->reload(gone => 1);
my ($worker) = $nginx->workers;

$redis->stop;
load(400);
is(statuses(0), '204: 400', 'what is more than the limit is spooled');

my @files = glob "$spool/*.spool";
cmp_ok(scalar @files, '>', 2, 'in several files');
is(scalar(grep { -s $_ > $limit } @files), 0, 'none is larger');
my $errors = $nginx->figures->{spool}{errors};


# from one moment to the next, no file may grow any more

limit($worker, 0);
load(50);
is(statuses(400), '503: 50', 'without room for a byte the answer is 503');
is(join(' ', $nginx->workers), $worker, 'the worker lives');
cmp_ok($nginx->figures->{spool}{errors}, '>', $errors, 'it is counted');

limit($worker, 'unlimited');
load(50);
is(statuses(450), '204: 50', 'with room again it is 204');

$redis->start;
ok(wait_for(sub { my @left = glob "$spool/*.spool"; !@left }, 60),
   'the spool is replayed');
RumCounted::check($nginx, 'with limits', @results);
is($nginx->figures->{spool}{torn}, 0, 'no file is torn');

finish();
