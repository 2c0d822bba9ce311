# `make geoip`'s tool writes a database from Debian's libloc-database that
# libmaxminddb reads, with country and network of well-known addresses.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

plan skip_all => 'no C of ours is in this' if sanitized();
plan skip_all => 'libloc-database is not installed'
    unless -f '/usr/share/libloc-location/location.db';
plan skip_all => 'MaxMind::DB::Reader is not installed'
    unless eval { require MaxMind::DB::Reader; 1 };

my $file = built('geoip/country-asn.mmdb');
my ($reader, $status);

# the one that make geoip built, if it is newer than the tool
if (!-f $file || -M $file > -M top() . '/tools/geoip-mmdb.pl') {
    $file = tmp('geoip.mmdb');
    $status = RumTest::reap(RumTest::spawn(tmp('geoip.out'),
        top() . '/tools/geoip-mmdb.pl', $file), 600);
    is($status, 0, 'geoip-mmdb.pl') or diag(slurp(tmp('geoip.out')));
}

$reader = MaxMind::DB::Reader->new(file => $file);

is($reader->metadata->database_type, 'ngx_rum-Country-ASN', 'type');
cmp_ok($reader->metadata->node_count, '>', 500_000, 'it is the whole world');

for my $known (['8.8.8.8', 'US', 15169], ['193.99.144.80', 'DE', 12306],
               ['2001:4860:4860::8888', 'US', 15169])
{
    my ($address, $country, $asn) = @$known;
    my $r = $reader->record_for_address($address);

    is($r->{country}{iso_code}, $country, "$address is in $country");
    is($r->{autonomous_system_number}, $asn, "$address is of AS $asn");
    ok(length $r->{autonomous_system_organization}, 'which has a name');
}

is($reader->record_for_address('127.0.0.1'), undef, 'loopback is nowhere');

finish();
