# rum_server_timing: what there is to tell of a request stands in one header,
# and its trace is the same for the browser and for the upstream.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

my $cache = tmp('cache');
my $echo = free_port();
my $dead = free_port();
my $there = free_port();
my $given = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';
my $trace = qr/00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01/;

my $nginx = nginx(http => <<"HTTP", server => <<"SERVER");
    proxy_cache_path $cache keys_zone=c:1m;
    proxy_set_header traceparent \$rum_traceparent;
    log_format trace '\$rum_traceparent';
    limit_req_zone \$uri zone=slow:1m rate=20r/s;
    upstream tries {
        server 127.0.0.1:$dead max_fails=0;
        server 127.0.0.1:$dead max_fails=0;
        server 127.0.0.1:$echo backup;
    }
    upstream late {
        server 127.0.0.1:$echo;
        server 127.0.0.1:$there backup;
    }
    server {
        listen 127.0.0.1:$there;
        location / { return 200 x; }
    }
    server {
        listen 127.0.0.1:$echo;
        location / { return 200 "\$http_traceparent"; }
        location /own {
            add_header Server-Timing "db;dur=5";
            add_header Cache-Control max-age=60;
            return 200 x;
        }
        location /broken { return 502; }
        location /slow { limit_req zone=slow burst=9; alias html/slow; }
        location /late { limit_req zone=slow burst=9; alias html/none; }
    }
HTTP
    rum_server_timing on;

    location / { return 200 here; }
    location /off { rum_server_timing off; return 200 here; }
    location /variable { rum_server_timing off; return 200 \$rum_traceparent; }
    location /up { proxy_pass http://127.0.0.1:$echo; }
    location /own {
        proxy_pass http://127.0.0.1:$echo;
        proxy_cache c;
    }
    location /slow { proxy_pass http://127.0.0.1:$echo; }
    location /tries { proxy_pass http://tries/; }
    location /late {
        proxy_pass http://late;
        proxy_next_upstream http_404;
    }
    location /broken {
        proxy_pass http://127.0.0.1:$echo;
        proxy_intercept_errors on;
        error_page 502 = /up;
    }
    location /missing { return 404; }
    location /ssi {
        ssi on;
        ssi_types text/plain;
        return 200 '<!--#include virtual="/up" -->';
    }
    location /logged {
        access_log $cache.log trace;
        return 200 x;
    }
SERVER

spew($nginx->dir . '/html/slow', 'x');

# the entries of the last Server-Timing header: name, and dur or desc
sub timing {
    my ($r) = @_;
    my @headers = $r->{raw_headers} =~ /^Server-Timing: ([^\r]*)\r$/mg;

    return {} unless @headers;
    return { map { /^(\w+);(?:dur|desc)=("?)(.*)\2$/ ? ($1, $3) : ($_, '') }
             split /, /, $headers[-1] };
}

sub get { return $nginx->get(shift, headers => [ @_ ]) }


# what there is, and no more

{
    my $t = timing(get('/'));

    is_deeply([ sort keys %$t ], [ qw(total traceparent) ],
              'no upstream, no cache');
    like($t->{total}, qr/^\d+$/, 'milliseconds');
    like($t->{traceparent}, qr/^$trace$/, 'a new trace');
    isnt(timing(get('/'))->{traceparent}, $t->{traceparent},
         'another one for another request');
}

is(get('/off')->{headers}{'server-timing'}, undef, 'off');
is_deeply([ sort keys %{ timing(get('/missing')) } ],
          [ qw(total traceparent) ], 'an error');
is_deeply([ sort keys %{ timing($nginx->head('/')) } ],
          [ qw(total traceparent) ], 'HEAD');


# upstreams

{
    my ($r, $t);

    $r = get('/up');
    $t = timing($r);
    is_deeply([ sort keys %$t ], [ qw(total traceparent upstream) ],
              'an upstream');
    cmp_ok($t->{total}, '>=', $t->{upstream}, 'is a part of the total');
    is($r->{body}, $t->{traceparent}, 'and gets the same trace');

    # of three at once the upstream answers the last one 100 ms later, for
    # /late with a 404, so that the next upstream is asked
    for my $target (qw(/slow /late)) {
        my @c = map { $nginx->client } 1 .. 3;

        $_->send("GET $target HTTP/1.1\r\nHost: a\r\n\r\n") for @c;
        my ($slowest) = sort { $b->{upstream} <=> $a->{upstream} }
                        map { timing($_->response('GET')) } @c;
        cmp_ok($slowest->{upstream}, '>=', 50, "$target: a slow one");
        cmp_ok($slowest->{total}, '>=', $slowest->{upstream}, 'as in total');
    }
    is(get('/late')->{status}, 200, 'by the second try');

    $r = get('/tries');
    $t = timing($r);
    like($t->{upstream}, qr/^\d+$/, 'several tries are one time');
    is($r->{body}, $t->{traceparent}, 'one trace');

    $r = get('/broken');
    $t = timing($r);
    is($r->{status}, 200, 'after a redirect');
    is($r->{body}, $t->{traceparent}, 'one trace too');

    $r = get('/ssi');
    is($r->{body}, timing($r)->{traceparent}, 'and in a subrequest');
    is(scalar(() = $r->{raw_headers} =~ /Server-Timing/g), 1,
       'which has no header of its own');
}


# a cache, and the upstream's own

{
    my ($miss, $hit) = (get('/own'), get('/own'));

    is(timing($miss)->{cache}, 'MISS', 'a cache: MISS');
    is(timing($hit)->{cache}, 'HIT', 'HIT');
    is(timing($hit)->{upstream}, undef, 'without an upstream');
    like($hit->{raw_headers}, qr/^Server-Timing: db;dur=5\r$/m,
         "the upstream's own header stays");
    is(scalar(() = $hit->{raw_headers} =~ /^Server-Timing/mg), 2,
       'beside this one');
}


# a trace that came in

is(timing(get('/up', "traceparent: $given"))->{traceparent}, $given,
   'it is told');
is(get('/up', "TraceParent: $given")->{body}, $given, 'and passed on');
is(get('/variable', "traceparent: $given")->{body}, $given,
   '$rum_traceparent everywhere');
like(get('/variable')->{body}, qr/^$trace$/, 'also a new one');

for my $good ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
              "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what")
{
    is(get('/variable', "traceparent: $good")->{body}, $good, "good: $good");
}

for my $bad ('', 'x', substr($given, 0, -1), "${given}0", "$given-more",
             uc $given, "ff" . substr($given, 2), $given =~ tr/-/_/r,
             "00-" . '0' x 32 . "-00f067aa0ba902b7-01",
             "00-4bf92f3577b34da6a3ce929d0e0e4736-" . '0' x 16 . "-01",
             "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
             "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
             "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-a\"b",
             "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-a\\b",
             "$given\r\ntraceparent: $given")
{
    like(get('/variable', "traceparent: $bad")->{body}, qr/^$trace$/,
         'bad: ' . $bad =~ s/\r\n/ and /r);
}

{
    my $t = timing(get('/logged'));

    ok(wait_for(sub { slurp("$cache.log") eq "$t->{traceparent}\n" }),
       'the log has the same');
}

finish();
