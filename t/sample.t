# rum_sample: a share of the sessions is kept, whole sessions always, and what
# is counted of them stands for all.  Which ones and for how many each stands
# is computed here once more, from the ids: what comes out is known exactly,
# and is near what was sent.

use strict;
use warnings;
no warnings 'portable';                # 64-bit numbers

use lib 't/lib';
use Test::More;
use RumLoad;
use RumTest;

my $redis = redis();
my $agg = aggregator(redis => $redis);
my $nginx = nginx(redis => $redis, workers => 2, server => <<'SERVER');
        rum_sample 0.25;
        add_header X-Result $rum_result always;

        location /quarter { rum_beacon quarter; }
        location /third { rum_beacon third; rum_sample 30%; }
        location /least { rum_beacon least; rum_sample 0.001; }
        location /all { rum_beacon all; rum_sample 1; }
        location /strict { rum_beacon strict; rum_privacy strict; }
        location /vitals { rum_beacon vitals; }
        location /stored { rum_beacon stored; rum_ack stored; }
        location /status { rum_status; }
SERVER

my $sessions = 3000;


# ------------------------------------------------ what the module does, again

sub multiply { use integer; return $_[0] * $_[1] }

sub hash {
    my ($id) = @_;
    my $hash = 0xcbf29ce484222325;

    $hash = multiply($hash ^ $_, 0x100000001b3) & ~0 for unpack 'C*', $id;
    $hash = multiply($hash ^ $hash >> 33, 0xff51afd7ed558ccd) & ~0;
    $hash = multiply($hash ^ $hash >> 33, 0xc4ceb9fe1a85ec53) & ~0;
    return $hash ^ $hash >> 33;
}

# the rate in millionths; 0: not kept
sub weight {
    my ($id, $rate) = @_;
    my $hash = hash($id);

    return 0 if ($hash >> 32) * 1000000 >> 32 >= $rate;
    return int(1000000 / $rate)
           + (($hash & 0xffffffff) * $rate >> 32 < 1000000 % $rate);
}

sub sum { my $sum = 0; $sum += $_ for @_; return $sum }

# the first id of that kind for which this is true
sub first {
    my ($kind, $is) = @_;
    my $i = 0;

    $i++ until $is->("$kind$i");
    return "$kind$i";
}


# ------------------------------------------------------- thousands of sessions

# Two beacons of each at a quarter, the second one with a better LCP and the
# final CLS; one at 30 %.
sub session {
    my ($i) = @_;
    my $number = int($i / 3);
    my ($part, $view) = ($i % 3, "v$number");

    return RumLoad::post($part == 2 ? '/third' : '/quarter', json({
        v => 1, session => "s$number", view => $view, page => '/',
        n => 1, seq => $part == 1 ? 1 : 0,
        metrics => $part == 1 ? { lcp => 100 + $number, cls => 0.3 }
                              : { lcp => 5000, cls => 0.05 },
        $part == 1 ? (events => [ { name => 'paid', value => 10 } ]) : () }));
}

my @results = RumLoad->start($nginx->port, 3 * $sessions, \&session,
                             lanes => 4, lane => sub { int($_[0] / 3) })->wait;

is_deeply([ grep { $_ != 204 } @results ], [], 'all are answered with 204');

my %weight = (quarter => 250000, third => 300000);

for my $site (sort keys %weight) {
    my $rate = $weight{$site};

    $weight{$site} = [ map { weight("s$_", $rate) } 0 .. $sessions - 1 ];
}

my %kept = map { $_ => scalar grep { $_ } @{ $weight{$_} } } keys %weight;
my $stored = 2 * $kept{quarter} + $kept{third};

is_deeply($nginx->figures->{beacons}{accepted}, $stored,
          'as many are taken as the ids say');
is($nginx->figures->{beacons}{sampled}, 3 * $sessions - $stored,
   'the others are counted, too');

ok(wait_for(sub {
    my $health = $nginx->json('/status')->{aggregator};
    ($health->{events} || 0) == $stored && $health->{lag} == 0;
}), 'all are rolled up');

sub status {
    my ($site, @more) = @_;
    my $answer = $nginx->json(join '&', "/status?site=$site", @more);

    return {
        (map { $_ => $answer->{metrics}{$_}{groups}[0] }
             keys %{ $answer->{metrics} || {} }),
        %{ $answer->{counters}{groups}[0] || {} },
    };
}

# five standard deviations of what was not kept, of ids that do not change
sub near {
    my ($got, $rate, $what) = @_;
    my $deviation = sqrt($sessions * (1 / $rate - 1));

    cmp_ok(abs($got - $sessions), '<', 5 * $deviation,
           "$what: $got, of $sessions");
}

my $quarter = status('quarter');
my $third = status('third');
my $weights = $weight{quarter};

is($quarter->{views}, 4 * $kept{quarter}, 'each view stands for four');
is($quarter->{$_}, $quarter->{views}, "as does each of the $_")
    for qw(entrances bounces);
is($quarter->{beacons}, 2 * $quarter->{views}, 'and each beacon');
near($quarter->{views}, 0.25, 'views at a quarter');

is($third->{views}, sum(@{ $weight{third} }),
   '30 %: some for three, some for four');
is_deeply([ sort keys %{ { map { $_ => 1 } @{ $weight{third} } } } ],
          [0, 3, 4], 'which are both there');
near($third->{views}, 0.3, 'views at 30 %');

is($quarter->{cls}{count}, $quarter->{views}, 'one CLS for each view');
is($quarter->{cls}{poor}, $quarter->{views}, 'the final one');
is($quarter->{cls}{$_}, 0, "none is $_") for qw(good needs_improvement);
is($quarter->{lcp}{count}, $quarter->{views}, 'one LCP for each view');
is($quarter->{lcp}{sum},
   sum(map { $weights->[$_] * (100 + $_) } 0 .. $sessions - 1),
   'the final one');
is($quarter->{lcp}{min}, 100 + (grep { $weights->[$_] } 0 .. 2999)[0],
   'the smallest is one that was measured');
is($third->{lcp}{count}, $third->{views}, '30 %: the LCP counts as often');

# quantiles are those of all sessions, as near as so many tell
cmp_ok(abs($quarter->{lcp}{p50} - 1600), '<', 160, 'the median')
    or diag($quarter->{lcp}{p50});

cmp_ok(abs($quarter->{sessions} - 4 * $kept{quarter}), '<', 0.03 * $sessions,
       "sessions: $quarter->{sessions}, of $sessions");
cmp_ok(abs($third->{sessions} - $third->{views}), '<', 0.03 * $sessions,
       "sessions at 30 %: $third->{sessions}, of $sessions");

my $paid = $nginx->json('/status?site=quarter&by=event');

is($paid->{counters}{groups}[0]{events}, 4 * $kept{quarter},
   'conversions stand for four, too');
is($paid->{metrics}{value}{groups}[0]{sum}, 40 * $kept{quarter},
   'and what they are worth');

my $text = $nginx->get('/status?format=prometheus')->{body};

like($text, qr/^rum_module_beacons_total\{result="sampled"\} [1-9]/m,
     'Prometheus is told of what was not kept');
like($text, qr/^rum_views_total\{site="quarter"\} $quarter->{views}$/m,
     'and of the views that they stand for');


# ------------------------------------------------------------ the entries

my ($code, $tail) = $agg->run('tail', '-c', $agg->file, '--once', '-n',
                              $stored);
my %told;

for my $event (map { json_decode($_) } grep { /^\{/ } split /\n/, $tail) {
    $told{$event->{site}}{$event->{session}}{$event->{weight} // 1} = 1;
}

is_deeply($told{quarter}, { map { $weights->[$_] ? ("s$_" => { 4 => 1 }) : () }
                            0 .. $sessions - 1 },
          'entries have their weight, all of a session the same');
is_deeply($told{third}, { map { my $weight = $weight{third}[$_];
                                $weight ? ("s$_" => { $weight => 1 }) : () }
                          0 .. $sessions - 1 }, 'at 30 % too');


# ------------------------------------------------- one beacon after the other

# the answer's status and $rum_result
sub sent {
    my ($target, $beacon) = @_;
    my $r = $nginx->post($target, json($beacon));

    return "$r->{status} $r->{headers}{'x-result'}";
}

# what status says when so many views are stored: an answer that was made while
# they were can lack the rest, so that another question is asked
sub counted {
    my ($site, $n) = @_;

    wait_for(sub { (status($site, 'last=1h')->{views} || 0) == $n });
    return status($site, 'last=2h');
}

my %beacon = (v => 1, page => '/');
my $in = first('in', sub { weight($_[0], 250000) });
my $out = first('out', sub { !weight($_[0], 250000) });
my $least = first('least', sub { weight($_[0], 1000) });

is(sent('/least', { %beacon, session => $least, view => 'a',
                    metrics => { inp => 40 },
                    errors => [ { type => 'E', message => 'm', count => 3 } ],
                    resources => [ { host => 'cdn', bytes => 2e6,
                                     count => 2, duration => [5, 7] } ] }),
   '204 accepted', 'one of a thousand');
is(sent('/least', { %beacon, session => $out }), '204 sampled', 'not another');

my $thousand = counted('least', 1000);

is($thousand->{inp}{count}, 1000, 'it counts a thousand times');
is($thousand->{inp}{max}, 40, 'but is not slower for that');
is($thousand->{errors}, 3000, 'with its errors');
cmp_ok(abs($thousand->{sessions} - 1000), '<', 40, 'as a thousand sessions');

my $host = $nginx->json('/status?site=least&by=host');

is_deeply([ @{ $host->{counters}{groups}[0] }{qw(requests bytes)},
            @{ $host->{metrics}{duration}{groups}[0] }{qw(count sum)} ],
          [2000, 2e9, 2000, 12000], 'with its resources');

is(sent('/all', { %beacon, session => $out, view => 'b' }), '204 accepted',
   'rum_sample 1: all');
is(counted('all', 1)->{views}, 1, 'once');

is(sent('/stored', { %beacon, session => $out }), '204 sampled',
   'rum_ack stored: answered without Redis');

# a session goes before the view, and it decides where it is not kept itself
is(sent('/strict', { %beacon, session => $in, view => $out }),
   '204 accepted', 'rum_privacy strict: by the session');
is(sent('/strict', { %beacon, session => $out, view => $in }),
   '204 sampled', 'not by the view');
is(sent('/strict', { %beacon, view => $in }), '204 accepted',
   'without a session by the view');
is(sent('/strict', { %beacon, view => $out }), '204 sampled', 'either way');

my $strict = counted('strict', 8);

is($strict->{sessions} || 0, 0, 'there are no sessions');

# objects of web-vitals: what is measured again under an id
is(sent('/vitals', { name => 'CLS', value => $_ / 10, id => $in,
                     path => '/' }),
   '204 accepted', "CLS for the time $_") for 1 .. 3;
is(sent('/vitals', { name => 'CLS', value => $_ / 10, id => $out,
                     path => '/' }),
   '204 sampled', "another CLS for the time $_") for 1 .. 2;

ok(wait_for(sub { (status('vitals')->{cls}{sum} || 0) == 1.2 }),
   'the last one of those that are kept')
    or diag(explain(status('vitals')));
is(status('vitals', 'last=1h')->{cls}{count}, 4, 'counts four times');

# what is wrong is told, kept or not
is(sent('/quarter', { v => 2, session => $out, page => '/' }), '400 version',
   'what is no beacon is refused');
is(sent('/quarter', [ 1 ]), '400 format', 'as ever');

# beacons without an id: at random, so bounds that are seven deviations wide
my $before = $nginx->figures->{beacons}{sampled};

RumLoad->start($nginx->port, 1000, sub {
    RumLoad::post('/quarter', json(\%beacon));
})->wait;

my $sampled = $nginx->figures->{beacons}{sampled} - $before;

cmp_ok(abs($sampled - 750), '<', 7 * sqrt(1000 * 0.25 * 0.75),
       "without any id at random: $sampled of 1000 are not kept");

finish();
