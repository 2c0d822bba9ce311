# Beacons made to blow up what is kept: new sites, pages, tags, metrics, views
# and sessions in each of them, and the same beacon again and again.  Rows,
# keys and memory have a bound, and what is past it is counted as that.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumLoad;
use RumTest;

my $n = $ENV{RUM_VALGRIND} ? 500 : sanitized() ? 2000 : 10_000;
my $redis = redis();
my $nginx = nginx(redis => $redis, redis_options => 'maxlen=20000 ring=1m',
                  server => <<'SERVER');
    location /rum { rum_beacon shop; }
    location /any { rum_beacon $arg_site; }
    location /status { rum_status; }
SERVER
my $agg = aggregator(redis => $redis, conf => <<'END');
flush = 50ms
limit { default = 10  page = 20  error = 20
        dimensions = 4  metrics = 5  sites = 6 }
recent { time = 30m  views = 1000 }
END

my $round = 0;

# the same n beacons are never sent twice
sub attack {
    my ($request, @options) = @_;
    my @results;

    $round++;
    @results = RumLoad->start($nginx->port, $n, $request, @options)
               ->wait;
    is(scalar(grep { ($_ // 0) == 204 } @results), $n,
       "round $round: all are taken");
    ok(caught_up(), "round $round: and read");
}

# by a question that was not asked before: an answer is given again for a
# second
my $asked = 0;

sub overview { return $nginx->json('/status?limit=' . ($asked++ % 9999 + 1)) }

sub caught_up {
    return wait_for(sub {
        my $s = overview() or return;
        return !$s->{module}{ring}{events} && defined $s->{aggregator}{lag}
               && $s->{aggregator}{lag} == 0;
    }, 60);
}

# The names of keys without the window's start and the value with sessions, so
# that a new minute is nothing new; the most keys a window has; the most fields
# a rollup has.
sub kept {
    my (%names, %windows, %kept);

    $kept{rows} = 0;

    for my $key (@{ $redis->command('KEYS', '*') }) {
        my $type = $redis->command('TYPE', $key);
        my $rows = $type eq 'hash' ? $redis->command('HLEN', $key) : 0;

        $names{ $key =~ s/:(1m|1h|1d):\d+:/:$1:/r
                     =~ s/:sessions:.*/:sessions/r }++;
        next if $key !~ /:(1m|1h|1d|total):(\d+):/;
        $windows{"$1:$2"}++;
        $kept{rows} = $rows if $rows > $kept{rows};
    }

    $kept{names} = keys %names;
    ($kept{window}) = sort { $b <=> $a } values %windows;
    $kept{sites} = $redis->command('SCARD', 'rum:{0}:sites');
    $kept{entries} = $redis->command('XLEN', 'rum:{0}:events');

    return \%kept;
}

sub aggregator_rss {
    my ($kb) = slurp('/proc/' . $agg->pid . '/status')
               =~ /^RssAnon:\s+(\d+)/m;

    return $kb;
}


# ----------------------------------------------------------------- replay

# the same view again and again; what is sent again replaces what was

attack(sub {
    RumLoad::post('/rum', json({ v => 1, view => 'again', session => 'again',
        n => 1, seq => 0, page => '/again',
        metrics => { lcp => $_[0] + 1, cls => 0.5 } }));
}, lanes => 1);

my $again = $nginx->json('/status?site=shop&last=1h');
my $counters = $again->{counters}{groups}[0];

is($counters->{beacons}, $n, "one view, sent $n times: each is a beacon");
is($counters->{views}, 1, 'but there is one view');
is($counters->{entrances}, 1, 'and one entrance');
is($counters->{sessions}, 1, 'and one session');
is($again->{metrics}{lcp}{groups}[0]{count}, 1, 'with one LCP');
is($again->{metrics}{lcp}{groups}[0]{sum}, $n, 'the last one that was sent');
is($again->{metrics}{cls}{groups}[0]{sum}, 0.5, 'and one CLS');


# ---------------------------------------------------------- random names

sub random_names {
    my ($i) = @_;
    my $id = "$round-$i";

    # letters: digits would be grouped
    my $word = ($round . $i) =~ tr/0-9/g-p/r;

    return RumLoad::post("/any?site=site-$id", json({
        v => 1, view => "v$id", session => "s$id", n => 1, seq => 0,
        page => "/$word/x$word",
        metrics => { lcp => $i + 1, "custom.$word" => 7, "m$word" => 1 },
        tags => { "tag$word" => $word, "ab" => $word } }));
}

attack(\&random_names);
my $first = kept();
attack(\&random_names) for 1 .. 3;
my $last = kept();
my $rss = aggregator_rss();

note(json({ first => $first, last => $last, rss => $rss }));

is($last->{sites}, 7, 'six sites, and (other) for the rest');
ok($redis->command('SISMEMBER', 'rum:{0}:sites', '(other)'), 'which is told');
cmp_ok($last->{rows}, '<=', 21, 'no rollup has more rows than its limit');
is($last->{names}, $first->{names}, 'no names that the first did not have');
cmp_ok($last->{window}, '<=', 1000, 'no window has more keys than there may be');
cmp_ok($last->{entries}, '<=', 20500, 'the stream is trimmed');
cmp_ok($rss, '<', 40 * 1024, "the aggregator has $rss KB")
    unless sanitized();

my $other = $nginx->json('/status?site=(other)&last=1h&by=page');
my $all = $nginx->json('/status?site=(other)&last=1h');

is($all->{counters}{groups}[0]{beacons}, 4 * $n - 5, 'all are counted');
is($other->{limited}, JSON::PP::true, 'and status says that pages were cut');

my $health = overview()->{aggregator};
cmp_ok($health->{$_}, '>', 0, "$_ is counted") for qw(other forgotten);
is($health->{$_}, 0, "$_: none") for qw(lost rejected);
cmp_ok($redis->command('HGET', 'rum:{0}:health', 'dropped') // 0, '>', 0,
       'names that were left out are counted');


# ----------------------------------------------- one site, random values

sub random_values {
    my ($i) = @_;
    my $word = ($round . $i) =~ tr/0-9/g-p/r;

    return RumLoad::post('/any?site=site-2-0', json({
        v => 1, view => "w$round-$i", session => "w$round-$i", n => 1,
        page => "https://" . ($i % 7 ? '' : $word) . ".example/$word" . 'x' x 99,
        from => "/$word", network => $word, nav => $word,
        metrics => { lcp => 1 + $i % 60000, cls => 1 / ($i + 1) },
        errors => [ { type => $word, message => $word, stack => $word } ],
        resources => [ { host => "$word.test", type => $word, count => 1 } ],
        events => [ { name => $word, value => $i } ],
        attribution => { lcp => { target => "#$word" } } }));
}

attack(\&random_values);
$first = kept();
attack(\&random_values);
$last = kept();

cmp_ok($last->{rows}, '<=', 21, 'one site: no rollup has more rows');
is($last->{names}, $first->{names}, 'one site: nor are there more names');


finish();
