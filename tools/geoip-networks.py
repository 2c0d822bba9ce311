#!/usr/bin/python3
"""Prints what Debian's libloc-database knows, for geoip-mmdb.pl.

Lines of tab-separated fields:

    C  COUNTRY  CONTINENT  NAME
    A  ASN      NAME
    N  NETWORK  COUNTRY or nothing  ASN or nothing

Wide networks come before the narrower ones inside them.
"""

import sys

import location


def main():
    path = sys.argv[1] if len(sys.argv) > 1 \
        else "/usr/share/libloc-location/location.db"
    db = location.Database(path)
    out = sys.stdout

    for country in db.countries:
        print("C", country.code, country.continent_code, country.name,
              sep="\t", file=out)

    for asn in db.ases:
        print("A", asn.number, asn.name or "", sep="\t", file=out)

    for net in db.search_networks():
        print("N", net, net.country_code or "", net.asn or "",
              sep="\t", file=out)


main()
