# What `make` builds fits where it goes: the module loads into the stock nginx,
# shows only what nginx looks up, and brings its own copies of the libraries
# that another module may bring too; a missing library names its package;
# `make install` puts everything in its place.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

plan skip_all => 'about the plain build' if sanitized();

my $module = built('ngx_http_rum_module.so');

sub output {
    my (@command) = @_;
    my $out = tmp('command.out');

    unlink $out;
    RumTest::reap(RumTest::spawn($out, @command), 300);
    return slurp($out);
}


# what leaves the module, and what it needs

is_deeply([ map { (split)[2] } split /\n/,
            output('nm', '-D', '--defined-only', $module) ],
          [ sort qw(ngx_http_rum_module ngx_module_names ngx_module_order
                    ngx_modules) ],
          'the module shows what nginx looks up and nothing else');

unlike(output('readelf', '-d', $module), qr/hiredis|yajl|msgpack/,
       'hiredis, yajl and msgpack-c are inside the module');

like(output('readelf', '-d', $module), qr/BIND_NOW|FLAGS_1.*NOW/,
     'and all symbols are bound when it is loaded');

my $nginx = nginx(server => 'location / { return 204; }');

is($nginx->get('/')->{status}, 204, 'the stock nginx loads it');


# of hiredis, core knows what a reply looks like, and calls nothing

my @objects = glob built('obj/core/*.o');

unlike(join('', map { slurp($_) } glob top() . '/core/*.[ch]'),
       qr/include\s*<(?:ngx_|sys\/socket)/, 'core includes no nginx');

ok(scalar @objects, 'core has been built');
unlike(output('nm', '-u', @objects),
       qr/^\s+U (?:redis|ngx_|socket$|connect$|send|recv)/m,
       'core calls neither nginx nor Redis nor sockets');


# a compiler that cannot find yajl

my $cc = tmp('cc');

spew($cc, <<'END');
#!/bin/sh
for arg; do
    case $arg in
        *.c) grep -q yajl_parse.h "$arg" && exit 1 ;;
    esac
done
exec cc "$@"
END
chmod 0755, $cc;

{
    local $ENV{CC} = $cc;
    local $ENV{CC_OPT} = '-O0';
    like(output(top() . '/tools/nginx-tree', '', tmp('tree')),
         qr/ngx_rum needs yajl: apt-get install libyajl-dev/,
         'a missing library is named with its package');
}


# make install

my $dest = tmp('dest');
my $out = output('make', '-C', top(), 'install-files', "DESTDIR=$dest",
                 'MODULES_PATH=/usr/lib/nginx/modules',
                 $ENV{RUM_BUILD} ? "BUILD=$ENV{RUM_BUILD}" : ());

for my $file (qw(/usr/lib/nginx/modules/ngx_http_rum_module.so
                 /usr/bin/rum-aggregator /etc/ngx_rum/aggregator.conf
                 /usr/share/ngx_rum/agent/rum.js
                 /usr/share/ngx_rum/dashboard/index.html
                 /usr/share/nginx/modules-available/mod-http-rum.conf
                 /lib/systemd/system/rum-aggregator.service))
{
    ok(-s "$dest$file", "make install: $file");
}

like($out, qr/aggregator\.conf/, 'which it says') or diag($out);

my ($code, $text) = aggregator(start => 0)->run('-t', '-c',
    "$dest/etc/ngx_rum/aggregator.conf");
is($code, 0, 'the installed configuration is right') or diag($text);

finish();
