# Invented visitors of three sites whose every figure is known: the requests
# they make, and what must come out of them by each dimension.
#
#   my $traffic = RumTraffic->new(seed => 7, beacons => 20000);
#   $traffic->request($i); $traffic->lane($i);          # as RumLoad asks
#   for my $site ($traffic->sites) {
#       my $cell = $traffic->expected($site, 'page', '/p/:id');
#       $cell->{beacons}; views, errors, entrances, bounces, sessions
#       $cell->{metrics}{lcp};      # sorted values
#   }
#
# A session's beacons share a lane, so that they arrive in order: a view begins
# (seq 0), and later parts of it report CLS, INP and LCP again, which replaces
# what was reported before.  Some first parts are sent twice, as clients do
# that did not see the answer: the view counts once.
#
# nginx needs: $traffic->server (locations) and $traffic->http with the path of
# an mmdb of mmdb_write('Country-ASN').

package RumTraffic;

use strict;
use warnings;

use RumMmdb;
use RumLoad;

my $webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)';

# headers -> device, browser, os
my @clients = (
    [ ["User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) $webkit "
       . 'Chrome/126.0.0.0 Safari/537.36',
       'Sec-CH-UA: "Chromium";v="126", "Google Chrome";v="126"',
       'Sec-CH-UA-Mobile: ?0', 'Sec-CH-UA-Platform: "Windows"'],
      'desktop', 'Chrome', 'Windows' ],
    [ ["User-Agent: Mozilla/5.0 (Linux; Android 10; K) $webkit "
       . 'Chrome/126.0.0.0 Mobile Safari/537.36',
       'Sec-CH-UA: "Chromium";v="126", "Google Chrome";v="126"',
       'Sec-CH-UA-Mobile: ?1', 'Sec-CH-UA-Platform: "Android"'],
      'mobile', 'Chrome', 'Android' ],
    [ ['User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) '
       . 'AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 '
       . 'Mobile/15E148 Safari/604.1'],
      'mobile', 'Safari', 'iOS' ],
    [ ['User-Agent: Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:153.0) '
       . 'Gecko/20100101 Firefox/153.0'],
      'desktop', 'Firefox', 'Linux' ],
    [ ['User-Agent: Mozilla/5.0 (Android 14; Tablet; rv:127.0) Gecko/127.0 '
       . 'Firefox/127.0'],
      'tablet', 'Firefox', 'Android' ],
    [ ["User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) $webkit "
       . 'Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0'],
      'desktop', 'Edge', 'Windows' ],
);

my @sites    = ('shop', 'news: {a} 100%', "caf\xc3\xa9");
my @networks = ('4g', '3g', 'slow-2g');
my @plans    = ('free', 'gold, annual', 'trial');

# URL -> page group: 50 of them; "#" is another number each time
my @pages = (
    ['/', '/'],
    ['/p/#', '/p/:id'],
    ['/p/#/reviews?page=#&q=a%20b', '/p/:id/reviews'],
    ['/list,all', '/list,all'],
    ['/list', '/list'],
    ['/50%25-off/', '/50%25-off'],
    ["/caf\xc3\xa9#menu", "/caf\xc3\xa9"],
    map({ ["/c/$_?from=#", "/c/$_"] } 'aa' .. 'bq'),
);

sub new {
    my ($class, %o) = @_;
    my $self = bless { beacons => 20000, lanes => 8, %o, requests => [],
                       lane => [], cells => {} }, $class;

    srand $self->{seed};
    $self->session($_) for 1 .. $self->{beacons};

    for my $site (values %{ $self->{cells} }) {
        for my $dimension (values %$site) {
            $self->settle($_) for values %$dimension;
        }
    }

    return $self;
}

sub sites   { return @sites }
sub lane    { return $_[0]{lane}[$_[1]] }
sub request { return $_[0]{requests}[$_[1]] }
sub sent    { return scalar @{ $_[0]{requests} } }

sub server {
    return <<'END';
        location /rum {
            rum_beacon $site;
            rum_dimension plan $http_x_plan;
        }
        location /status { rum_status; }
END
}

sub http {
    my ($self, $mmdb) = @_;
    my $map = join ' ', map { qq($_ "$sites[$_]";) } 0 .. $#sites;

    return <<END;
    rum_geoip $mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    map \$arg_site \$site { $map }
END
}

# the values of a dimension, or one cell
sub expected {
    my ($self, $site, $dimension, $value) = @_;
    my $cells = $self->{cells}{$site}{$dimension};

    return defined $value ? $cells->{$value} : $cells;
}

sub dimensions { return sort keys %{ $_[0]{cells}{$sites[0]} } }


# ------------------------------------------------------------ the visitors

sub pick { return $_[int rand @_] }

sub normal {
    return sqrt(-2 * log(1 - rand)) * cos(6.283185307 * rand);
}

sub lognormal {
    my ($median, $sigma) = @_;

    return $median * exp($sigma * normal());
}

# milliseconds as they are stored
sub tenths { return sprintf('%.1f', $_[0]) + 0 }

sub session {
    my ($self, $number) = @_;
    my (%s, $from, $client);

    return if @{ $self->{requests} } >= $self->{beacons};

    $client = $clients[int @clients * rand() ** 1.5];
    %s = (id => "session-$number", site => int rand @sites,
          lane => $number, client => $client->[0],
          device => $client->[1], browser => $client->[2],
          os => $client->[3], human => 'yes', country => '(unknown)',
          network => '(unknown)', slow => lognormal(1, 0.4));

    $s{network} = pick(@networks) if rand > 0.1;
    $s{plan} = pick(@plans) if rand > 0.2;
    $s{address} = '192.0.2.7';

    if (rand > 0.02) {
        my $country = int @COUNTRIES * rand() ** 1.3;
        my $hosting = rand() < 0.05;

        $s{country} = $COUNTRIES[$country];
        $s{human} = 'no' if $hosting;
        $s{address} = mmdb_address($country, int rand 30000,
                                   hosting => $hosting);
    }

    for my $n (1 .. 1 + int(-2 * log(1 - rand))) {
        $from = $self->view(\%s, $n, $from);
    }
}

sub view {
    my ($self, $s, $n, $from) = @_;
    my (%v, $url, $page, $errors, @again);

    ($url, $page) = @{ $pages[int @pages * rand() ** 2] };
    $url =~ s/#(?!menu)/int rand 1e6/ge;
    %v = (view => "$s->{id}-$n", page => $page, values => {});

    my $ttfb = lognormal(180, 0.7) * $s->{slow};
    my $fcp = $ttfb + lognormal(400, 0.6);
    my %first = (ttfb => tenths($ttfb), fcp => tenths($fcp),
                 boot => sprintf('%.3f', abs normal() * 30) + 0);

    # as often as thresholds are met exactly, and values are all the same
    $first{lcp} = rand() < 0.1 ? pick(2500, 4000, 2500.1)
                               : tenths($fcp + lognormal(600, 0.9))
        if rand > 0.2;
    $first{cls} = rand() < 0.3 ? 0 : rand() < 0.1 ? pick(0.1, 0.25)
                  : sprintf('%.4f', lognormal(0.06, 0.9)) + 0;
    $first{load} = 1000;

    $errors = rand() < 0.08 ? 1 + int rand 4 : 0;
    $self->beacon($s, \%v, \%first, seq => 0, n => $n, from => $from,
                  url => $url, errors => $errors);

    # the same bytes again
    if (rand() < 0.01) {
        $self->beacon($s, \%v, \%first, seq => 0, n => $n, from => $from,
                      url => $url, errors => $errors, again => 1);
    }

    for my $seq (1 .. 2) {
        last if rand() > 0.35;

        @again = (inp => tenths(rand() < 0.7 ? lognormal(40, 0.5)
                                             : lognormal(350, 0.6)));
        push @again, cls => sprintf('%.4f', $v{values}{cls}
                                            + lognormal(0.03, 0.8)) + 0
            if rand() < 0.6;
        push @again, lcp => tenths(($v{values}{lcp} || $fcp)
                                   + lognormal(300, 0.5))
            if rand() < 0.5;
        $self->beacon($s, \%v, { @again }, seq => $seq, n => $n, url => $url);
    }

    $self->keep($s, $page, \%v);
    return $page;
}

sub beacon {
    my ($self, $s, $v, $metrics, %o) = @_;
    my ($json, @headers);

    $v->{values}{$_} = $metrics->{$_} for keys %$metrics;

    $json = qq({"v":1,"view":"$v->{view}","session":"$s->{id}","n":$o{n},)
            . qq("seq":$o{seq},"page":"https://www.example$o{url}","metrics":{)
            . join(',', map { qq("$_":$metrics->{$_}) } sort keys %$metrics)
            . '}';
    $json .= qq(,"from":"$o{from}") if defined $o{from};
    $json .= qq(,"network":"$s->{network}") if $s->{network} ne '(unknown)';
    $json .= ',"errors":[' . join(',', map { qq({"message":"no $_"}) }
                                       1 .. $o{errors}) . ']' if $o{errors};
    $json .= '}';

    push @headers, "X-Plan: $s->{plan}" if defined $s->{plan};

    push @{ $self->{lane} }, $s->{lane};
    push @{ $self->{requests} }, RumLoad::post(
        "/rum?site=$s->{site}", $json,
        "X-Forwarded-For: $s->{address}", @{ $s->{client} }, @headers);

    for my $cell ($self->cells($s, $v->{page})) {
        $cell->{beacons}++;
        $cell->{sessions}{$s->{id}} = 1;
        $cell->{errors} += $o{errors} || 0 unless $o{again};

        next if $o{seq} || $o{again};

        $cell->{views}++;
        $cell->{entrances} += $o{n} == 1;
        $cell->{bounces} += $o{n} == 1;
    }

    if ($o{n} == 2 && !$o{seq} && !$o{again}) {
        $_->{bounces}-- for $self->cells($s, $o{from});
    }
}

# the final values of a view count, where it was
sub keep {
    my ($self, $s, $page, $v) = @_;

    for my $cell ($self->cells($s, $page)) {
        push @{ $cell->{metrics}{$_} }, $v->{values}{$_}
            for keys %{ $v->{values} };
    }
}

# what a session's beacon on a page counts in
sub cells {
    my ($self, $s, $page) = @_;
    my (%at, $site, $comma);

    return @{ $s->{cells}{$page} } if $s->{cells}{$page};

    ($comma = $page) =~ s/,/%2C/g;

    %at = (all => '*', page => $page, 'page,device' => "$comma,$s->{device}",
           'page,country' => "$comma,$s->{country}",
           map { $_ => $s->{$_} } qw(country device browser os network human));
    $at{plan} = $s->{plan} if defined $s->{plan};

    $site = $self->{cells}{$sites[$s->{site}]} ||= {};

    $s->{cells}{$page} = [ map { $site->{$_}{$at{$_}} ||= {
        beacons => 0, views => 0, errors => 0, entrances => 0, bounces => 0,
        sessions => {}, metrics => {} } } keys %at ];

    return @{ $s->{cells}{$page} };
}

sub settle {
    my ($self, $cell) = @_;

    $cell->{sessions} = keys %{ $cell->{sessions} };
    @$_ = sort { $a <=> $b } @$_ for values %{ $cell->{metrics} };
}

1;
