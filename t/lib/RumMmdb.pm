# Small MaxMind databases for the tests, with invented networks:
#
#   country N of @COUNTRIES has 11.N.0.0/16 and 2001:db8:N::/48; the lower half
#   of the IPv4 block is AS 64500 + N "Net N" (people), the upper half AS 16509
#   (hosting), and its cities are "City N" in region "RN"
#
#   mmdb_write($path, 'Country')    # or 'ASN', 'City', 'Country-ASN'
#   mmdb_address(3)                 # 11.3.0.1; a second number changes the host
#   mmdb_address(3, 7, hosting => 1)
#
# mmdb_write() takes a hash of changes after the type: networks => { NETWORK =>
# COUNTRY } adds some, so that a replaced database can be told from the old.

package RumMmdb;

use strict;
use warnings;

use Exporter qw(import);
use MaxMind::DB::Writer::Tree;

our @EXPORT = qw(mmdb_write mmdb_address @COUNTRIES);

our @COUNTRIES = qw(DE FR GB NL SE PL ES IT US BR JP AU);

my %types = (
    country => 'map', city => 'map', names => 'map',
    subdivisions => ['array', 'map'],
    iso_code => 'utf8_string', en => 'utf8_string',
    autonomous_system_number => 'uint32',
    autonomous_system_organization => 'utf8_string',
);

sub mmdb_write {
    my ($path, $type, %o) = @_;
    my $tree;

    $tree = MaxMind::DB::Writer::Tree->new(
        ip_version               => 6,
        record_size              => 24,
        database_type            => "ngx_rum-test-$type",
        languages                => ['en'],
        description              => { en => 'ngx_rum test database' },
        map_key_type_callback    => sub { $types{$_[0]} },
        remove_reserved_networks => 0,
    );

    for my $n (0 .. $#COUNTRIES) {
        $tree->insert_network("11.$n.0.0/17",
                              record($type, $n, $COUNTRIES[$n], 64500 + $n));
        $tree->insert_network("11.$n.128.0/17",
                              record($type, $n, $COUNTRIES[$n], 16509));
        $tree->insert_network(sprintf('2001:db8:%x::/48', $n),
                              record($type, $n, $COUNTRIES[$n], 64500 + $n));
    }

    for my $network (sort keys %{ $o{networks} || {} }) {
        $tree->insert_network($network,
            record($type, 99, $o{networks}{$network}, 64599));
    }

    # a new file under the old name, as update tools do it
    open my $fh, '>:raw', "$path.new" or die "$path.new: $!";
    $tree->write_tree($fh);
    close $fh or die "$path.new: $!";
    rename "$path.new", $path or die "$path: $!";
}

sub record {
    my ($type, $n, $code, $asn) = @_;
    my %record;

    if ($type =~ /Country|City/) {
        $record{country} = { iso_code => $code,
                             names => { en => "Country $code" } };
    }

    if ($type =~ /City/) {
        $record{city} = { names => { en => "City $n" } };
        $record{subdivisions} = [ { iso_code => "R$n",
                                    names => { en => "Region $n" } } ];
    }

    if ($type =~ /ASN/) {
        $record{autonomous_system_number} = $asn;
        $record{autonomous_system_organization} = "Net $n";
    }

    return \%record;
}

sub mmdb_address {
    my ($n, $host, %o) = @_;

    $host = ($host // 1) % 32000;
    return sprintf '11.%d.%d.%d', $n,
        ($o{hosting} ? 128 : 0) + int($host / 250), 1 + $host % 250;
}

1;
