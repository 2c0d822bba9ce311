# docs/openapi.yaml against real answers of the status location: each answer
# is as it says, each parameter is taken, no other is, and a schema that is
# not met is noticed.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use IPC::Open2;
use RumRollup;
use RumTest;

my $python = '/usr/bin/python3';
my $yaml = top() . '/docs/openapi.yaml';
my $check = top() . '/t/openapi_check.py';

my $redis = redis();
my $nginx = nginx(redis => $redis, redis_options => 'partitions=2',
                  server => 'location /status { rum_status; }');
my $rollup = RumRollup->new($redis, partitions => 2);
my $base = time - time % 3600 - 7200;
my $hour = sprintf 'from=%d&to=%d', $base, $base + 3600;

for my $t ($base + 60, $base + 1800, $base - 1800, time) {
    for my $device ('mobile', 'desktop') {
        $rollup->metric('shop', 'all', '*', $_, $t, 0, 0.1, 120, 3000)
            for 'lcp', 'cls', 'custom.x';
        $rollup->metric('shop', 'device', $device, 'lcp', $t, 900, 5000);
        $rollup->metric('shop', 'page,device', "/a,$device", 'lcp', $t, 9);
        $rollup->counter('shop', $_, $_ eq 'all' ? '*' : $device, 'views', $t,
                         3) for 'all', 'device';
        $rollup->counter('shop', 'error', 'feedface00000000', 'errors', $t, 3);
        $rollup->counter('shop', 'host', 'cdn', 'requests', $t, 3);
        $rollup->counter('shop', 'host', 'cdn', 'bytes', $t, 3);
        $rollup->counter('shop', 'host,type', 'cdn,img', 'requests', $t, 3);
        $rollup->slowest('shop', 'host,type', 'cdn,img', $t, 1.5, '/a');
        $rollup->counter('shop', 'speed', 'poor', 'visits', $t, 3);
        $rollup->sessions('shop', 'device', $device, $t, 'a', 'b');
        $rollup->sessions('shop', 'all', '*', $t, 'a', 'b');
    }
}

$rollup->metric('blog', 'all', '*', 'lcp', $base, 1);
$rollup->write;
$redis->command('HSET', 'rum:{1}:error:shop:feedface00000000',
                type => 'Error', message => 'm', line => 3, source => '',
                first_seen => 1795310000123, last_seen => 1795310001123);

sub answer {
    my ($question, $server) = @_;
    my $r = ($server || $nginx)->get("/status?$question");

    return { question => $question, status => $r->{status} + 0,
             type => $r->{headers}{'content-type'}, body => $r->{body} };
}

# what is wrong with answers
sub problems {
    my $pid = open2(my $out, my $in, $python, $check, $yaml, 'answers');

    print $in json($_), "\n" for @_;
    close $in;
    my @problems = <$out>;
    waitpid $pid, 0;
    push @problems, "the check ended with $?\n" if $?;
    return join '', @problems;
}

my @questions = (
    '', 'last=1h', 'site=shop&last=6h', 'site=nobody', 'metric=lcp',
    'site=shop&by=device&last=6h', 'by=device', 'site=shop&by=page,device',
    "site=shop&$hour&buckets=1", "site=shop&$hour&step=5m",
    "site=shop&$hour&step=20m&buckets=1&by=device", "$hour&step=1h",
    "site=shop&$hour&compare=previous", "site=shop&$hour&compare=30d",
    "site=shop&$hour&compare=1h&step=5m&by=device&q=0,50,99.9,100",
    "site=shop&where=device:mobile&$hour",
    "site=shop&by=page&where=device:mobile&$hour", "site=shop&by=error&$hour",
    "site=shop&by=host,type&$hour&compare=1h&step=5m",
    "site=shop&by=host&$hour&compare=1h", "site=shop&by=speed&$hour&step=20m",
    'list=metrics', 'list=metrics&site=shop', 'list=sites',
    'list=dimensions', 'list=dimensions&site=shop', 'list=dimensions&site=no',
    'format=csv', 'format=csv&site=shop&step=5m', 'format=prometheus',
    'last=x', 'by=nothing', 'nonsense=1', 'step=1',
);

my @answers = map { answer($_) } @questions;

is(problems(@answers), '', 'each answer is as it says');
is_deeply([ map { $_->{status} } @answers ],
          [ (200) x (@answers - 4), (400) x 4 ], 'which they are');

# each part of a schema that may be missing was there in some answer
my $all = join '', map { $_->{body} } @answers;

for my $field (qw(where step steps compare change series histogram error
                  slowest bounce_rate conversion_rate sessions bytes needs_improvement
                  aggregator module version low high total_sites description))
{
    like($all, qr/"$field":/, "$field was among them");
}

my $post = $nginx->post('/status', body => '{}');

is(problems({ question => 'POST', status => 405, body => $post->{body},
              type => $post->{headers}{'content-type'} }), '', 'POST');

my $down = nginx(redis => fake_redis(sub { $_[0]->hang_up }),
                 server => 'location /status { rum_status; }');
my $answer = answer('', $down);

is($answer->{status}, 503, 'Redis away');
is(problems($answer), '', 'is as it says');


# it would be noticed

for my $change (['"lcp":\{"unit":"ms"', '"lcp":{"unit":"ms","new":1'],
                ['"count":', '"n":'], ['"p75":[0-9.]+', '"p75":null'],
                ['"limited":false', '"limited":0'],
                ['"total_groups":\d+,', ''])
{
    my ($from, $to) = @$change;
    my $answer = answer("site=shop&$hour");

    ok($answer->{body} =~ s/$from/$to/, "an answer has $from");
    isnt(problems($answer), '', "and may not have $to");
}


# parameters

my %documented;

open my $fh, '-|', $python, $check, $yaml, 'parameters' or die "$python: $!";

while (<$fh>) {
    my ($name, $example) = /^(\S+) (\S+)$/ or die "parameter: $_";
    my $more = $name eq 'to' ? '&from=1795314600' : '';

    $documented{$name} = 1;

    # its value is right: what may be wrong is that there is no such rollup,
    # or that the time is long ago
    my $answer = answer($example . $more);
    my $error = $answer->{status} == 200 ? '' : json_decode($answer->{body});

    ok(!$error || $error->{error} =~ /no rollup|ago|future/,
       "$example is taken");
}

close $fh;

is_deeply([ sort keys %documented ],
          [ sort qw(site metric by where last from to step compare q buckets
                    limit sort format list) ], 'all that there are');

my ($table) = slurp(top() . '/docs/status-api.md')
              =~ /## Parameters\n(.*?)\n\n[A-Z]/s;
my %in_docs = map { $_ => 1 } map { /`(\w+)`/g }
              $table =~ /^\| ((?:`\w+`(?:, )?)+) \|/mg;

is_deeply(\%documented, \%in_docs, 'and that status-api.md has');

finish();
