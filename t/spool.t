# The spool: what Redis cannot take goes to disk, and from there to Redis when
# it can; whoever dies meanwhile, and whatever else lies in the folder.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumCounted;
use RumLoad;

allow_log(qr/\[alert\].*process \d+ exited on signal 9/);

my $big = { errors => [ map { { message => "m$_", stack => 'x' x 2000 } }
                        1 .. 20 ] };
my $number = 0;

sub folder {
    my $dir = tmp('spool' . $number++);

    mkdir $dir;
    return $dir;
}

sub server {
    my ($redis, $dir, %o) = @_;

    return nginx(redis => $redis,
        redis_options => 'ring=1m timeout=1s connect_timeout=1s',
        http => "rum_spool $dir " . ($o{max} // '') . ';',
        server => <<'END', %o);
        location /rum { rum_beacon shop; }
        location /stored { rum_beacon shop; rum_ack stored; }
        location /status { rum_status; }
END
}

sub files   { return glob "$_[0]/*.spool" }
sub figures { return $_[0]->figures || {} }
sub spool   { return figures($_[0])->{spool}{$_[1]} // -1 }

sub empty {
    my ($dir) = @_;

    return wait_for(sub { my @files = files($dir); return !@files }, 30);
}

# answers of so many beacons, as "204 x 10"
sub post {
    my ($nginx, $to, $n, $over) = @_;
    my $c = $nginx->client;
    my %answers;

    $answers{ $c->request('POST', $to, body => beacon_json($over))->{status} }++
        for 1 .. $n;
    return join ', ', map { "$_ x $answers{$_}" } sort keys %answers;
}

# the same, on a connection each, all at once
sub post_at_once {
    my ($nginx, $to, $n, $over) = @_;
    my (@clients, %answers);

    for (1 .. $n) {
        my $c = $nginx->client;
        my $body = beacon_json($over);

        $c->send("POST $to HTTP/1.1\r\nHost: a\r\nContent-Length: "
                 . length($body) . "\r\n\r\n$body");
        push @clients, $c;
    }

    $answers{ $_->response('POST')->{status} }++ for @clients;
    return join ', ', map { "$_ x $answers{$_}" } sort keys %answers;
}

# different events that were counted
sub counted {
    my ($nginx) = @_;
    my $s = RumCounted::settled($nginx) or return 'not settled';

    return $s->{aggregator}{events} - $s->{aggregator}{duplicates}
           . ' events, '
           . $s->{aggregator}{lost} . ' lost';
}

sub crash {
    my ($nginx) = @_;
    my $pid = delete $nginx->{pid};
    my @workers = split ' ', slurp("/proc/$pid/task/$pid/children");

    RumTest::stop($pid, 'KILL');
    kill 'KILL', @workers;
    wait_for(sub { !RumTest::Http->new($nginx->port)->socket });
}


# --------------------------------------------- Redis refuses: queued, stored

{
    my $fake = fake_redis(sub {
        my ($conn, $mode, @command) = @_;

        return "-$1\r\n" if $mode =~ /^error (.*)/
                            && uc $command[0] eq 'XADD';
        return $conn->ok(@command);
    });
    my $dir = folder();
    my $nginx = server($fake, $dir);
    my ($sent, $written) = (0, 0);

    for my $error ('OOM command not allowed', 'LOADING Redis is loading',
                   'READONLY You can\'t write', 'NOAUTH Authentication',
                   'MISCONF Redis is configured')
    {
        my ($name) = $error =~ /^(\w+)/;

        $fake->mode("error $error");
        is(post($nginx, '/rum', 40, $big), '204 x 40',
           "-$name, queued: taken, though the ring is full");
        cmp_ok(spool($nginx, 'written'), '>', $written + 5,
               "-$name: the spool has some");
        is(post($nginx, '/stored', 3), '204 x 3', "-$name, stored: taken");
        $written = spool($nginx, 'written');
        $fake->mode('');
        $sent += 43;
        ok(empty($dir), "-$name: replayed, and the files deleted");
    }

    ok(wait_for(sub { figures($nginx)->{ring}{events} == 0 }), 'all is sent');

    my (%seen, %last, @disorder);
    for my $command (@{ $fake->commands('XADD') }) {
        my ($writer, $n) = split /-/, $command->[8];

        next if $seen{$command->[8]}++;
        push @disorder, $command->[8] if $n != ($last{$writer} || 0) + 1;
        $last{$writer} = $n;
    }

    is(scalar keys %seen, $sent, 'each event, under an id of its own');
    is("@disorder", '', 'in order, and without a gap');
    is(spool($nginx, 'bytes'), 0, 'status: the spool is empty');
    cmp_ok(spool($nginx, 'high_water'), '>', 400_000, 'and was not');
    is(spool($nginx, 'torn') + spool($nginx, 'errors')
       + spool($nginx, 'refused'), 0, 'nothing went wrong');
}


# --------------------------------------------------- Redis is silent: stored

{
    my $redis = redis();
    my $dir = folder();
    my $nginx = server($redis, $dir);

    is(post($nginx, '/stored', 1), '204 x 1', 'a link that works');
    $redis->pause;
    is(post($nginx, '/stored', 2), '204 x 2',
       'Redis is silent: the spool answers');
    cmp_ok(spool($nginx, 'written'), '>=', 2, 'which has them');
    $redis->resume;
    ok(empty($dir), 'it goes on');
}


# -------------------- events go now to the ring, now to the spool, 90 times

{
    my $redis = redis();
    my $dir = folder();
    aggregator(redis => $redis);
    my $nginx = server($redis, $dir);
    my $n = 0;

    $redis->stop;
    until (spool($nginx, 'written') > 0) { post($nginx, '/rum', 1, $big); $n++ }
    for (1 .. 90) {
        post($nginx, '/rum', 1);
        post($nginx, '/rum', 1, $big);
        $n += 2;
    }
    cmp_ok(spool($nginx, 'written'), '>', 80, 'large ones do not fit the ring');
    cmp_ok(figures($nginx)->{events}{queued}, '>', 80, 'small ones do');
    $redis->start;
    ok(empty($dir), 'Redis is back');
    is(counted($nginx), "$n events, 0 lost", 'all are counted');
}


# ----------------------------------------- everybody dies; what lies around

{
    my $redis = redis();
    my $dir = folder();
    my $agg = aggregator(redis => $redis);
    my $nginx = server($redis, $dir, workers => 2);
    my (@files, $bytes);

    $redis->stop;
    is(post($nginx, '/stored', 50), '204 x 50', 'stored, without Redis');
    is(figures($nginx)->{ring}{at_risk}, 0, 'nothing is at risk');

    my ($worker) = $nginx->workers;
    kill 'KILL', $worker;
    ok(wait_for(sub { !grep { $_ == $worker } $nginx->workers }),
       'a worker is killed');
    is(post($nginx, '/stored', 20), '204 x 20', 'the others go on');
    crash($nginx);
    @files = files($dir);
    cmp_ok(scalar @files, '>=', 1, 'all are killed, files are left');

    # torn: a record that is half there
    $bytes = slurp($files[0]);
    spew($files[0], $bytes . substr $bytes, 16, 40);

    # foreign
    spew("$dir/README", 'not ours');
    spew("$dir/garbage.spool", 'x' x 4096);
    spew("$dir/empty.spool", '');
    spew("$dir/short.spool", 'ngx_rum');
    spew("$dir/.spool", 'a name that is none');
    mkdir "$dir/folder.spool";
    symlink "$dir/README", "$dir/link.spool";

    $redis->start;
    $nginx->start;
    ok(wait_for(sub { join(' ', map { s/.*\///r } files($dir))
                      eq 'folder.spool link.spool' }, 30),
       'the next nginx takes what they left')
        or diag(join ' ', files($dir));
    is(counted($nginx), '70 events, 0 lost', 'all of it, once');
    is(spool($nginx, 'torn'), 3, 'torn and damaged files are counted');
    ok(-e "$dir/garbage.spool.bad", 'a damaged one is kept');
    is(slurp("$dir/README"), 'not ours', 'what is not ours is left alone');
    like($nginx->log, qr/\[warn\].*spool: ".*" was torn at byte \d+/,
         'the log says where');
    like($nginx->log, qr/\[warn\].*garbage.spool" is damaged at byte 16/,
         'and which');
}


# ----------------------------------------------------- damaged in the middle

{
    my $redis = redis();
    my $dir = folder();
    aggregator(redis => $redis);
    my $nginx = server($redis, $dir);
    my ($file, $bytes);

    $redis->stop;
    is(post($nginx, '/stored', 10), '204 x 10', 'ten events');
    crash($nginx);
    ($file) = files($dir);
    $bytes = slurp($file);
    substr($bytes, length($bytes) / 2, 1) ^= "\x01";
    spew($file, $bytes);
    $redis->start;
    $nginx->start;
    ok(wait_for(sub { -e "$file.bad" }), 'a damaged file is put aside');
    is(length slurp("$file.bad"), length $bytes, 'whole');
    like(counted($nginx), qr/^[45] events, 0 lost$/, 'up to there it counts');
    is(spool($nginx, 'torn'), 1, 'counted');
}


# ---------------------------------------------------------- full: max=, disk

{
    my $redis = redis();
    my $dir = folder();
    aggregator(redis => $redis);
    my $nginx = server($redis, $dir, max => 'max=1m');
    my ($answers, $taken);

    $redis->stop;
    $answers = post_at_once($nginx, '/stored', 40, $big);
    ($taken) = $answers =~ /^204 x (\d+), 503 x \d+$/;
    ok($taken, "the spool is full: $answers") or $taken = 0;
    cmp_ok(spool($nginx, 'refused'), '>', 0, 'that is counted');
    cmp_ok(spool($nginx, 'high_water'), '<=', 1048576, 'max= holds');
    $redis->start;
    ok(empty($dir), 'Redis is back');
    is(post($nginx, '/stored', 1), '204 x 1', 'there is room again');
    like(counted($nginx), qr/^\d+ events, 0 lost$/, 'nothing is lost');
    cmp_ok(figures($nginx)->{beacons}{accepted}, '>=', $taken + 1,
           'of what was taken');
}

SKIP: {
    my $dir = folder();

    skip 'a small file system cannot be mounted', 6
        if $> != 0 || system "mount -t tmpfs -o size=256k none $dir 2>&-";

    my $redis = redis();
    aggregator(redis => $redis);
    my $nginx = server($redis, $dir);
    my ($answers, $taken);

    $redis->stop;
    $answers = post_at_once($nginx, '/stored', 20, $big);
    ($taken) = $answers =~ /^204 x (\d+), 503 x \d+$/;
    ok($taken, "the disk is full: $answers") or $taken = 0;
    cmp_ok(spool($nginx, 'errors'), '>', 0, 'that is counted');
    like($nginx->log, qr/\[crit\].*spool: pwritev\(\) of .* No space left/,
         'the log says it');
    is(() = $nginx->log =~ /No space left/g, 1, 'once');
    $redis->start;
    ok(empty($dir), 'Redis is back');
    is(spool($nginx, 'torn'), 0, 'with whole records only');
    $nginx->stop;
    system 'umount', $dir;
}


# ------------------------------------------------------------ a disk that lies

{
    my $redis = redis();
    my $dir = folder();
    my ($nginx, $so, $fails);

    $so = tmp('fdatasync.so');
    $fails = tmp('fdatasync.fails');
    spew(tmp('fdatasync.c'), <<"END");
#include <errno.h>
#include <unistd.h>
int fdatasync(int fd) { (void) fd;
    if (access("$fails", F_OK) == 0) { errno = EIO; return -1; } return 0; }
END
    is(system('cc', '-shared', '-fPIC', '-o', $so, tmp('fdatasync.c')), 0,
       'a disk that fails on demand');

    {
        local $ENV{LD_PRELOAD} = $so;
        $nginx = server($redis, $dir);
    }

    $redis->stop;
    is(post($nginx, '/stored', 1), '204 x 1', 'it works');
    spew($fails, '');
    is(post($nginx, '/stored', 1), '503 x 1',
       'what was not synced is not stored');
    like($nginx->log, qr/\[crit\].*fdatasync\(\) of .* failed \(5:/, 'EIO');
    unlink $fails;
    is(post($nginx, '/stored', 1), '204 x 1', 'it works again');
}


# ------------------------------------------------------- a disk without locks

{
    my $redis = redis();
    my $dir = folder();
    my ($nginx, $so);

    # at most a hundred times: a worker must not try for ever
    $so = tmp('flock.so');
    spew(tmp('flock.c'), <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
int flock(int fd, int op) { static int n;
    if (++n <= 100) { errno = ENOLCK; return -1; }
    return ((int (*)(int, int)) dlsym(RTLD_NEXT, "flock"))(fd, op); }
END
    is(system('cc', '-shared', '-fPIC', '-o', $so, tmp('flock.c'), '-ldl'),
       0, 'a disk that has no locks');

    {
        local $ENV{LD_PRELOAD} = $so;
        $nginx = server($redis, $dir);
    }

    $redis->stop;
    is(post($nginx, '/stored', 1), '503 x 1', 'nothing is spooled');
    like($nginx->log, qr/\[crit\].*flock\(\) of .* failed \(37:/, 'ENOLCK');
    is(() = files($dir), 0, 'and no file is left');
}


# -------------------------------------------------- files that cannot be read

{
    my $redis = redis();
    my $dir = folder();
    my ($nginx, $so, @files);

    # root may read anything
    $so = tmp('unreadable.so');
    spew(tmp('unreadable.c'), <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/types.h>
int open64(const char *name, int flags, ...) {
    va_list args; int mode;
    if (strstr(name, "/closed.spool")) { errno = EACCES; return -1; }
    va_start(args, flags); mode = va_arg(args, int); va_end(args);
    return ((int (*)(const char *, int, ...))
            dlsym(RTLD_NEXT, "open64"))(name, flags, mode); }
ssize_t pread64(int fd, void *buf, size_t n, off64_t at) {
    char link[64], name[512] = "";
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (readlink(link, name, sizeof(name) - 1) > 0
        && strstr(name, "/broken.spool")) { errno = EIO; return -1; }
    return ((ssize_t (*)(int, void *, size_t, off64_t))
            dlsym(RTLD_NEXT, "pread64"))(fd, buf, n, at); }
END
    is(system('cc', '-shared', '-fPIC', '-o', $so, tmp('unreadable.c'),
              '-ldl'), 0, 'a disk with two such files');

    @files = map { "$dir/$_.spool" } qw(broken closed);
    spew($_, 'whatever') for @files;
    utime 1e9, 1e9, @files;

    {
        local $ENV{LD_PRELOAD} = $so;
        $nginx = server($redis, $dir);
    }

    $redis->stop;
    is(post($nginx, '/stored', 5), '204 x 5', 'five events');
    $redis->start;
    ok(wait_for(sub { spool($nginx, 'replayed') == 5 }),
       'which are replayed all the same');
    ok(wait_for(sub { "@{[ files($dir) ]}" eq "@files" }),
       'those two are left where they are');
    is(spool($nginx, 'unreadable'), 2, 'status: so many');
    is(spool($nginx, 'errors'), 2, 'each is counted once');
    is(join(' ', $nginx->log =~ m{\[crit\].*spool:\ (\w+)\(\)\ of\ ".*/
           (\w+\.spool)"\ failed,\ it\ is\ not\ replayed\ \((\d+):}gx),
       'pread broken.spool 5 open closed.spool 13',
       'and told: what, which, why');

    unlink @files;
    ok(wait_for(sub { spool($nginx, 'unreadable') == 0 }),
       'until they are gone');
}


# -------------------------------------------------- a folder that is not there

{
    my $redis = redis();
    my $dir = folder();
    my $nginx = server($redis, $dir);
    my ($ok, $out);

    $redis->stop;
    rmdir $dir;
    is(post_at_once($nginx, '/stored', 2), '503 x 2',
       'the folder is gone: 503');
    cmp_ok(spool($nginx, 'errors'), '>', 0, 'counted');
    like($nginx->log, qr/\[crit\].*spool: open(?:dir)?\(\) of .* failed/,
         'in the log');
    mkdir $dir;
    is(post($nginx, '/stored', 2), '204 x 2', 'it is back');

    ($ok, $out) = $nginx->check(http => 'rum_spool /nowhere/at/all;');
    ok(!$ok, 'a folder that cannot be made');
    like($out, qr{\[emerg\] mkdir\(\) "/nowhere/at/all" failed},
         'is an error at the start');
}


# -------------------------------------------------------------- reload, quit

{
    my $redis = redis();
    my $dir = folder();
    aggregator(redis => $redis);
    my $nginx = server($redis, $dir, workers => 2);

    $redis->stop;
    is(post($nginx, '/rum', 20), '204 x 20', 'queued, without Redis');
    $nginx->reload(gone => 1);
    is(spool($nginx, 'written'), 20, 'a worker that is replaced spools them');
    is(post($nginx, '/rum', 20), '204 x 20', 'twenty more');
    is($nginx->quit, 0, 'quit');
    unlike($nginx->log, qr/not acknowledged/, 'nothing is said to be lost');
    $redis->start;
    $nginx->start;
    ok(empty($dir), 'the next nginx takes them');
    is(counted($nginx), '40 events, 0 lost', 'and all are counted');
    is(figures($nginx)->{events}{lost_exit}, 0, 'none is lost');
}


# ---------------------------------------------------------------- many files

{
    my $redis = redis();
    my $dir = folder();
    aggregator(redis => $redis);
    my $nginx = server($redis, $dir, workers => 2);
    my ($file, $bytes, @order);

    $redis->stop;
    is(post($nginx, '/stored', 3), '204 x 3', 'three events');
    crash($nginx);

    # as 150 workers would have left them, the oldest last by name
    for my $from (files($dir)) {
        $bytes = slurp($from);
        unlink $from;

        for my $n (1 .. 150) {
            $file = sprintf "%s/w%03d-1.spool", $dir, 999 - $n;
            spew($file, $bytes);
            utime 1e9 + $n, 1e9 + $n, $file;
        }
    }

    $redis->start;
    $nginx->start;
    ok(empty($dir), '150 files are replayed');
    is(counted($nginx), '3 events, 0 lost', 'the same 150 times counts once');
    @order = $nginx->log =~ /replaying ".*\/w(\d+)-1.spool"/g;
    cmp_ok($order[0] + $order[1], '>', 998 + 990, 'the oldest first');
}

finish();
