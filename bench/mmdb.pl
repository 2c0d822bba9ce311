#!/usr/bin/perl

# A database for the benchmarks, of the size and shape of a city database:
# mmdb.pl OUT.  Every address has a place; all of it is invented.

use strict;
use warnings;

use MaxMind::DB::Writer::Tree;

my ($out) = @ARGV or die "usage: mmdb.pl OUT\n";

srand(7);

my %types = (
    (map { $_ => 'map' } qw(city continent country location names)),
    subdivisions => ['array', 'map'],
    (map { $_ => 'utf8_string' } qw(iso_code code en time_zone)),
    geoname_id => 'uint32', latitude => 'double', longitude => 'double',
);

my $tree = MaxMind::DB::Writer::Tree->new(
    ip_version => 6, record_size => 28, database_type => 'Bench-City',
    languages => ['en'], description => { en => 'invented' },
    map_key_type_callback => sub { $types{$_[0]} },
    alias_ipv6_to_ipv4 => 0, remove_reserved_networks => 0,
);

my @countries = qw(US DE FR GB NL SE PL ES IT BR IN JP AU CA MX ZA);

my @places = map {
    my $c = $countries[rand @countries];
    { city => { geoname_id => 1_000_000 + $_, names => { en => "City $_" } },
      continent => { code => 'EU', names => { en => 'Europe' } },
      country => { geoname_id => 2_000_000, iso_code => $c,
                   names => { en => "Country $c" } },
      location => { latitude => rand(180) - 90,
                    longitude => rand(360) - 180,
                    time_zone => 'Europe/Berlin' },
      subdivisions => [ { iso_code => 'R' . $_ % 50,
                          names => { en => "Region $_" } } ] }
} 1 .. 3000;

for my $a (1 .. 223) {
    $tree->insert_network("$a.0.0.0/8", $places[$a]);
}

for (1 .. 40000) {
    my $bits = 14 + int rand 11;
    my $ip = 0x0100_0000 + int rand 0xdf00_0000;

    $ip &= 0xffff_ffff << (32 - $bits) & 0xffff_ffff;
    $tree->insert_network(join('.', unpack 'C4', pack 'N', $ip) . "/$bits",
                          $places[rand @places]);
}

open my $fh, '>:raw', $out or die "$out: $!\n";
$tree->write_tree($fh);
close $fh or die "$out: $!\n";
