# The beacons of web-vitals senders, replayed as they were recorded: every LCP,
# INP, CLS, FCP and TTFB of the page views that a second observer measured is
# found again, with its final value.
#
# The recordings are those of ../shared/beacons, or a few made by hand in the
# same form (t/data) where that folder does not exist.

use strict;
use warnings;

use lib 't/lib';
use Compress::Zlib ();
use MIME::Base64 qw(decode_base64);
use POSIX qw(ceil);
use Test::More;
use RumTest;
use RumStatus;

# set for each request anew
my %own = map { $_ => 1 } qw(host connection content-length te);

# what becomes of beacons that are not JSON
my %refused = (form => 415, pixel => 400);

my ($folder) = grep { -f "$_/web-vitals.jsonl" }
               top() . '/../shared/beacons', top() . '/t/data';

sub lines {
    my ($name) = @_;

    return map { json_decode($_) }
           grep { /"session": ?"(?:wv|hm)-/ }
           split /\n/, slurp("$folder/$name");
}

my @rows = lines('web-vitals.jsonl');
my @truth = lines('truth.jsonl');
my %session = map { $_->{session} => $_ }
              grep { $_->{kind} eq 'session' } @truth;

sub kind {
    my ($session) = @_;
    my $sender = $session{$session}{config}{sender};

    return $session{$session}{gpc} ? 'private'
           : $sender =~ /params|form/ ? 'form'
           : $sender eq 'get_pixel' ? 'pixel' : 'json';
}

my @json = grep { $_->{method} eq 'POST' && kind($_->{session}) eq 'json' }
           @rows;

# a body as it was sent
sub bytes {
    my ($row) = @_;
    my $body = $row->{body};

    return decode_base64($row->{body_base64}) if defined $row->{body_base64};
    utf8::encode($body) if defined $body;
    return $body;
}

# the page group of a URL, as far as these go
sub page {
    my ($url) = @_;

    $url =~ s{^https?://[^/]+}{};
    $url =~ s{[?#].*}{};
    $url =~ s{/\d+(?=/|$)}{/:id}g;
    return $url;
}


# The session is the site, so that status tells what came from whom.

sub replay {
    my ($nginx) = @_;
    my (%answers, $overview);

    for my $row (@rows) {
        my @headers = map { "$_: $row->{headers}{$_}" }
                      grep { !$own{lc $_} } sort keys %{ $row->{headers} };
        my $r = $nginx->request($row->{method},
                                "/$row->{session}$row->{target}",
                                headers => \@headers, body => bytes($row));

        $answers{kind($row->{session}) . " $row->{method}"}{$r->{status}}++;
    }

    for my $name (sort keys %answers) {
        my ($kind, $method) = split / /, $name;

        is_deeply([ keys %{ $answers{$name} } ], [ $refused{$kind} || 204 ],
                  "$name: the documented answer");
    }

    ok(wait_for(sub {
        $overview = $nginx->json('/status');
        $overview->{aggregator}{events} == @json
        && $overview->{aggregator}{lag} == 0;
    }), 'all ' . @json . ' beacons in JSON reach the aggregator');

    is($overview->{module}{cut}{$_}, 0, "nothing cut off: $_")
        for qw(metrics range errors events);

    return $overview->{aggregator};
}


# The last value of each metric's id that the beacons say, as
# {session}{page}{metric}{id}; the number of errors of each session; and how
# many metrics were sent again.

sub beacons {
    my (%last, %errors, $again);

    for my $row (@json) {
        my ($body, $beacon);

        $body = bytes($row);
        $body = Compress::Zlib::memGunzip($body) if $body =~ /^\x1f\x8b/;
        $beacon = json_decode($body);

        for my $m ($beacon->{metrics} ? @{ $beacon->{metrics} } : $beacon) {
            my ($values, $id);

            if ($m->{name} =~ /^(?:error|rejection)$/) {
                $errors{$row->{session}}++;
                next;
            }

            next if $m->{name} eq 'event';

            $values = $last{$row->{session}}
                           {page($m->{navigationURL} || $m->{url})}
                           {lc $m->{name}} ||= {};
            $id = $m->{id} // "beacon $row->{seq}";
            $again++ if exists $values->{$id};
            $values->{$id} = $m->{value};
        }
    }

    return (\%last, \%errors, $again);
}

# one session's metrics by page: nothing but what its beacons say
sub check_beacons {
    my ($name, $status, $last, $errors) = @_;
    my (%left, @wrong, %sum, %views);

    $left{$_} = { %{ $status->{metrics}{$_} } }
        for keys %{ $status->{metrics} };

    for my $page (sort keys %$last) {
        for my $metric (sort keys %{ $last->{$page} }) {
            my @values = sort { $a <=> $b } values %{ $last->{$page}{$metric} };
            my $group = delete $left{$metric}{$page};
            my $wrong = wrong_values($metric, $group, \@values)
                        || wrong_buckets($group->{histogram}, @values);

            push @wrong, "$page: $metric: $wrong" if $wrong;
        }

        $views{$_} = 1 for keys %{ $last->{$page}{ttfb} || {} };
    }

    for my $metric (sort keys %left) {
        push @wrong, "$_: $metric: was never sent" for keys %{ $left{$metric} };
    }

    ok(!@wrong, "$name: what its beacons say, and nothing else")
        or diag(join "\n", @wrong);

    for my $counters (values %{ $status->{counters} }) {
        $sum{$_} += $counters->{$_} for qw(views errors);
    }

    is_deeply(\%sum, { views => scalar keys %views, errors => $errors || 0 },
              "$name: page views and errors");
    return $sum{views};
}


# ---------------------------------------------------------------- buckets

# index -> count
sub buckets {
    my ($histogram) = @_;
    my $i = $histogram->{offset};
    my %buckets;

    for my $count (@{ $histogram->{counts} }) {
        $buckets{$i} = $count if $count;
        $i++;
    }

    $buckets{zero} = $histogram->{zero_count} if $histogram->{zero_count};
    return \%buckets;
}

# (base^i, base^(i + 1)], base = 2^(1/64)
sub bucket {
    my ($value) = @_;

    return 'zero' if $value <= 1e-6;
    return ceil(log($value) / log(2) * 64 - 1e-6) - 1;
}

# times are kept to a tenth
sub wrong_buckets {
    my ($histogram, @values) = @_;
    my (%expected, $got, @texts);

    $expected{bucket($_ < 2 ? $_ : sprintf '%.1f', $_)}++ for @values;
    $got = buckets($histogram);

    @texts = map { my $b = $_; join ' ', map { "$_:$b->{$_}" } sort keys %$b }
             $got, \%expected;
    return $texts[0] eq $texts[1] ? '' : "buckets $texts[0], not $texts[1]";
}

# Takes a measured value out of the buckets it may be in; the truth file has
# times to 0.1 and CLS to 0.0001.
sub take {
    my ($buckets, $metric, $value) = @_;
    my $half = $metric eq 'cls' ? 0.00006 : 0.06;
    my ($low, $high) = map { bucket($_) } $value - $half, $value + $half;
    my ($found) = grep { $buckets->{$_} }
                  $low eq 'zero' ? ('zero', $high) : $low .. $high;

    return defined $found && $buckets->{$found}-- > 0;
}


# What the observer measured in a page view: [metric, value, URL].  INP begins
# anew with a soft navigation and with a page that comes back from the cache;
# the observer's goes on to the end of the document.

sub measured {
    my ($view) = @_;
    my @soft = @{ $view->{soft_vitals} || [] };
    my $anew = @soft || %{ $view->{bfcache_vitals} || {} };

    return ((map { [ lc $_, $view->{vitals}{$_}{value}, $view->{url} ] }
             grep { !($anew && $_ eq 'INP') } sort keys %{ $view->{vitals} }),
            (map { [ lc $_->{name}, @$_{qw(value url)} ] } @soft));
}

sub check_truth {
    my ($status) = @_;
    my $found = 0;

    for my $view (grep { $_->{kind} eq 'page_view' } @truth) {
        my $metrics = $status->{$view->{session}}{metrics} or next;
        my @missing;

        for my $measured (measured($view)) {
            my ($metric, $value, $url) = @$measured;
            my $group = $metrics->{$metric}{page($url)};

            if ($group && take($group->{left} ||= buckets($group->{histogram}),
                               $metric, $value))
            {
                $found++;

            } else {
                push @missing, "$metric $value of $url";
            }
        }

        ok(!@missing, "$view->{session}: $view->{url} as it was measured")
            or diag(join "\n", @missing);
    }

    return $found;
}

# figures of a whole session
sub check_session {
    my ($name, $status, $views) = @_;
    my $observed = $session{$name};
    my %custom = %{ $observed->{custom_events} };

    # each soft navigation is a view, which the observer does not count
    is($views, $observed->{page_views_incl_bfcache_restores},
       "$name: as many page views as observed")
        unless $observed->{config}{soft};

    for my $metric ($observed->{config}{events}
                    ? map { /^metric:(.*)/ } sort keys %custom : ())
    {
        my $count = 0;

        $count += $_->{count} for values %{ $status->{metrics}{$metric} };
        is($count, $custom{"metric:$metric"}, "$name: $metric as observed");
    }
}


# Senders without a session only have the metric's id to say that it is the
# same again; it must meet the earlier value, in whichever partition that is.

sub check_ids_alone {
    my ($nginx) = @_;
    my ($status, $group);

    for my $value (100, 200) {
        for my $n (1 .. 30) {
            $nginx->post('/alone/vitals', json({
                name => 'LCP', value => $value, id => "v6-$n",
                navigationURL => 'https://shop.test/' }),
                "X-Forwarded-For: 192.0.2.$n");
        }
    }

    wait_for(sub {
        $status = status($nginx, 'site=alone');
        $status && $status->{counters}{'*'}{beacons} == 60;
    });

    $group = $status->{metrics}{lcp}{'*'};
    is("$group->{count} of $group->{p50}", '30 of 200',
       'an id without a session replaces its earlier value');
}


my $redis = redis();
aggregator(redis => $redis, conf => "flush = 100ms\npartitions = 3");
my $nginx = nginx(redis => $redis, workers => 2,
                  redis_options => 'partitions=3', server => <<'END');
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Forwarded-For;

        # each request is a connection: stored, so that what one worker was
        # sent first is first in the stream too
        rum_ack stored;

        location ~ ^/(?<session>[^/]+)/ { rum_beacon $session; }
        location = /status { rum_status; }
END

my $health = replay($nginx);
my ($last, $errors, $again) = beacons();
my %status;

ok($again, "$again metrics are sent again under the same id");
is($health->{replaced}, $again, 'and replace the earlier value');

for my $name (sort keys %$last) {
    $status{$name} = status($nginx, "site=$name&by=page&buckets=1");

    my $views = check_beacons($name, $status{$name}, $last->{$name},
                              $errors->{$name});
    check_session($name, $status{$name}, $views);
}

my $found = check_truth(\%status);
ok($found, "$found measured values are found again");

check_ids_alone($nginx);

finish();
