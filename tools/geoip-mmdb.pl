#!/usr/bin/perl
#
# geoip-mmdb.pl OUT.mmdb [LOCATION.db]: writes what Debian's libloc-database
# knows as a MaxMind database.  Each record has what GeoLite2-Country and
# GeoLite2-ASN have under the same names, so that one file serves as both.
# Called by `make geoip`; takes about half a minute and 200 MB of memory.

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Handle;
use MaxMind::DB::Writer::Tree;

my %types = (
    continent => 'map', country => 'map', names => 'map',
    code => 'utf8_string', iso_code => 'utf8_string', en => 'utf8_string',
    autonomous_system_number => 'uint32',
    autonomous_system_organization => 'utf8_string',
);

my ($out, @source) = @ARGV;
my ($tree, $count, %country, %as, %record, $progress);

die "usage: $0 OUT.mmdb [LOCATION.db]\n" unless defined $out;

$tree = MaxMind::DB::Writer::Tree->new(
    ip_version               => 6,
    record_size              => 24,
    database_type            => 'ngx_rum-Country-ASN',
    languages                => ['en'],
    description              => {
        en => 'Countries and autonomous systems, from the IPFire location'
              . ' database (CC BY-SA 4.0)' },
    map_key_type_callback    => sub { $types{$_[0]} },
    remove_reserved_networks => 0,
    alias_ipv6_to_ipv4       => 1,
);

open my $networks, '-|:encoding(UTF-8)', '/usr/bin/python3',
    dirname($0) . '/geoip-networks.py', @source
    or die "geoip-networks.py: $!\n";

$progress = -t STDERR;
STDERR->autoflush(1);

while (my $line = <$networks>) {
    chomp $line;
    my ($kind, @field) = split /\t/, $line, -1;

    if ($kind eq 'C') {
        my ($code, $continent, $name) = @field;
        $country{$code} = {
            country => { iso_code => $code, names => { en => $name } },
            continent => { code => $continent },
        };

    } elsif ($kind eq 'A') {
        my ($number, $name) = @field;
        $as{$number} = { autonomous_system_number => $number,
                         autonomous_system_organization => $name };

    } else {
        insert(@field);
    }
}

close $networks or die "geoip-networks.py failed\n";
die "no networks\n" unless $count;

print STDERR "\rwriting $count networks\n";
write_file();
printf "%s: %d networks, %d countries, %d autonomous systems, %.1f MB\n",
    $out, $count, scalar keys %country, scalar keys %as, (-s $out) / 1e6;


# A narrower network comes later and replaces what the wider one says of it.
sub insert {
    my ($network, $code, $asn) = @_;

    # networks that only span a 6to4 or mapped range are found by their IPv4
    return if $network =~ /^(?:2002:|2001:0?:|::ffff:)/i;

    $record{"$code,$asn"} ||= {
        %{ $country{$code} || {} },
        $asn ? %{ $as{$asn} || { autonomous_system_number => $asn } } : (),
    };

    $tree->insert_network($network, $record{"$code,$asn"});

    $count++;
    print STDERR "\r$count networks " if $progress && $count % 10000 == 0;
}

# under another name first: a worker may have the old file open
sub write_file {
    open my $fh, '>:raw', "$out.new" or die "$out.new: $!\n";
    $tree->write_tree($fh);
    close $fh or die "$out.new: $!\n";
    chmod 0644, "$out.new";
    rename "$out.new", $out or die "$out: $!\n";
}
