# Details: what events list is counted by what it is, as often as the event
# weighs and exactly once whatever is killed.  A model in Perl counts the same
# events, with a fingerprint of errors made by docs/redis-schema.md, and all
# details in Redis are compared with it.

use strict;
use warnings;
no warnings 'portable';                # 64-bit numbers

use lib 't/lib';
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);

use RumRollup;
use RumStream;
use RumTest;

my $redis = redis();
my $stream = RumStream->new($redis);

# a time in the hour before this one: windows do not change while we look
my $hour = int(time / 3600) * 3600 - 3600;
my %width = ('1m' => 60, '1h' => 3600, '1d' => 86400);
my %limits = (lcp => [2500, 4000], inp => [200, 500], cls => [0.1, 0.25]);

my (%want, %value, %seen);

# of the event that is being counted
my $weight = 1;

sub sum { my $sum = 0; $sum += $_ for @_; return $sum }

sub one_of { return $_[rand @_] }


# ------------------------------------------------------------- the model

# FNV-1a of type, message with its digits folded, and place
sub fingerprint {
    my ($e) = @_;
    my $place = '';

    if (defined $e->{source}) {
        ($place = $e->{source}) =~ s/[?#].*//s;
        $place .= ':' . ($e->{line} || 0);
    } else {
        for (split /\n/, $e->{stack} // '') {
            s/^[ \t]+//;
            next if !/^at ./ && !/\@/;
            s/[?#][^:)]*//g;
            $place = $_;
            last;
        }
    }

    (my $message = $e->{message} // '') =~ s/[0-9]+/0/g;

    my $hash = 0xcbf29ce484222325;
    {
        use integer;
        $hash = ($hash ^ $_) * 0x100000001b3
            for unpack 'C*', join "\xff", $e->{type} // '', $message, $place;
    }
    return sprintf '%016x', $hash;
}

sub pair {
    my ($first, $second) = @_;

    $first =~ s/,/%2C/g;
    return "$first,$second";
}

sub tally {
    my ($h, $metric, $x) = @_;

    $h->{count} += $weight;
    $h->{sum} = sprintf('%.4f', ($h->{sum} || 0) + $x * $weight) + 0;
    $h->{min} = $x if !defined $h->{min} || $x < $h->{min};
    $h->{max} = $x if !defined $h->{max} || $x > $h->{max};
    $h->{zero} += $weight * ($x == 0);
    $h->{buckets}{POSIX::ceil(log($x) / log(2) * 64) - 1} += $weight
        if $x > 0;
    $h->{ratings} ||= [0, 0, 0];

    if (my $limit = $limits{$metric}) {
        $h->{ratings}[$x <= $limit->[0] ? 0 : $x <= $limit->[1] ? 1 : 2]
            += $weight;
    }
}

# of two that took as long it is the one whose URL comes first
sub slower {
    my ($known, $duration, $url) = @_;

    return $known if $known && ($known->{duration} > $duration
                                || ($known->{duration} == $duration
                                    && $known->{url} le $url));
    return { duration => $duration, url => $url };
}

# adds to a counter or a histogram of a value in the windows of that time
sub count {
    my ($t, $dimension, $value, $metric, @x) = @_;
    my $second = int($t / 1000);

    for my $res (keys %width) {
        my $key = "$res:" . ($second - $second % $width{$res})
                  . ":shop:$dimension:$metric";

        if ($metric =~ /^(?:duration|value|lcp|inp|cls)$/) {
            tally($want{$key}{$value} ||= {}, $metric, $_) for @x;
        } elsif ($metric eq 'slowest') {
            $want{$key}{$value} = slower($want{$key}{$value}, @x);
        } else {
            $want{$key}{$value} += $x[0] * $weight;
        }
    }
}

sub model {
    my ($e) = @_;
    my ($t, $page) = @$e{qw(t page)};
    my $browser = $e->{dims}{browser} // '(unknown)';
    my %errors;

    $weight = $e->{weight} || 1;

    for my $error (@{ $e->{errors} || [] }) {
        my $f = fingerprint($error);
        my $n = $error->{count} || 1;

        count($t, 'error', $f, 'views', 1) if !$errors{$f}++;
        count($t, 'error', $f, 'errors', $n);
        count($t, 'error,page', pair($f, $page), 'errors', $n);
        count($t, 'error,browser', pair($f, $browser), 'errors', $n);

        my $s = $seen{$f} ||= { first => $t, last => $t };
        $s->{first} = $t if $t < $s->{first};
        $s->{last} = $t if $t > $s->{last};
    }

    for my $r (@{ $e->{resources} || [] }) {
        my @of = (['host', $r->{host}],
                  ['host,type', pair($r->{host}, $r->{type} // '(unknown)')]);

        for (@of) {
            count($t, @$_, 'requests', $r->{count});
            count($t, @$_, 'bytes', $r->{bytes}) if $r->{bytes};
            count($t, @$_, 'third_party_requests', $r->{count})
                if $r->{third_party};
            count($t, @$_, 'duration', @{ $r->{duration} || [] });
        }

        my ($longest) = sort { $b <=> $a } @{ $r->{duration} || [] };

        count($t, @{ $of[1] }, 'slowest', $longest, $r->{url})
            if defined $longest && defined $r->{url};
    }

    count($t, 'from,page', pair($e->{from}, $page), 'views', 1)
        if defined $e->{from} && !$e->{seq};

    for my $a (@{ $e->{actions} || [] }) {
        count($t, 'action', $a->{type}, 'actions', 1);
        count($t, 'action,target', pair($a->{type},
                                        $a->{target} // '(unknown)'),
              'actions', 1);
    }

    for my $c (@{ $e->{events} || [] }) {
        count($t, 'event', $c->{name}, 'events', 1);
        count($t, 'event', $c->{name}, 'value', $c->{value})
            if defined $c->{value};
        count($t, 'event,page', pair($c->{name}, $page), 'events', 1);
    }

    model_speed($e) if defined $e->{session};

    # the last value of a view's metric is the one that counts; all of them
    # are late, so that it does where the first one did
    $value{$e->{view}}{$_} = { t => $value{$e->{view}}{$_}{t} || $t,
                               x => $e->{metrics}{$_}, weight => $weight,
                               %{ $e->{attribution}{$_} || {} } }
        for grep { $limits{$_} } keys %{ $e->{metrics} || {} };
}

# a session is where its slowest view is, with all its conversions
my %session;

sub model_speed {
    my ($e) = @_;
    my $s = $session{$e->{session}} ||= { conversions => 0,
                                          weight => $weight };
    my @names = qw(good needs_improvement poor);
    my $lcp = $e->{metrics}{lcp};
    my $n = @{ $e->{events} || [] };
    my $rating = defined $lcp ? ($lcp > 2500) + ($lcp > 4000) : -1;

    if ($rating > ($s->{rating} // -1)) {
        if (defined $s->{rating}) {
            count($e->{t}, 'speed', $names[$s->{rating}], 'visits', -1);
            count($e->{t}, 'speed', $names[$s->{rating}], 'conversions',
                  -$s->{conversions});
        }

        $s->{rating} = $rating;
        count($e->{t}, 'speed', $names[$rating], 'visits', 1);
        $n += $s->{conversions};
        $s->{conversions} = 0;
    }

    count($e->{t}, 'speed', $names[$s->{rating}], 'conversions', $n)
        if defined $s->{rating};
    $s->{conversions} += $n;
}

my %about = (lcp => ['target', 'url'], inp => ['target', 'url', 'type'],
             cls => ['target']);

sub model_values {
    for my $view (values %value) {
        for my $metric (keys %$view) {
            my $v = $view->{$metric};

            $weight = $v->{weight};
            count($v->{t}, "${metric}_$_", $v->{$_}, $metric, $v->{x})
                for grep { defined $v->{$_} } @{ $about{$metric} };
            count($v->{t}, 'inp_target,inp_type',
                  pair($v->{target}, $v->{type} // '(unknown)'), $metric,
                  $v->{x})
                if $metric eq 'inp' && defined $v->{target};
        }
    }
}


# ------------------------------------------------------------ the events

my @errors = (
    { type => 'TypeError', message => 'x is undefined', source => '/app.js',
      line => 3, col => 14, stack => "TypeError: x\n    at f (/app.js:3:14)" },
    { type => 'Error', message => 'order 4711 is gone', source => '/app.js',
      line => 30 },
    { type => 'Error', message => 'order 12 is gone', source => '/app.js',
      line => 30, count => 3 },
    { type => 'Error', message => 'order 12 is gone', source => '/app.js',
      line => 31 },
    { message => 'thrown', stack => "Error: a b\n    at g (/b.js?v=1:10:2)" },
    { message => 'thrown', stack => "g@/b.js?v=2#x:10:2\nh@/c.js:1:1" },
    { message => "Script error.\xc3\xbc" },
);

# by view: a part of it that is older than one before it replaces nothing
my %time;

sub event {
    my ($number, $seq) = @_;
    my %metrics;

    $time{$number} ||= $hour * 1000;

    $metrics{lcp} = 1 + int rand 9000 if rand() < .6;
    $metrics{inp} = 1 + int rand 900 if rand() < .4;
    $metrics{cls} = f64(int(rand 400) / 1000) if rand() < .4;
    $metrics{ttfb} = 10 if rand() < .2;

    return {
        t => $time{$number} += 1 + int rand 90000,
        page => one_of("/", "/p/:id", "/a,b"), view => "v$number",
        $seq ? (seq => $seq) : (), n => 3, session => "s" . $number % 50,
        $number % 5 ? () : (weight => 2 + $number % 50),
        dims => { rand() < .7 ? (browser => one_of(qw(Chrome Safari)))
                              : (os => 'x') },
        metrics => \%metrics,
        rand() < .7 ? (attribution => {
            lcp => { target => one_of('img.hero', 'h1', 'p>b'),
                     rand() < .5 ? (url => one_of('/h.avif', '/l.png')) : () },
            inp => { target => one_of('button.buy', '#menu', 'a,b'),
                     rand() < .5 ? (url => one_of('/app.js', '/ad.js')) : (),
                     rand() < .8 ? (type => one_of('pointer', 'keyboard'))
                                 : () },
            rand() < .5 ? (cls => { target => 'div.ad' }) : (),
            ttfb => { target => 'nothing' } }) : (),
        rand() < .3 ? (from => one_of('/', '/list', 'search.example'))
                    : (),
        rand() < .3 ? (errors => [ map { one_of(@errors) }
                                   1 .. 1 + rand 3 ]) : (),
        rand() < .3 ? (resources => [ map { {
            host => one_of('cdn.example', 'shop.example'), count => 8,
            rand() < .5 ? (third_party => 1) : (),
            rand() < .8 ? (type => one_of('img', 'script')) : (),
            rand() < .8 ? (bytes => int rand 1e6) : (),
            rand() < .8 ? (duration => [ map { 1 + int rand 4000 }
                                         1 .. 1 + rand 8 ]) : (),
            rand() < .8 ? (url => one_of('https://cdn.example/a.js', '/b',
                                         '/c')) : (),
            } } 1 .. 1 + rand 3 ]) : (),
        rand() < .3 ? (actions => [ map { {
            type => one_of(qw(click rage_click dead_click)),
            rand() < .8 ? (target => one_of('button.buy', 'a,b')) : (),
            } } 1 .. 1 + rand 3 ]) : (),
        rand() < .3 ? (events => [ map { {
            name => one_of(qw(checkout signup)),
            rand() < .5 ? (value => f64(int(rand 9999) / 100)) : (),
            } } 1 .. 1 + rand 2 ]) : (),
    };
}

sub plain {
    my ($e) = @_;

    # what is to be packed as a float64 is a plain number to the model
    return { %$e, metrics => { map { $_ => number($e->{metrics}{$_}) }
                               keys %{ $e->{metrics} } },
             events => [ map { { %$_, defined $_->{value}
                                 ? (value => number($_->{value})) : () } }
                         @{ $e->{events} || [] } ] };
}

sub number { return ref $_[0] ? $_[0]{value} : $_[0] }

# every now and then an earlier beacon comes again, as agents send it that do
# not know whether it arrived: with another time, it is the same
my (@sent, $again);

sub add {
    my ($event) = @_;

    $stream->add($event);
    model(plain($event));
    push @sent, $event;
    shift @sent if @sent > 40;
    return if rand() < .9;

    my $same = $sent[rand @sent];

    $stream->add({ %$same, t => $same->{t} + 1 });
    $again++;
}

my $agg = aggregator(redis => $redis, conf => "flush = 20ms\nlease = 300ms\n");

# each view comes twice, some time apart, and all the while it is killed
my ($views, @later) = (0);

for my $i (1 .. 1200) {
    if (@later < 40 || ($i < 1100 && rand() < .5)) {
        add(event(++$views, 0));
        push @later, $views;
    } else {
        add(event(splice(@later, rand @later, 1), 1));
    }

    if ($i % 200 == 0) {
        ok(wait_for(sub { ($stream->health('events') || 0) > $i - 150 }),
           "$i entries, most of them are read");
        $agg->kill;
        $agg->start;
    }
}

ok($stream->caught_up(60), 'all is read');
model_values();


# ------------------------------------------------------------ comparison

sub numbers {
    my ($x) = @_;

    return { map { $_ => numbers($x->{$_}) } keys %$x } if ref $x eq 'HASH';
    return [ map { numbers($_) } @$x ] if ref $x eq 'ARRAY';
    return $x =~ /^-?[0-9]/ ? $x + 0 : $x;
}

# values that are 0, or histograms of none, are left out: a window has them
# where something was there before
sub compare {
    my ($what) = @_;
    my (@wrong, %left);

    %left = %want;

    for my $key ($stream->names('1*')) {
        next if $key !~ /^rum:\{0\}:((1[mhd]):(\d+):(shop):
                          ((?:error|host|action|event)(?:,[a-z]+)?|from,page
                           |speed|inp_target,inp_type
                           |[a-z]+_(?:target|url|type)):([a-z_]+))$/x;

        my $want = delete $left{$1} || {};
        my $got = $stream->rollup($2, $3, $4, $5, $6);

        for my $rows ($got, $want) {
            delete @$rows{ grep { ref $rows->{$_}
                                  ? !($rows->{$_}{count} // 1) : !$rows->{$_} }
                           keys %$rows };
        }

        # where values were taken back, these are those of the buckets
        delete @$_{qw(min max)}
            for map { ref ? $_ : () } map { values %$_ } $got, { %$want };

        my ($a, $b) = map { json(numbers($_)) } $got, $want;
        push @wrong, map { substr $_, 0, 400 } $key, "  got  $a",
                                               "  want $b" if $a ne $b;
    }

    push @wrong, map { "$_ is missing" } sort keys %left;
    ok(!@wrong, "$what: details are what the model counted")
        or diag(scalar(@wrong) . " are wrong\n",
                join "\n", @wrong[0 .. ($#wrong > 8 ? 8 : $#wrong)]);
}

compare('killed six times');
cmp_ok(scalar(keys %want), '>', 60, 'there are many');
is($stream->health($_), 0, "health: no $_") for qw(lost rejected);
cmp_ok($again, '>', 60, 'some came again');
is($stream->total('all', 'errors')->{'*'},
   sum(values %{ $stream->total('error', 'errors') }),
   'whose errors are not counted again either');


# ------------------------------------------------------------ the samples

sub sample {
    my ($f) = @_;

    return { @{ $redis->command('HGETALL', $stream->key("error:shop:$f")) } };
}

my @samples = map { /:error:shop:([0-9a-f]{16})$/ ? $1 : $_ }
              $stream->names('error:*');

is_deeply(\@samples, [ sort keys %seen ], 'each group of errors has a sample');
is(scalar @samples, 6, 'of six groups: two differ by digits only');
is_deeply({ map { $_ => [ @{ sample($_) }{qw(first_seen last_seen)} ] }
            @samples },
          { map { $_ => [ @{ $seen{$_} }{qw(first last)} ] } keys %seen },
          'which says when it was seen first and last');

my $first = sample(fingerprint($errors[0]));

delete @$first{qw(first_seen last_seen)};
like(delete $first->{page}, qr{^/}, 'on which page');
like(delete $first->{browser}, qr/^(Chrome|Safari|\(unknown\))$/, 'where');
is_deeply($first, $errors[0], 'and what it was');

my $ttl = $redis->command('EXPIRETIME',
                          $stream->key('error:shop:' . $samples[0]));
my $day = $hour - $hour % 86400;

is($ttl, $day + 86400 + 400 * 86400, 'it expires with the day');


# ------------------------------------------------- index, windows, reserved

my %index = map { $_ => 1 } @{ $redis->command('SMEMBERS',
                                               $stream->key('index:shop')) };
my @details = map { /^1d:\d+:shop:(.*)$/ ? $1 : () } keys %want;

is_deeply([ grep { !$index{$_} } @details ], ['host,type:slowest'],
          'the index has them, but no slowest ones');

my $visits = $stream->total('speed', 'visits');
my $conversions = $stream->total('speed', 'conversions');

my @rated = grep { defined $_->{rating} } values %session;

is(sum(values %$visits), sum(map { $_->{weight} } @rated),
   'each session is as many visits as it stands for');
is(sum(values %$conversions),
   sum(map { $_->{conversions} * $_->{weight} } @rated),
   'with its conversions');
is_deeply([ grep { /:shop:(?:error|host|from|action|event|lcp_|inp_|cls_)/ }
            $stream->names('total:*') ], [], 'there are no totals of details');

$stream->add({ dims => { host => 'x', error => 'y', from => 'z' } });
ok($stream->caught_up, 'dimensions with such a name');
is($stream->health('dropped'), 3, 'are left out');
compare('then');

# nginx was given another rate: a session that is known weighs what it did
my %was = map { $_ => { %{ $stream->total('speed', $_) } } }
          qw(visits conversions);

$stream->add({ session => 'rate', view => 'rate1', weight => 3,
               metrics => { lcp => 100 }, events => [ { name => 'paid' } ] });
$stream->add({ session => 'rate', view => 'rate2', weight => 10,
               metrics => { lcp => 9000 }, events => [ { name => 'paid' } ] });
ok($stream->caught_up, 'a session with two weights');

for my $counter (qw(visits conversions)) {
    my $is = $stream->total('speed', $counter);

    is_deeply([ map { $is->{$_} - $was{$counter}{$_} } qw(good poor) ],
              [0, $counter eq 'visits' ? 3 : 6],
              "it moves with all its $counter");
}


# ------------------------------------------------- limits, and what is off

$agg->stop;
$redis->command('FLUSHALL');
$agg->write_conf(conf => <<'END');
flush = 20ms
limit { default = 3  error = 2 }
details = { error, host, "error,page" }
END
$agg->start;

$stream->add({ errors => [ { type => 'E', message => "e$_" } ],
               resources => [ { host => "h$_", count => 2 } ],
               events => [ { name => 'n' } ], actions => [ { type => 'a' } ],
               metrics => { lcp => 5 },
               attribution => { lcp => { target => 'x' } } })
    for 'a' .. 'e';
ok($stream->caught_up, 'five errors, five hosts');

my $today = int(time / 86400) * 86400;
my $rows = $stream->rollup('1d', $today, 'shop', 'error', 'errors');

is(scalar(keys %$rows), 3, 'two errors have rows');
is($rows->{'(other)'}, 3, 'the others share one');
is($stream->rollup('1d', $today, 'shop', 'host', 'requests')->{'(other)'}, 4,
   'hosts have the default limit');
is(scalar(my @have = $stream->names('error:*')), 2,
   'as many samples as rows');
cmp_ok($stream->health('other'), '>', 0, 'and health says so');
is_deeply([ grep { /:(?:action|event|lcp_target|host,type)/ }
            $stream->names('1d:*') ], [], 'what is off is not there');


# ------------------------------- slowest resources, where there were none yet

$agg->stop;
$redis->command('FLUSHALL');
$agg->write_conf(conf => "flush = 20ms\nlimit { default = 2 }\n");

my $slowest = $stream->key("1d:$today:shop:host,type:slowest");
my $old = RumRollup->new($redis);

$old->counter('shop', 'host,type', $_, 'requests', $today, 5)
    for 'cdn,img', 'cdn,script';
$old->write;
$redis->command('HSET', $slowest, 'cdn,script', 'junk');
$agg->start;

sub resource {
    my ($type, $url, @ms) = @_;

    $stream->add({ t => $today * 1000, resources => [
        { host => 'cdn', type => $type, count => 1, url => $url,
          @ms ? (duration => [ @ms ]) : () } ] });
}

resource('img', '/a', 100, 300);
resource('img', '/b', 200);
resource('script', '/' . 'x' x 300, 1.25);
resource('font', '/f', 5);
resource('font', '/g', 7);
resource('img', '/no/duration');
ok($stream->caught_up, 'rows of before');

is_deeply($stream->rollup('1d', $today, 'shop', 'host,type', 'slowest'),
          { 'cdn,img' => { duration => 300, url => '/a' },
            'cdn,script' => { duration => 1.3, url => '/' . 'x' x 255 },
            '(other)' => { duration => 7, url => '/g' } },
          'get their slowest ones, cut and bounded');
is($stream->rollup('1d', $today, 'shop', 'host,type', 'requests')
   ->{'cdn,img'}, 9, 'beside what they have');
like($agg->log, qr/a slowest resource in Redis was broken/, 'what was none');
cmp_ok($redis->command('TTL', $slowest), '>', 0, 'it expires as they do');


# ------------------------------------- an entry sent twice, and read again

$agg->stop;
$redis->command('FLUSHALL');
$agg->start;

$stream->add({ t => $today * 1000, session => 's', metrics => { lcp => 100 },
               events => [ { name => 'buy' } ] },
             writer => 'twice', sequence => 1) for 1 .. 2;
ok($stream->caught_up, 'an entry comes twice');
is($stream->health('duplicates'), 1, 'and counts once');

$agg->restart;
$stream->add({ t => $today * 1000, session => 's',
               metrics => { lcp => 9000 } });
ok($stream->caught_up, 'its session gets slower after a restart');
is_deeply($stream->total('speed', 'conversions'), { good => 0, poor => 1 },
          'what it bought once moves once');
is($stream->health('duplicates'), 1, 'no duplicate is counted again');


# ----------------------------------------------- an error before midnight

sub error_at {
    my ($seconds, $page) = @_;

    $stream->add({ t => ($today + $seconds) * 1000, page => $page,
                   errors => [ { type => 'E', message => 'm' } ] });
}

$agg->stop;
$redis->command('FLUSHALL');
error_at(-1, '/before');
error_at(1, '/after');
error_at(2, '/then');
error_at(-2, '/late');
is($agg->once, 0, 'an error before and after midnight, in one flush');

my ($night) = $stream->names('error:*');

is($redis->command('HGET', $night, 'page'), '/after',
   'the sample is the first of the new day');
is($redis->command('EXPIRETIME', $night), $today + 401 * 86400,
   'and expires with that day');

finish();
