# rum_inject: the script tag stands once, right behind <head>, in every page,
# however the page comes: in whatever pieces, from a file or an upstream,
# compressed, put together by SSI, over HTTP/2; and the rest of the page is what
# it was.  What is no page, or has the script, is left alone.

use strict;
use warnings;

use lib 't/lib';
use IO::Compress::Gzip qw(gzip);
use IO::Select;
use IO::Socket::INET;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use Test::More;
use Time::HiRes qw(time);
use RumTest;

my $tag = '<script async src="/rum/agent.js" data-beacon="/rum/beacon">'
          . '</script>';
my $upstream = IO::Socket::INET->new(LocalAddr => '127.0.0.1:0', Listen => 64)
    or die "listen: $!";
my $up = 'http://127.0.0.1:' . $upstream->sockport;

my $cache = tmp('cache');

my $nginx = nginx(h2 => 1, http => <<"HTTP", server => <<"SERVER");
    proxy_cache_path $cache keys_zone=c:1m;
    types {
        text/html html htm;
        application/xhtml+xml xhtml;
        text/css css;
    }
HTTP
    rum_inject on;

    location /up/ { proxy_pass $up; }
    location /stream/ { proxy_pass $up; proxy_buffering off; }
    location /chunked/ { proxy_pass $up; proxy_http_version 1.1; }
    location /gzip/ {
        proxy_pass $up;
        gzip on;
        gzip_min_length 1;
        gzip_http_version 1.0;
    }
    location /gunzip/ { proxy_pass $up; gunzip on; }
    location /cached/ {
        proxy_pass $up;
        proxy_cache c;
        proxy_cache_valid 200 1h;
        sendfile on;
    }
    location /sub/ {
        proxy_pass $up;
        sub_filter '%%' '<head>';
        sub_filter_once off;
    }
    location /sendfile/ { alias html/; sendfile on; }
    location /gzipped/ { alias html/; gzip on; gzip_min_length 1; }
    location /ssi/ { alias html/; ssi on; sendfile on; }
    location /ssi-gzip/ {
        alias html/;
        ssi on;
        gzip on;
        gzip_min_length 1;
    }
    location /off/ { alias html/; rum_inject off; }
    location /off-on/ { rum_inject off; location /off-on/on/ {
        rum_inject on; alias html/; } }
    location /nonce/ {
        alias html/;
        rum_inject on nonce=\$arg_n;
    }
    location /options/ {
        alias html/;
        rum_inject on "src=\$arg_src" beacon=/b?a=1&b=2 site=shop
                   "data-a=x\\"y'z<&>" data-empty= data-uri=\$arg_u;
    }
    location = /missing { return 404; }
    location = /missing-own { error_page 404 /page.html; return 404; }
    location = /teapot { default_type text/html; return 418 "<head>x"; }
    location = /moved { return 301 /page.html; }
    location = /text { default_type text/html; return 200 "<head>"; }
    location = /nothing { default_type text/html; return 200 ""; }
    location = /created { default_type text/html; return 201 "<head>x"; }
    location = /attached {
        alias html/page.html;
        add_header content-disposition "Attachment; filename=page.html";
    }
SERVER

my $html = $nginx->dir . '/html';


# ------------------------------------------------------------ the upstream

# An answer of the upstream in pieces; with "wait" each is sent when the
# client has the one before.  Returns all that the client got.
sub through {
    my ($location, $header, $pieces, %o) = @_;
    my ($client, $c, $got, $sent) = (undef, undef, '', 0);

    $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $nginx->port)
        or die "connect: $!";
    print $client "GET $location HTTP/1.0\r\nHost: a\r\n"
        . join('', map { "$_\r\n" } @{ $o{headers} || [] }) . "\r\n";

    $c = $upstream->accept or die "accept: $!";
    sysread $c, my $request, 65536;
    $header .= "Content-Type: text/html\r\n"
        unless $header =~ /^Content-Type:/m;
    syswrite $c, "HTTP/1.1 200 OK\r\nConnection: close\r\n$header\r\n";

    for my $piece (@$pieces) {
        syswrite $c, $piece;
        $sent += length $piece;
        next unless $o{wait};

        my $end = time + 20;
        while (length(($got =~ /\r\n\r\n(.*)/s)[0] // '') < $sent) {
            IO::Select->new($client)->can_read($end - time) or last;
            sysread $client, $got, 65536, length $got or last;
        }
    }
    close $c;

    1 while sysread $client, $got, 65536, length $got;
    return $got;
}

sub body { return (split /\r\n\r\n/, $_[0], 2)[1] // '' }


# ------------------------------------------------------- cut at every byte

my $before = "\xef\xbb\xbf<!doctype html>\n<!-- <head> -- > -->\n"
             . "<html data-a='<head>'><title><head></title>\n"
             . "<script>if (a</head>/) '<head>'</script>"
             . "<HeAd prefix=\"a > b\" b='>'\n>";
my $after = "<meta charset=utf-8></head><body><header>x</header>\n"
            . "<pre><head></pre></body></html>\n";
my $page = $before . $after;
my $injected = $before . $tag . $after;

{
    my @wrong;

    for my $cut (1 .. length($page) - 1) {
        my $got = body(through('/stream/', '', [ substr($page, 0, $cut),
                               substr($page, $cut) ], wait => 1));
        push @wrong, "$cut: $got" if $got ne $injected;
    }
    is(join("\n", @wrong), '', length($page) - 1 . ' cuts in two pieces');

    is(body(through('/stream/', '', [ split //, $page ], wait => 1)),
       $injected, 'in pieces of one byte');
    is(body(through('/stream/', '', [ $page ], wait => 1)), $injected,
       'in one piece');

    srand 4;
    @wrong = ();
    for (1 .. 50) {
        my ($rest, @pieces) = ($page);

        push @pieces, substr $rest, 0, 1 + int rand 40, '' while $rest ne '';
        my $got = body(through('/stream/', '', \@pieces, wait => 1));
        push @wrong, join('|', @pieces) . ": $got" if $got ne $injected;
    }
    is(join("\n", @wrong), '', '50 random cuts in many pieces');
}

like(body(through('/stream/', '', [ '<head>' ], wait => 1)),
     qr/\A<head>\Q$tag\E\z/, 'a page that ends with its <head>');


# -------------------------------------------------- from everywhere, the same

my $filler = join '', map { "<p>line $_ of a long page</p>\n" } 1 .. 6000;

spew("$html/page.html", $page);
spew("$html/long.html", $page . $filler);
spew("$html/late.html", '<!--' . 'x' x 40000 . "-->$page");
spew("$html/too-late.html", '<!--' . 'x' x 65536 . "-->$page");

is($nginx->get('/page.html')->{body}, $injected, 'a file');
is($nginx->get('/long.html')->{body}, $injected . $filler, 'a long one');
is($nginx->get('/sendfile/long.html')->{body}, $injected . $filler,
   'with sendfile');
is($nginx->get('/late.html')->{body}, '<!--' . 'x' x 40000 . "-->$injected",
   'the head may begin late');
is($nginx->get('/too-late.html')->{body}, '<!--' . 'x' x 65536 . "-->$page",
   'but not behind 64 KB');
is($nginx->get('/text')->{body}, "<head>$tag", 'a constant answer');

for my $location (qw(/up/ /chunked/ /stream/ /sub/)) {
    is(body(through($location, 'Content-Length: ' . length($page) . "\r\n",
                    [ $page ])), $injected, "upstream, $location");
}

is(body(through('/up/', '', [ $page . $filler ])), $injected . $filler,
   'a long one');

my $chunked = join '', map { sprintf("%x\r\n", length) . "$_\r\n" }
              $page =~ /.{1,7}/gs;
is(body(through('/chunked/', "Transfer-Encoding: chunked\r\n",
                [ "${chunked}0\r\n\r\n" ])), $injected, 'upstream, in chunks');

is(body(through('/cached/', '', [ $page . $filler ])), $injected . $filler,
   'on its way into the cache');
is($nginx->get('/cached/')->{body}, $injected . $filler, 'and out of it');
like(join('', map { slurp($_) } glob "$cache/*"), qr/\Q$page\E/,
     'where it is as it came');

is(body(through('/sub/', '', [ '%%<title>x</title>' ])),
   "<head>$tag<title>x</title>", 'a head that sub_filter writes');

# what gzip has compressed
sub unpacked {
    my ($r) = @_;
    my $text = '';

    return 'not compressed'
        if ($r->{headers}{'content-encoding'} // '') ne 'gzip';
    gunzip(\$r->{body}, \$text, Transparent => 0) or return $GunzipError;
    return $text;
}

my @gzip = (headers => [ 'Accept-Encoding: gzip' ]);

is(unpacked($nginx->get('/gzipped/page.html', @gzip)), $injected,
   'gzip on, a file');
is(unpacked($nginx->get('/gzipped/long.html', @gzip)), $injected . $filler,
   'a long one');

{
    my ($r, $packed);

    for my $cut (1, 70, length($before) - 1, length $before) {
        $r = through('/gzip/', '', [ substr($page, 0, $cut),
                                     substr($page, $cut) . $filler ], @gzip);
        like($r, qr/^Content-Encoding: gzip\r$/m, "gzip on, cut at $cut");
        is(unpacked({ headers => { 'content-encoding' => 'gzip' },
                      body => body($r) }), $injected . $filler,
           'compressed with the tag');
    }

    gzip(\$page, \$packed);
    $r = through('/gunzip/', "Content-Encoding: gzip\r\n", [ $packed ]);
    is(body($r), $injected, 'gunzip on');
    $r = through('/up/', "Content-Encoding: gzip\r\n", [ $packed ]);
    is(body($r), $packed, 'what stays compressed is left alone');
    unlike($r, qr/chunked|W\//, 'and its header');
}

{
    my $r = $nginx->h2('GET', '/long.html');

    is($r->{body}, $injected . $filler, 'HTTP/2');
    $r = $nginx->h2('HEAD', '/page.html');
    is($r->{status}, 200, 'HTTP/2, HEAD');
}


# ----------------------------------------------------------- SSI, subrequests

spew("$html/top.html", "<!doctype html><head>");
spew("$html/body.html", "<body>$filler");
spew("$html/ssi.html", '<!--#include file="top.html"--><title>x</title>'
     . '<!--#include file="body.html"-->end');
spew("$html/ssi2.html", '<head><title>x</title><!--#include '
     . 'file="page.html"-->end');

for my $location (qw(/ssi/ /ssi-gzip/)) {
    is($nginx->get("${location}ssi.html")->{body},
       "<!doctype html><head>$tag<title>x</title><body>${filler}end",
       "$location: the head is in an included file");
    is($nginx->get("${location}ssi2.html")->{body},
       "<head>$tag<title>x</title>${page}end",
       "$location: what is included gets none of its own");
}

is(unpacked($nginx->get('/ssi-gzip/ssi.html', @gzip)),
   "<!doctype html><head>$tag<title>x</title><body>${filler}end",
   'and compressed');


# --------------------------------------------------------------- left alone

spew("$html/there.html", "<head><title>x</title>"
     . '<script src="/rum/agent.js?v=1"></script></head>');
spew("$html/there-before.html", "<script src='/rum/agent.js'></script><head>");
spew("$html/not-there.html", "<head><script src=/rum/agent.js.old></script>");
spew("$html/fragment.html", '<header><p>a fragment</p></header>');
spew("$html/body-only.html", '<body><pre><head></pre>');
spew("$html/empty.html", '');
spew("$html/page.xhtml", $page);
spew("$html/page.css", $page);

for my $file (qw(there.html there-before.html fragment.html body-only.html
                 empty.html page.xhtml page.css))
{
    is($nginx->get("/$file")->{body}, slurp("$html/$file"),
       "$file is left alone");
}

is($nginx->get('/not-there.html')->{body},
   "<head>$tag<script src=/rum/agent.js.old></script>",
   'a script of another name is another one');
is($nginx->get('/off/page.html')->{body}, $page, 'rum_inject off');
is($nginx->get('/off-on/on/page.html')->{body}, $injected,
   'off, and on again below');
is($nginx->get('/attached')->{body}, $page, 'a download');
is($nginx->get('/nothing')->{headers}{'content-length'}, 0,
   'an empty answer keeps its length');
is($nginx->get('/page.css')->{headers}{'content-length'}, length $page,
   'so does what is not HTML');

for my $type ('text/html; charset=utf-8', 'TEXT/HTML', 'text/html;x') {
    my $got = through('/up/', "Content-Type: $type\r\n",
                      [ $page ]);
    is(body($got), $injected, "type $type");
}


# ----------------------------------------------------------------- statuses

like($nginx->get('/missing')->{body}, qr/<head>\Q$tag\E<title>404/,
     "nginx's own error page");
is($nginx->get('/missing-own')->{body}, $injected, 'one of a file');
is($nginx->get('/teapot')->{body}, "<head>${tag}x", 'any error');
unlike($nginx->get('/moved')->{body}, qr/script/, 'not a redirect');
is($nginx->get('/created')->{body}, '<head>x', 'not 201');


# ------------------------------------------------------------------- headers

{
    my ($plain, $r, $since);

    $plain = $nginx->get('/off/page.html');
    ok($plain->{headers}{'accept-ranges'}, 'a file has ranges');

    $r = $nginx->get('/page.html');
    is($r->{headers}{etag}, "W/$plain->{headers}{etag}", 'the ETag is weak');
    is($r->{headers}{'last-modified'}, $plain->{headers}{'last-modified'},
       'Last-Modified stays');
    is($r->{headers}{'content-length'}, undef, 'no Content-Length');
    is($r->{headers}{'accept-ranges'}, undef, 'no Accept-Ranges');

    my $head = $nginx->head('/page.html');
    is($head->{status}, 200, 'HEAD');
    is_deeply([ map { $head->{headers}{$_} } qw(etag content-length
                                                accept-ranges) ],
              [ map { $r->{headers}{$_} } qw(etag content-length
                                             accept-ranges) ],
              'has the header of GET');

    $r = $nginx->get('/page.html', headers => [ 'Range: bytes=3-10' ]);
    is($r->{status}, 200, 'a range is answered with the page');
    is($r->{body}, $injected, 'the whole one');
    $r = $nginx->get('/off/page.html', headers => [ 'Range: bytes=3-10' ]);
    is($r->{body}, substr($page, 3, 8), '(elsewhere with the range)');

    for my $header ("If-None-Match: W/$plain->{headers}{etag}",
                    "If-Modified-Since: $plain->{headers}{'last-modified'}")
    {
        $r = $nginx->get('/page.html', headers => [ $header ]);
        is($r->{status}, 304, $header);
        is($r->{body}, '', 'is nothing but a header');
    }

    $r = through('/up/', "Accept-Ranges: bytes\r\nETag: \"1\"\r\n"
                 . 'Content-Length: ' . length($page) . "\r\n", [ $page ]);
    unlike($r, qr/Accept-Ranges|Content-Length/i, 'so it is from upstreams');
    like($r, qr{^ETag: W/"1"\r}m, 'with a weak ETag');
}


# ------------------------------------------------------------- the tag itself

{
    my $r = $nginx->get('/nonce/page.html?n=r4nd%22om');

    like($r->{body}, qr/ nonce="r4nd%22om"><\/script>/, 'a nonce');
    is($r->{headers}{etag} // $r->{headers}{'last-modified'}, undef,
       'and nothing that a 304 could be answered to');
    is($nginx->get('/nonce/page.html')->{body}, $injected, 'no nonce');

    $r = $nginx->get('/options/page.html?src=/a"&u=<&#>');
    is(($r->{body} =~ /<HeAd[^<]*?\n>(.*?<\/script>)<meta/s)[0],
       '<script async src="/a&quot;" data-beacon="/b?a=1&amp;b=2"'
       . ' data-site="shop" data-a="x&quot;y&#39;z&lt;&amp;&gt;"'
       . ' data-empty="" data-uri="&lt;"></script>', 'values are escaped');
    is($nginx->get('/options/page.html')->{body}, $page,
       'without a source no tag');
    is($nginx->get('/options/there.html?src=/rum/agent.js')->{body},
       slurp("$html/there.html"), 'a source from a variable is looked for');
}


# -------------------------------------------------------------- configuration

for my $case (
    [ 'rum_inject', 'invalid number of arguments' ],
    [ 'rum_inject maybe', 'must be "off", or "on" and parameters' ],
    [ 'rum_inject off src=/a', 'must be "off", or "on" and parameters' ],
    [ 'rum_inject on; rum_inject on', 'is duplicate' ],
    [ 'rum_inject on src=', 'invalid parameter "src="' ],
    [ 'rum_inject on defer', 'invalid parameter "defer"' ],
    [ 'rum_inject on onload=x', 'invalid parameter "onload=x"' ],
    [ 'rum_inject on data-=x', 'invalid parameter "data-=x"' ],
    [ 'rum_inject on data-A=x', 'invalid parameter "data-A=x"' ],
    [ 'rum_inject on "data-a b=x"', 'invalid parameter "data-a b=x"' ],
    [ 'rum_inject on src=/a src=/b', 'duplicate parameter for "src"' ],
    [ 'rum_inject on site=a data-site=b',
      'duplicate parameter for "data-site"' ],
    [ 'rum_inject on src=$no_such', 'unknown "no_such" variable' ])
{
    my ($directive, $message) = @$case;
    my ($ok, $out) = $nginx->check(server => "$directive;");

    ok(!$ok, $directive);
    like($out, qr/\[emerg\] .*\Q$message\E/, $message);
}

unlike($nginx->log, qr/\[(?:warn|error|crit)\](?!.*upstream)/,
       'nothing is logged');


# ------------------------------------------ files are sent as files afterwards

SKIP: {
    RumTest::reap(RumTest::spawn(tmp('version'), $nginx->binary, '-V'), 20);
    skip 'this nginx has no debug log', 6
        unless slurp(tmp('version')) =~ /--with-debug/;

    my $debug = nginx(log_level => 'debug', http => 'types { text/html html; }',
                      server => 'rum_inject on; sendfile on; location /aio/ '
                                . '{ alias html/; aio threads; }');

    spew($debug->dir . '/html/long.html', $page . $filler);

    for my $target (qw(/long.html /aio/long.html)) {
        is($debug->get($target)->{body}, $injected . $filler, $target);
        like($debug->log, qr/sendfile: \d+ of \d+ @(?!0)\d+/,
             'the rest goes by sendfile');
        unlike($debug->log, qr/read: \d+, \S+, \d+, (?!0)\d+$/m,
               'and only the beginning is read');
    }
}

finish();
