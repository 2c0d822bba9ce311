# Narrowing a question of the status location: from and to, where, pairs in
# either order, lists, and CSV, against what was put into the rollups.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumRollup;
use RumTest;

my $redis = redis();
my $nginx = nginx(redis => $redis, redis_options => 'partitions=2',
                  server => 'location /status { rum_status; }');
my $rollup = RumRollup->new($redis, partitions => 2);
my %truth;

# an hour that is over, and not so long ago that its minutes are gone
my $base = time - time % 3600 - 7200;

srand 11;

for my $minute (0 .. 59) {
    my $t = $base + 60 * $minute + 7;

    for my $page ('/', '/a,b', '/p/:id') {
        for my $device ('mobile', 'desktop') {
            my @values = map { int(exp(5 + 3 * rand) * 10) / 10 } 1 .. 3;

            $rollup->metric('shop', 'all', '*', 'lcp', $t, @values);
            $rollup->metric('shop', 'device', $device, 'lcp', $t, @values);
            $rollup->metric('shop', 'page,device',
                            ($page =~ s/,/%2C/r) . ",$device", 'lcp', $t,
                            @values);
            $rollup->counter('shop', 'page,device',
                             ($page =~ s/,/%2C/r) . ",$device", 'views', $t,
                             2);
            $rollup->counter('shop', 'device', $device, 'views', $t, 2);
            $rollup->counter('shop', 'all', '*', 'views', $t, 2);
            push @{ $truth{$minute}{"$page $device"} }, @values;
        }
    }
}

$rollup->counter('shop', 'page,device', '(other)', 'views', $base + 3605, 1);
$rollup->sessions('shop', 'device', 'mobile', $base + 60, 1 .. 9);
$rollup->metric('blog', 'all', '*', 'reading.time', $base + 60, 3);
$rollup->write;

sub values_of {
    my ($pattern, $from, $to) = @_;
    my @values;

    for my $minute ($from // 0 .. $to // 59) {
        push @values, map { @{ $truth{$minute}{$_} } }
                      grep { /$pattern/ } keys %{ $truth{$minute} };
    }

    @values = sort { $a <=> $b } @values;
    return @values;
}

sub check {
    my ($what, $group, @values) = @_;
    my $sum = 0;

    $sum += $_ for @values;

    is($group->{count}, scalar @values, "$what: count");
    cmp_ok(abs($group->{sum} - $sum), '<', 0.001, "$what: sum");
    is($group->{max} + 0, $values[-1], "$what: max");

    for my $q (50, 75, 99) {
        my $exact = RumRollup::exact(\@values, $q / 100);

        cmp_ok(abs($group->{"p$q"} - $exact), '<=', 0.0055 * $exact,
               "$what: p$q");
    }
}

my $hour = sprintf 'from=%d&to=%d', $base, $base + 3600;


# from and to

my $answer = $nginx->json("/status?site=shop&metric=lcp&$hour");

is_deeply([ @$answer{qw(from to resolution)} ], [ $base, $base + 3600, 60 ],
          'the edges that were asked for');
ok(!exists $answer->{last}, 'no last');
check('the hour', $answer->{metrics}{lcp}{groups}[0], values_of('.'));

$answer = $nginx->json('/status?site=shop&metric=lcp&from='
                       . ($base + 61) . '&to=' . ($base + 599));
is_deeply([ @$answer{qw(from to)} ], [ $base + 60, $base + 600 ],
          'edges are of whole windows');
check('some minutes', $answer->{metrics}{lcp}{groups}[0],
      values_of('.', 1, 9));

$answer = $nginx->json("/status?site=shop&metric=lcp&from=$base");
cmp_ok($answer->{to}, '>', time - 60, 'without to until now');
is($answer->{metrics}{lcp}{groups}[0]{count}, scalar(values_of('.')),
   'all of it');

my $old = $base - 30 * 86400;

$answer = $nginx->json("/status?site=shop&metric=lcp&from=$old&to="
                       . ($old + 5000));
is($answer->{resolution}, 3600, 'hours where no minutes are left');

$answer = $nginx->json('/status?site=shop&metric=lcp&from='
                       . ($base - 50 * 86400));
is($answer->{resolution}, 86400, 'then days');
check('days', $answer->{metrics}{lcp}{groups}[0], values_of('.'));


# where

for my $case (['device:mobile', ' mobile$', '*'],
              ['page:/a,b', '^/a,b ', undef],
              ['device:mobile&where=page:/p/:id', '^/p/:id mobile', '*'])
{
    my ($where, $pattern, $value) = @$case;

    next if !defined $value;

    my $group = $nginx->json("/status?site=shop&metric=lcp,views&$hour"
                             . "&where=$where");

    is_deeply([ map { $_->{value} } @{ $group->{metrics}{lcp}{groups} } ],
              [$value], "where=$where");
    check("where=$where", $group->{metrics}{lcp}{groups}[0],
          values_of($pattern));
    is($group->{counters}{groups}[0]{views}, 2 / 3 * values_of($pattern),
       'counters too');
}

for my $case (['by=page&where=device:mobile', '/a,b', '^/a,b mobile'],
              ['by=device&where=page:/a,b', 'desktop', '^/a,b desktop'],
              ['by=device&where=device:mobile', 'mobile', ' mobile'],
              ['by=page,device&where=page:/a,b', '/a%2Cb,mobile',
               '^/a,b mobile'],
              ['by=page&where=page:/a,b&where=device:mobile', '/a,b',
               '^/a,b mobile'])
{
    my ($question, $value, $pattern) = @$case;
    my $answer = $nginx->json("/status?site=shop&metric=lcp&$hour&$question");
    my ($group) = grep { $_->{value} eq $value }
                  @{ $answer->{metrics}{lcp}{groups} };

    ok($group, "$question: $value") or next;
    check($question, $group, values_of($pattern));
    is($answer->{metrics}{lcp}{total_groups},
       $question =~ /by=page&where=device:/ ? 3
       : $question =~ /=page.*where=device/ ? 1
       : $question =~ /by=device&where=device/ ? 1 : 2, 'and no other groups');
}

is_deeply($nginx->json("/status?site=shop&by=page&where=device:mobile&$hour")
          ->{where}, [ { dimension => 'device', value => 'mobile' } ],
          'the answer says where');
is($nginx->json("/status?site=shop&where=device:none&$hour")
   ->{metrics}{lcp}{total_groups}, 0, 'a value nobody has');
is($nginx->json('/status?site=shop&by=page&where=device:mobile&metric=views'
                . "&from=$base")->{limited}, JSON::PP::true,
   '(other) of the pair may have been of that value');

my $sessions = $nginx->json("/status?site=shop&where=device:mobile&$hour");

cmp_ok($sessions->{counters}{groups}[0]{sessions}, '>=', 9,
       'sessions of one value');
ok(!exists $nginx->json("/status?site=shop&by=page&where=device:mobile&$hour")
   ->{counters}{groups}[0]{sessions}, 'none of a pair');


# what is refused names its parameter

for my $case (['where=browser:Firefox', 'where'],
              ['where=device:mobile&where=country:DE', 'where'],
              ['by=country&where=device:mobile', 'where'],
              ['by=page,device&where=country:DE', 'where'],
              ['where=device', 'where'], ['where=:x', 'where'],
              ['where=device:', 'where'], ['where=all:*', 'where'],
              ['where=device:a&where=device:b', 'where'],
              ['where=a:1&where=b:2&where=c:3', 'where'],
              ['to=1795318200', 'to'], ['from=5m', 'from'],
              ['from=17953182000', 'from'], ['from=1795318200&to=x', 'to'],
              ['from=1795318200&to=1795318200', 'to'],
              ['from=1795318200&last=5m', 'last'],
              ['from=9999999999', 'from'],
              ['from=1000000000', 'from'],
              ['list=all', 'list'], ['list=sites&by=page', 'by'],
              ['list=sites&format=csv', 'list'],
              ['list=sites&format=prometheus', 'list'],
              ['format=csv&buckets=1', 'buckets'],
              ['format=prometheus&where=device:mobile', 'where'],
              ['format=prometheus&from=1795318200', 'from'])
{
    my ($args, $parameter) = @$case;
    my $r = $nginx->get("/status?$args");

    is($r->{status}, 400, "$args: refused");
    is(json_decode($r->{body})->{parameter}, $parameter, 'which names it');
}


# lists

my $list = $nginx->json('/status?list=metrics');
my %metrics = map { $_->{name} => $_ } @{ $list->{metrics} };

is_deeply($metrics{lcp}, { name => 'lcp', unit => 'ms', good => 2500,
                           poor => 4000,
                           description => 'Largest Contentful Paint' },
          'a metric is described');
is($metrics{'reading.time'}{unit}, '', 'a custom one is there');
ok(scalar(grep { $_->{name} eq 'bounces' && $_->{description} }
          @{ $list->{counters} }), 'counters too');

is_deeply($nginx->json('/status?list=sites')->{sites}, ['blog', 'shop'],
          'sites');
is_deeply($nginx->json('/status?list=sites&limit=1')->{sites}, ['blog'],
          'cut at the limit');

$list = $nginx->json('/status?list=dimensions&site=shop');
is_deeply($list->{dimensions},
          [ { name => 'all', metrics => ['lcp'], counters => ['views'] },
            { name => 'device', metrics => ['lcp'], counters => ['views'] },
            { name => 'page,device', metrics => ['lcp'],
              counters => ['views'] } ], 'dimensions of a site');
is_deeply($nginx->json('/status?list=dimensions')->{sites}[0],
          { site => 'blog', dimensions => [ { name => 'all',
            metrics => ['reading.time'], counters => [] } ] },
          'of all sites');


# CSV

sub csv {
    my ($text) = @_;
    my (@rows, @row);

    while ($text =~ /\G(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gc) {
        my ($quoted, $plain, $end) = ($1, $2, $3);

        push @row, defined $quoted ? $quoted =~ s/""/"/gr : $plain;
        next if $end eq ',';
        push @rows, [@row];
        @row = ();
    }

    is(pos($text) // 0, length $text, 'it is CSV to the end');
    return @rows;
}

my $r = $nginx->get("/status?site=shop&by=page,device&metric=lcp,views&$hour"
                    . '&format=csv&sort=value');

is($r->{headers}{'content-type'}, 'text/csv; charset=utf-8; header=present',
   'type');

my ($header, @rows) = csv($r->{body});

is(join(',', @$header), 'site,metric,value,count,sum,min,max,mean,p50,p75,'
   . 'p90,p95,p99,good,needs_improvement,poor', 'header');
is(scalar @rows, 12, 'a row for each metric and counter of each group');
is(scalar(grep { @$_ != @$header } @rows), 0, 'all as long as the header');

my %row;

@row{@$header} = @{ $rows[0] };
is("$row{site} $row{metric} $row{value}", 'shop lcp /,desktop', 'a group');
check('CSV', \%row, values_of('^/ desktop'));
is(join(' ', @{ $rows[-1] }[0 .. 3]), 'shop views /p/:id,mobile 120',
   'a counter');

$rollup->counter('shop', 'tag', "a \"b\"\nc,\xff", 'views', $base, 1);
$rollup->write;
(undef, @rows) = csv($nginx->get("/status?site=shop&by=tag&metric=views&$hour"
                                 . '&format=csv')->{body});
is($rows[0][2], "a \"b\"\nc,%FF", 'any value');

is($nginx->get("/status?format=csv&site=nobody&q=50")->{body},
   "site,metric,value,count,sum,min,max,mean,p50,good,needs_improvement,"
   . "poor\r\n"
   . join('', map { "nobody,$_,*,0,,,,,,,,\r\n" }
              qw(beacons views errors entrances bounces sessions)),
   'a site that is not known');


# of much, what is over need not be read again, for other questions neither

for my $day (0 .. 40) {
    $rollup->counter('long', 'page', "/$_", 'views', time - 86400 * $day, $_)
        for 1 .. 60;
}

$rollup->write;

sub commands {
    return ($redis->command('INFO', 'stats')
            =~ /total_commands_processed:(\d+)/)[0];
}

sub long {
    my ($more) = @_;
    my $before = commands();
    my $answer = $nginx->json("/status?site=long&by=page&metric=views$more");

    return (commands() - $before - 1, $answer->{counters}{groups});
}

my ($reads, $all) = long('&last=40d');
my ($fewer, $some) = long('&last=40d&limit=7');

is($all->[0]{views}, 41 * 60, 'all days are counted');
is_deeply($some, [ @$all[0 .. 6] ], 'and those of another question');
cmp_ok($reads, '>=', 82, 'which were read from both partitions once');
cmp_ok($fewer, '<=', 8, 'and then only the last one');
is((long('&last=39d'))[1][0]{views}, 40 * 60, 'another span is another sum');

finish();
