# Where a visitor is, from any number of databases that come, go, change and
# break while nginx runs: a lookup never fails, and a new file is used without
# a reload.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumMmdb;

my $clock = time;

# Looks at a file are seconds apart, and a second is all that mtime tells:
# each version of a file has a time of its own.
sub touched {
    my ($path) = @_;

    $clock += 10;
    utime $clock, $clock, $path or die "$path: $!";
}

my $dir = tmp('geoip');
mkdir $dir;

my ($country, $asn, $city, $late) = map { "$dir/$_.mmdb" }
                                    qw(country asn city late);
mmdb_write($country, 'Country');
mmdb_write($asn, 'ASN');
mmdb_write($city, 'City');
touched($_) for $country, $asn, $city;

my $redis = redis();

sub geoip_nginx {
    my ($databases, %o) = @_;

    return nginx(redis => $redis, %o, http => <<HTTP . ($o{http} // ''),
    @{[ map { "rum_geoip $_;\n" } @$databases ]}
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
HTTP
        server => <<'SERVER');
    location /rum { rum_beacon shop; }
    location /status { rum_status; }
    location /where { return 200 "$rum_city/$rum_region/$rum_asn"; }
SERVER
}

my $count = 0;

# the dimensions of a beacon from this address
sub dims {
    my ($nginx, $address) = @_;
    my $r = $nginx->beacon('/rum', {}, "X-Real-IP: $address",
        'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) '
        . 'Gecko/20100101 Firefox/128.0');

    return { status => $r->{status} } if $r->{status} != 204;
    $count++;
    wait_for(sub { $redis->command('XLEN', 'rum:{0}:events') == $count });
    return ($redis->events(0, 1))[0]{e}{dims};
}

sub country { return dims(@_)->{country} // '-' }

sub where {
    my ($nginx, $address) = @_;

    return $nginx->get('/where', headers => ["X-Real-IP: $address"])->{body};
}

sub geoip_figures { return ($_[0]->figures || {})->{geoip} || {} }

# until the files were looked at again
sub reloads {
    my ($nginx, $n) = @_;

    return wait_for(sub { geoip_figures($nginx)->{reloads} >= $n });
}


# several databases

my $nginx = geoip_nginx([$country, $asn, $city, $late]);
my $dims;

is(country($nginx, mmdb_address(0)), 'DE', 'a country');
is(country($nginx, mmdb_address(9)), 'BR', 'another');
is(country($nginx, '192.0.2.1'), '-', 'an address that is nowhere');
is(country($nginx, '2001:db8:3::7'), 'NL', 'IPv6');
is(country($nginx, '::ffff:' . mmdb_address(3)), 'NL', 'IPv4 in IPv6');
is(country($nginx, '2001:db9::1'), '-', 'IPv6 that is nowhere');

is(where($nginx, mmdb_address(4)), 'City 4/R4/64504',
   'city, region and network, each from the database that has it');
is(where($nginx, '2001:db8:b::1'), 'City 11/R11/64511', 'of IPv6');
is(where($nginx, '192.0.2.1'), '//', 'of nowhere');

$dims = dims($nginx, mmdb_address(2));
ok(!exists $dims->{human}, 'a visitor from an access network');
$dims = dims($nginx, mmdb_address(2, 1, hosting => 1));
is($dims->{human}, 'no', 'a visitor from a data centre is not human');
is($dims->{country}, 'GB', 'wherever that is');

cmp_ok(geoip_figures($nginx)->{built}, '>', time - 600, 'the age is known');
like($nginx->log, qr/\[warn\].*rum_geoip: "\Q$late\E" cannot be opened/,
     'a missing one is a warning');


# one file is replaced, one appears, one is overwritten in place

sub overwrite {
    my ($path, $data) = @_;

    open my $fh, '+<:raw', $path or die "$path: $!";
    print $fh $data;
    truncate $fh, length $data;
    close $fh or die "$path: $!";
    touched($path);
}

mmdb_write($country, 'Country', networks => { '198.51.100.0/24' => 'CH' });
touched($country);
mmdb_write($late, 'Country', networks => { '203.0.113.0/24' => 'AT' });
touched($late);
mmdb_write("$dir/new-asn", 'ASN',
           networks => { '198.51.100.0/24' => 'XX' });
overwrite($asn, slurp("$dir/new-asn"));

ok(reloads($nginx, 3), 'three changes are seen');
is(country($nginx, '198.51.100.7'), 'CH', 'replaced by a rename');
is(country($nginx, mmdb_address(0)), 'DE', 'with what was there before');
is(country($nginx, '203.0.113.7'), 'AT', 'appeared after the start');
is(where($nginx, '198.51.100.7'), '//64599', 'overwritten in place');
is(geoip_figures($nginx)->{failures}, 0, 'and nothing failed');


# broken: the old one stays

my %broken = ($country => 'not a database',
              $city => substr slurp($city), 0, (-s $city) / 2);

overwrite($_, $broken{$_}) for sort keys %broken;

ok(wait_for(sub { geoip_figures($nginx)->{failures} >= 2 }),
   'garbage and half a file: both are counted');
for my $file (sort keys %broken) {
    like($nginx->log, qr/\[warn\].*"\Q$file\E" .*before it stays in use/,
         'and a warning');
}
is(country($nginx, '198.51.100.7'), 'CH', 'the country is still known');
is(where($nginx, mmdb_address(4)), 'City 4/R4/64504',
   'city, region and network as well');


# removed: the old one stays; back again: the new one is taken

unlink $late, $country, $asn;
mmdb_write($city, 'City');
mmdb_write($country, 'Country', networks => { '198.51.100.0/24' => 'LI' });
touched($_) for $city, $country;

ok(reloads($nginx, 5), 'one is whole again, one is another');
is(where($nginx, mmdb_address(4)), 'City 4/R4/64504',
   'in use again, and what is removed still is');
is(country($nginx, '198.51.100.7'), 'LI', 'in use');
is(country($nginx, '203.0.113.7'), 'AT', 'removed, still in use');

# neither its time nor its size tell this one

my $size = -s $country;
mmdb_write($country, 'Country', networks => { '198.51.100.0/24' => 'MC' });
utime $clock, $clock, $country;
is(-s $country, $size, 'a file of the same time and size');
ok(reloads($nginx, 6), 'is another one');
is(country($nginx, '198.51.100.7'), 'MC', 'and in use');


# changing all the time, while beacons come

{
    my ($c, %seen) = $nginx->client;
    my $before = geoip_figures($nginx)->{reloads};

    ok(wait_for(sub {
        my $code = $clock / 10 % 2 ? 'SE' : 'NO';

        mmdb_write($country, 'Country',
                   networks => { '198.51.100.0/24' => $code });
        touched($country);
        overwrite($late, slurp($country)) if -e $late;
        spew($late, '') unless -e $late;
        $seen{$c->request('POST', '/rum', body => beacon_json(), headers =>
              ['X-Real-IP: 198.51.100.7'])->{status}}++ for 1 .. 20;
        $count += 20;
        geoip_figures($nginx)->{reloads} > $before;
    }), 'files that change all the time');
    is_deeply([keys %seen], [204], 'do not disturb beacons');
}


# a reload of nginx opens everything anew

mmdb_write($_, 'Country', networks => { '198.51.100.0/24' => 'IS' })
    for $country, $late;
mmdb_write($asn, 'ASN');
touched($_) for $country, $late, $asn;
$nginx->reload(gone => 1);
is(country($nginx, '198.51.100.7'), 'IS', 'after a reload');
is($nginx->quit, 0, 'quit');


# one file for all, without any hosting network; databases of IPv4 alone

mmdb_write("$dir/all.mmdb", 'Country-ASN');
$nginx = geoip_nginx(["$dir/all.mmdb"], workers => 2);

is(country($nginx, mmdb_address(1)), 'FR', 'a database of both: the country');
is(where($nginx, mmdb_address(1)), '//64501', 'and the network');
is(dims($nginx, mmdb_address(1, 1, hosting => 1))->{human}, 'no',
   'and whether it is a data centre');
$nginx->quit;

$nginx = geoip_nginx([]);
is(country($nginx, mmdb_address(1)), '-', 'without any database');
is(where($nginx, mmdb_address(1)), '//', 'nothing is known');

finish();
