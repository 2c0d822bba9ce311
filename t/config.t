# Every directive's right and wrong arguments: what nginx -t says, and where.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

my $redis = '127.0.0.1:6379';
my $nginx = nginx(server => 'location / { return 204; }');

# The marked line ("# here") is the one the message must name.
sub check {
    my (%o) = @_;
    my ($ok, $out, $line);

    ($ok, $out) = $nginx->check(%o);

    for my $text (split /\n/, slurp($nginx->dir . '/check.conf')) {
        $line++;
        return ($ok, $out, $line) if $text =~ /# here/;
    }

    return ($ok, $out, 0);
}

sub good {
    my ($what, %o) = @_;
    my ($ok, $out) = check(%o);

    ok($ok, $what) or diag($out);
    return $out;
}

sub bad {
    my ($what, $message, %o) = @_;
    my ($ok, $out, $line) = check(%o);

    ok(!$ok, "$what: refused");
    like($out, ref $message ? $message
               : qr/\[emerg\] [^\n]*?\Q$message\E in \S+:$line\n/,
         "$what: $message");
}

# of rum_redis: what follows it
sub redis_good {
    my ($what, $arguments) = @_;

    good("rum_redis $what", http => "rum_redis $arguments;",
         server => 'location /rum { rum_beacon shop; }');
}

sub redis_bad {
    my ($arguments, $message) = @_;

    bad("rum_redis $arguments", $message,
        http => "rum_redis $arguments;   # here",
        server => 'location /rum { rum_beacon shop; }');
}

# in a server with rum_redis; the directive to look at has a line of its own
sub in_server {
    my ($text) = @_;

    return (http => "rum_redis $redis;", server => $text);
}


# rum_redis

redis_good('with a port', $redis);
redis_good('without a port', '127.0.0.1');
redis_good('by name', 'localhost:6379');
redis_good('IPv6', '[::1]:6379');
redis_good('on a unix socket', 'unix:/var/run/redis/redis.sock');
redis_good('with all parameters',
           "$redis user=rum password=secret db=3 partitions=4 maxlen=50000"
           . ' ring=2m connect_timeout=500ms timeout=2s');
redis_good('with a password alone', "$redis password=secret");
redis_good('with the smallest of all',
           "$redis db=0 partitions=1 maxlen=1000 ring=1m timeout=1ms");
redis_good('with the largest of all',
           "$redis db=1000000 partitions=64 maxlen=1000000000 ring=1024m");

redis_bad('', 'invalid number of arguments in "rum_redis" directive');
redis_bad('no-such-host.invalid:6379',
          'host not found in address "no-such-host.invalid:6379"');
redis_bad('127.0.0.1:70000', 'invalid port in address "127.0.0.1:70000"');
redis_bad(':6379', 'no host in address ":6379"');
redis_bad('unix:', 'no path in the unix domain socket in address "unix:"');

for my $parameter (qw(colour=red user password= =x timeout=x timeout=0
                      timeout=-1s connect_timeout=0s connect_timeout=soon
                      db=-1 db=x db=1000001 partitions=0 partitions=x
                      partitions=65536 maxlen=999 maxlen=1000000001
                      maxlen=1k))
{
    redis_bad("$redis $parameter", "invalid parameter \"$parameter\"");
}

for my $ring (qw(0 1023k 1025m x -1m)) {
    redis_bad("$redis ring=$ring",
        '"rum_redis" directive has a "ring" that is not between 1m and 1024m');
}

redis_good('a cluster', "$redis cluster=on partitions=12 db=0 tls=off");
redis_good('no cluster', "unix:/redis.sock cluster=off db=1");
redis_bad("$redis $_", "invalid parameter \"$_\"")
    for 'cluster=yes', 'cluster=', 'cluster=o';
redis_bad("unix:/redis.sock cluster=on",
          '"rum_redis" directive has "cluster=on" with a unix socket, '
          . 'it needs the address of a node');
redis_bad("$redis cluster=on db=1",
          '"rum_redis" directive has "cluster=on" with "db", '
          . 'a cluster has only 0');
redis_bad("sentinel:rum $redis cluster=on",
          '"rum_redis" directive has "cluster=on" with sentinels: '
          . 'a cluster needs none');
redis_bad("$redis cluster=on sentinel_user=rum",
          'invalid parameter "sentinel_user=rum"');

redis_bad("$redis user=rum",
          '"rum_redis" directive has "user" without "password"');

bad('rum_redis twice', '"rum_redis" directive is duplicate',
    http => "rum_redis $redis;\n rum_redis $redis;   # here");
bad('rum_redis in server', '"rum_redis" directive is not allowed here',
    server => "rum_redis $redis;   # here");

good('rum_redis without a beacon location', http => "rum_redis $redis;");

for my $directive ('rum_beacon shop', 'rum_status') {
    bad("$directive without rum_redis",
        qr/\[emerg\] .*"rum_beacon" and "rum_status" need "rum_redis" in http/,
        server => "location /rum { $directive; }");
}

good('rum_redis may come after the location', server => <<"END");
    location /rum { rum_beacon shop; }
}
rum_redis $redis;
server {
    listen 127.0.0.1:@{[ free_port() ]};
END


# rum_beacon

good('rum_beacon SITE', in_server('location /rum { rum_beacon shop; }'));
good('rum_beacon with a variable',
     in_server('location /rum { rum_beacon shop-$host; }'));
good('rum_beacon of 64 bytes',
     in_server('location /rum { rum_beacon ' . 's' x 64 . '; }'));

for my $site ('""', 's' x 65) {
    bad("rum_beacon $site",
        '"rum_beacon" directive needs a site of 1 to 64 bytes',
        in_server("location /rum { rum_beacon $site;   # here\n }"));
}

bad('rum_beacon of an unknown variable',
    qr/\[emerg\] .*unknown "no_such" variable/,
    in_server("location /rum { rum_beacon \$no_such;   # here\n }"));
bad('rum_beacon twice', '"rum_beacon" directive is duplicate',
    in_server("location /rum { rum_beacon a;\n rum_beacon b;   # here\n }"));
bad('rum_beacon in server', '"rum_beacon" directive is not allowed here',
    in_server('rum_beacon shop;   # here'));
bad('rum_beacon without an argument',
    'invalid number of arguments in "rum_beacon" directive',
    in_server("location /rum { rum_beacon;   # here\n }"));


# rum_status

good('rum_status', in_server('location /status { rum_status; }'));
bad('rum_status with an argument',
    'invalid number of arguments in "rum_status" directive',
    in_server("location /status { rum_status on;   # here\n }"));
bad('rum_status in server', '"rum_status" directive is not allowed here',
    in_server('rum_status;   # here'));


# rum_ack and rum_privacy, in all three contexts

for my $directive (['rum_ack', qw(queued stored)],
                   ['rum_privacy', qw(strict signals off)])
{
    my ($name, @values) = @$directive;

    for my $value (@values) {
        good("$name $value everywhere", http => "$name $value;",
             server => "$name $value; location /a { $name $value; }");
    }

    bad("$name maybe", 'invalid value "maybe"',
        server => "$name maybe;   # here");
    bad("$name twice", "\"$name\" directive is duplicate",
        server => "$name $values[0];\n$name $values[0];   # here");
    bad("$name without an argument",
        "invalid number of arguments in \"$name\" directive",
        server => "$name;   # here");
}


# rum_sample

good('rum_sample everywhere', http => 'rum_sample 0.25;',
     server => join "\n", 'rum_sample 25%;', map {
         "location /$_ { rum_sample $_; }"
     } qw(1 0.001 .5 0.333333 1.0 0.1% 99.9999% 100%));

for my $rate ('', '.', '%', '$arg_rate', '0', '0.000999', '1.000001', '-0.5',
              '1e-2', '0.1234567', '0.09%', '100.1%', '9' x 20)
{
    bad("rum_sample \"$rate\"",
        "invalid rate \"$rate\", it must be from 0.001 to 1, or from 0.1% to "
        . '100%', server => "rum_sample \"$rate\";   # here");
}

bad('rum_sample twice', '"rum_sample" directive is duplicate',
    server => "rum_sample 0.5;\nrum_sample 0.5;   # here");
bad('rum_sample without an argument',
    'invalid number of arguments in "rum_sample" directive',
    server => 'rum_sample;   # here');


# rum_allow_origin

good('rum_allow_origin everywhere and often',
     http => 'rum_allow_origin https://a.test;',
     server => 'rum_allow_origin https://b.test http://c.test:8080;'
               . 'rum_allow_origin https://*.b.test null;'
               . 'location /a { rum_allow_origin HTTPS://D.TEST; }');

for my $origin (qw(* a.test https://a.test/ https://a.test/page https:// x)) {
    bad("rum_allow_origin $origin",
        "invalid origin \"$origin\", it must be \"https://host[:port]\", "
        . '"https://*.host" or "null"',
        server => "rum_allow_origin https://ok.test $origin;   # here");
}

bad('rum_allow_origin without an argument',
    'invalid number of arguments in "rum_allow_origin" directive',
    server => 'rum_allow_origin;   # here');


# rum_dimension and rum_page

good('rum_dimension everywhere', http => 'rum_dimension plan $http_x_plan;',
     server => 'rum_dimension plan_2 a$host-b; location /a'
               . '{ rum_dimension ' . 'd' x 32 . ' ""; }');

for my $name ('', 'Plan', 'a-b', 'a:b', 'plän', 'd' x 33,
              qw(all page site host from lcp_target))
{
    bad("rum_dimension \"$name\"",
        "invalid dimension \"$name\", it must be 1 to 32 of [a-z0-9_] and "
        . 'not "all", "page" or "site", nor a detail such as "error" or '
        . '"host"',
        server => "rum_dimension \"$name\" x;   # here");
}

good('16 dimensions in one place',
     server => join "\n", map { "rum_dimension d$_ x;" } 1 .. 16);
bad('17 of them', '"rum_dimension" directive is given more than 16 times',
    server => join "\n", (map { "rum_dimension d$_ x;" } 1 .. 16),
                         'rum_dimension d17 x;   # here');
bad('rum_dimension without a value',
    'invalid number of arguments in "rum_dimension" directive',
    server => 'rum_dimension plan;   # here');
bad('rum_dimension of an unknown variable',
    qr/\[emerg\] .*unknown "no_such" variable/,
    server => 'rum_dimension plan $no_such;   # here');

good('rum_page everywhere', http => 'rum_page $host;',
     server => 'rum_page $rum_path; location /a { rum_page x$uri; }');
bad('rum_page twice', '"rum_page" directive is duplicate',
    server => "rum_page a;\nrum_page b;   # here");


# rum_geoip

spew($nginx->dir . '/garbage.mmdb', 'x' x 5000);

for my $case (['missing', 'cannot be opened'], ['html', 'is not a file'],
              ['garbage.mmdb', 'invalid metadata'])
{
    my ($file, $message) = @$case;
    my $path = $nginx->dir . "/$file";

    like(good("rum_geoip: $file is no reason not to start",
              http => "rum_geoip $path;"),
         qr/\[warn\] .*rum_geoip: "\Q$path\E" .*$message.*looked at again/,
         'but a warning');
}

bad('rum_geoip twice', '"rum_geoip" directive is duplicate',
    http => "rum_geoip /a.mmdb;\nrum_geoip /a.mmdb;   # here");
bad('rum_geoip in server', '"rum_geoip" directive is not allowed here',
    server => 'rum_geoip /a.mmdb;   # here');
bad('rum_geoip without a file',
    'invalid number of arguments in "rum_geoip" directive',
    http => 'rum_geoip;   # here');


# rum_spool

my $spool = tmp('spool');

good('rum_spool', http => "rum_spool $spool;");
good('rum_spool with a size', http => "rum_spool $spool/ max=1m;");

for my $max ('1023k', 'x', '') {
    bad("rum_spool max=$max",
        '"rum_spool" directive has a "max" that is not a size of 1m or more',
        http => "rum_spool $spool max=$max;   # here");
}

bad('rum_spool with a long path',
    '"rum_spool" directive has a path of more than 448 bytes',
    http => "rum_spool $spool" . '/long' x 90 . ';   # here');
bad('rum_spool size=1g', 'invalid parameter "size=1g"',
    http => "rum_spool $spool size=1g;   # here");
bad('rum_spool twice', '"rum_spool" directive is duplicate',
    http => "rum_spool $spool;\nrum_spool $spool;   # here");
bad('rum_spool in server', '"rum_spool" directive is not allowed here',
    server => "rum_spool $spool;   # here");


# docs/directives.md: its example works, nothing is missing in it

my $docs = slurp(top() . '/docs/directives.md');
my ($module, $variables) = map { join '', map {
    slurp(top() . "/ngx_rum_module/ngx_http_rum_$_.c") } @$_
} [ qw(module filter) ], [ qw(variables server_timing) ];
my $stats = slurp(top() . '/ngx_rum_module/ngx_http_rum_stats.c');
my $beacon = slurp(top() . '/core/rum_beacon.c');
my ($example) = $docs =~ /^## Example\n.*?^http \{\n(.*?)^\}\n```/ms;

$example =~ s{/var/spool/nginx}{tmp()}e;
$example =~ s/listen 80;/"listen 127.0.0.1:" . free_port() . ';'/e;
good('the example', http => $example);

is(join(' ', grep { $docs !~ /^### $_\n/m }
             $module =~ /ngx_string\("(rum_\w+)"\)/g), '',
   'every directive is documented');
is(join(' ', grep { $docs !~ /^\| .*`\$$_`.* \|$/m }
             $variables =~ /[\w]+\("(rum_\w+)"/g), '',
   'and every variable');
is(join(' ', grep { $docs !~ /^\| .*\| `$_` \|/m }
             map { /\{(.*?)\}/s && $1 =~ /rum_string\("(?!ok")(\w+)"\)/g }
             $stats =~ /(result_names\[.*?\};)/s,
             $beacon =~ /(rum_beacon_error_names\[.*?\};)/s), '',
   'and every result');


# the module does nothing where it is not asked to

good('no rum directive at all');

finish();
