# rum_agent: the script comes from memory, compressed, under its hash for a
# year, and rum_inject names that hash.

use strict;
use warnings;

use lib 't/lib';
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use Test::More;
use RumTest;

my $script = '/* an agent */ ' . 'window.rum = function () {};' x 100;
my $file = tmp('agent.js');
my $js = 'text/javascript; charset=utf-8';

spew($file, $script);
spew(tmp('tiny.js'), '1');
spew(tmp('agent.js.map'), '{"version":3}');

my $server = <<"SERVER";
    rum_inject on;
    types { text/html html; }

    location = /rum/agent.js { rum_agent $file; }
    location = /rum/tiny.js { rum_agent @{[ tmp('tiny.js') ]}; }
    location = /rum/agent.js.map { rum_agent @{[ tmp('agent.js.map') ]}; }
    location = /gzip.js { gzip on; gzip_vary on; rum_agent $file; }
    location = /if.js {
        rum_agent $file;
        if (\$arg_x) { add_header X-If yes; }
    }
    location /other/ { alias html/; rum_inject on src=/rum/tiny.js; }
    location /absolute/ {
        alias html/;
        rum_inject on src=//cdn.test/rum/agent.js;
    }
    location /nowhere/ { alias html/; rum_inject on src=/rum/none.js; }
    location /variable/ {
        alias html/;
        rum_inject on site=\$host;
    }
    location /variable-source/ {
        alias html/;
        rum_inject on src=\$arg_src;
    }
SERVER

my $nginx = nginx(h2 => 1, server => $server);
my $url = '/rum/agent.js';
my @gzip = (headers => [ 'Accept-Encoding: gzip, deflate, br' ]);

spew($nginx->dir . '/html/index.html', '<head></head>');

# what a page names
sub named {
    my ($location) = @_;

    return ($nginx->get($location)->{body} =~ / src="([^"]*)"/)[0];
}


# the answer

my $r = $nginx->get($url);

is($r->{status}, 200, 'it is there');
is($r->{body}, $script, 'as it is');
is($r->{headers}{'content-type'}, $js, 'its type');
is($r->{headers}{'content-length'}, length $script, 'its length');
is($r->{headers}{'content-encoding'}, undef, 'not compressed');
is($r->{headers}{vary}, 'Accept-Encoding', 'which may vary');
is($r->{headers}{'access-control-allow-origin'}, '*', 'for every origin');
is($r->{headers}{'cross-origin-resource-policy'}, 'cross-origin',
   'also isolated ones');
is($r->{headers}{'x-content-type-options'}, 'nosniff', 'nothing but a script');

my $z = $nginx->get($url, @gzip);
my $text;

is($z->{headers}{'content-encoding'}, 'gzip', 'compressed');
ok(gunzip(\$z->{body}, \$text, Transparent => 0), 'by gzip')
    or diag($GunzipError);
is($text, $script, 'it is the same');
is($z->{headers}{'content-length'}, length $z->{body}, 'its length');
cmp_ok(length $z->{body}, '<', 100, 'which is less');
isnt($z->{headers}{etag}, $r->{headers}{etag}, 'with an ETag of its own');

my %takes = ('gzip' => 1, 'x-gzip' => 1, 'GZIP' => 1, 'br,gzip;q=0.5' => 1,
             'br, gzip ; q=1.0' => 1, 'deflate,gzip;q=0.001' => 1,
             '' => 0, 'br' => 0, 'gzip;q=0' => 0, 'gzip; q=0.000' => 0,
             'identity, gzip;q=0.0' => 0, 'gzipped' => 0, 'xgzip' => 0,
             '*;q=0' => 0, ',' => 0);

for my $value (sort keys %takes) {
    is($nginx->get($url, headers => [ "Accept-Encoding: $value" ])
             ->{headers}{'content-encoding'}, $takes{$value} ? 'gzip' : undef,
       "Accept-Encoding: \"$value\"");
}

is($nginx->get($url, headers => [ 'Accept-Encoding: gzip', 'Via: 1.1 cdn' ])
         ->{headers}{'content-encoding'}, 'gzip', 'through a proxy too');
is($nginx->get('/rum/tiny.js', @gzip)->{body}, '1',
   'what compression does not make smaller is sent as it is');
is($nginx->get('/rum/agent.js.map')->{headers}{'content-type'},
   'application/json; charset=utf-8', 'a source map');
is($nginx->get('/gzip.js', @gzip)->{body}, $z->{body},
   'nginx does not compress it again');

for my $target ('/if.js', '/if.js?x=1') {
    is($nginx->get($target)->{body}, $script, $target);
}
is($nginx->get('/if.js?x=1')->{headers}{'x-if'}, 'yes', 'inside "if"');


# methods

{
    my $head = $nginx->head($url, @gzip);

    is($head->{status}, 200, 'HEAD');
    is_deeply([ map { $head->{headers}{$_} } qw(content-length etag) ],
              [ map { $z->{headers}{$_} } qw(content-length etag) ],
              'has the header of GET');

    for my $method (qw(POST PUT DELETE OPTIONS)) {
        my $not = $nginx->request($method, $url, body => 'x');

        is($not->{status}, 405, $method);
        is($not->{headers}{allow}, 'GET, HEAD', 'is told what is allowed');
    }

    is($nginx->h2('GET', $url)->{body}, $script, 'HTTP/2');
}


# how long it may be kept

my $hash = (named('/') // '') =~ /^\Q$url\E\?v=([0-9a-f]{16})$/ ? $1 : '';

isnt($hash, '', 'pages name it with a hash') or diag(named('/'));
is($nginx->get("$url?v=$hash")->{headers}{'cache-control'},
   'public, max-age=31536000, immutable', 'with its hash for a year');

for my $query ('', '?', '?v=', "?v=${hash}0", '?v=0123456789abcdef',
               "?w=$hash")
{
    my $short = $nginx->get("$url$query");

    is($short->{headers}{'cache-control'}, 'public, max-age=300',
       "\"$query\": for 5 minutes");
    is($short->{body}, $script, 'the script all the same');
}

for my $answer ($r, $z) {
    my $etag = $answer->{headers}{etag};
    my @headers = ("If-None-Match: $etag", 'Accept-Encoding: '
                   . ($answer->{headers}{'content-encoding'} // 'x'));

    is($nginx->get($url, headers => \@headers)->{status}, 304, "304: $etag");
    $headers[0] =~ s/"(.)/"x/;
    is($nginx->get($url, headers => \@headers)->{status}, 200,
       'not for another ETag');
}


# which hash a page names

like(named('/other/'), qr{^/rum/tiny\.js\?v=[0-9a-f]{16}$}, 'of another one');
isnt(named('/other/'), "/rum/tiny.js?v=$hash", 'its own');
is(named('/absolute/'), '//cdn.test/rum/agent.js', 'none of another host');
is(named('/nowhere/'), '/rum/none.js', 'none that is not served here');
is(named('/variable/'), "$url?v=$hash", 'with variables elsewhere in the tag');
is(named("/variable-source/?src=$url"), "$url?v=$hash",
   'with a variable for the source');
is(named('/variable-source/?src=/x.js'), '/x.js', 'of something else');


# another server does not have the agent of this one

{
    my $port = free_port();
    my $two = nginx(server => "rum_inject on;\n", http => <<"HTTP");
    types { text/html html; }
    rum_inject on;
    server {
        listen 127.0.0.1:$port;
        location = /rum/agent.js { rum_agent $file; }
    }
HTTP

    spew($two->dir . '/html/index.html', '<head></head>');
    like(http($port, 'GET', '/')->{body}, qr/agent\.js\?v=$hash"/,
         'inherited from http, with the hash of the server');
    like($two->get('/')->{body}, qr/agent\.js" /, 'and without in the other');
}


# a new file is taken by a reload

spew($file, "$script\n");
is($nginx->get($url)->{body}, $script, 'a changed file is not yet served');
$nginx->reload;
is($nginx->get($url)->{body}, "$script\n", 'after a reload it is');
unlike(named('/'), qr/v=$hash/, 'under another hash');


# configuration

spew(tmp('empty.js'), '');

for my $case (
    [ "rum_agent $file.none", qr/"\Q$file.none\E" cannot be opened .*"make /
                              . qr/install" puts the agent into .*No such/ ],
    [ 'rum_agent ' . tmp('empty.js'), qr/is not a file of 1 byte to 4m/ ],
    [ 'rum_agent ' . tmp(), qr/is not a file of 1 byte to 4m/ ],
    [ "rum_agent $file; rum_agent $file", qr/is duplicate/ ],
    [ "rum_agent $file $file", qr/invalid number of arguments/ ])
{
    my ($directive, $message) = @$case;
    my ($ok, $out) = $nginx->check(server => "location /a { $directive; }");

    ok(!$ok, $directive);
    like($out, qr/\[emerg\] .*$message/, 'is refused with a message');
}

{
    my ($ok, $out) = $nginx->check(server => 'location /a { rum_agent; }');

    ok($out =~ m{rum_agent: "/.*/share/ngx_rum/agent/rum\.js" cannot} || $ok,
       'without a file it is that of make install') or diag($out);

    ($ok, $out) = $nginx->check(server => "rum_agent $file;");
    like($out, qr/"rum_agent" directive is not allowed here/,
         'in a location only');
}

finish();
