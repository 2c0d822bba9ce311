# Writes rollups into Redis as docs/redis-schema.md has them, so that the
# status location can be tested without an aggregator, and keeps the values
# to compare with.
#
#   my $rollup = RumRollup->new($redis, partitions => 2);
#   $rollup->metric('shop', 'country', 'DE', 'lcp', $time, 1200, 900);
#   $rollup->counter('shop', 'country', 'DE', 'views', $time, 3);
#   $rollup->sessions('shop', 'all', '*', $time, 'a', 'b');
#   $rollup->write;
#   RumRollup::exact([values], 0.75)     # the quantile, by nearest rank
#
# What is given goes to the windows of all resolutions, and to the partitions
# in turn.

package RumRollup;

use strict;
use warnings;

use POSIX qw(ceil floor);

my %width = ('1m' => 60, '1h' => 3600, '1d' => 86400, total => 0);

my %thresholds = (lcp => [2500, 4000], inp => [200, 500], cls => [0.1, 0.25],
                  fcp => [1800, 3000], ttfb => [800, 1800]);

sub new {
    my ($class, $redis, %o) = @_;

    return bless { redis => $redis, partitions => 1, %o }, $class;
}

sub metric {
    my ($self, $site, $dimension, $value, $metric, $time, @values) = @_;

    for my $v (@values) {
        my $p = $self->{turn}++ % $self->{partitions};

        push @{ $self->{metrics}{$_}{$value} }, $v
            for $self->keys($p, $site, $dimension, $metric, $time);
    }

    $self->index($site, $dimension, $metric);
}

sub counter {
    my ($self, $site, $dimension, $value, $counter, $time, $n) = @_;
    my $p = $self->{turn}++ % $self->{partitions};

    $self->{counters}{$_}{$value} += $n
        for $self->keys($p, $site, $dimension, $counter, $time);

    $self->index($site, $dimension, $counter);
}

sub slowest {
    my ($self, $site, $dimension, $value, $time, $duration, $url) = @_;
    my $p = $self->{turn}++ % $self->{partitions};

    for my $key ($self->keys($p, $site, $dimension, 'slowest', $time)) {
        my $known = $self->{slowest}{$key}{$value};

        $self->{slowest}{$key}{$value} = [$duration, $url]
            if !$known || $duration > $known->[0];
    }
}

sub sessions {
    my ($self, $site, $dimension, $value, $time, @sessions) = @_;

    for my $session (@sessions) {
        my $p = $self->{turn}++ % $self->{partitions};

        push @{ $self->{sessions}{"$_:" . escape($value)} }, $session
            for $self->keys($p, $site, $dimension, 'sessions', $time);
    }
}

sub write {
    my ($self) = @_;
    my $redis = $self->{redis};

    for my $key (sort keys %{ $self->{metrics} }) {
        my ($metric) = $key =~ /([^:]+)$/;
        my $fields = $self->{metrics}{$key};

        $redis->command('HSET', $key, map { $_,
            pack_histogram($fields->{$_}, $thresholds{$metric}) }
            sort keys %$fields);
    }

    for my $key (sort keys %{ $self->{counters} }) {
        my $fields = $self->{counters}{$key};

        $redis->command('HSET', $key, map { $_, pack_integer($fields->{$_}) }
                                      sort keys %$fields);
    }

    for my $key (sort keys %{ $self->{slowest} }) {
        my $fields = $self->{slowest}{$key};

        $redis->command('HSET', $key, map {
            my ($duration, $url) = @{ $fields->{$_} };

            ($_, pack_array(pack_double($duration),
                            CORE::pack('Cn/a*', 0xda, $url)));
        } sort keys %$fields);
    }

    for my $key (sort keys %{ $self->{sessions} }) {
        $redis->command('PFADD', $key, @{ $self->{sessions}{$key} });
    }
}

sub keys {
    my ($self, $p, $site, $dimension, $metric, $time) = @_;
    my @keys;

    for my $res (sort keys %width) {
        my $start = $width{$res} ? $time - $time % $width{$res} : 0;

        push @keys, join ':', "rum:{$p}", $res, $start, escape($site),
                              escape($dimension), $metric;
    }

    return @keys;
}

sub index {
    my ($self, $site, $dimension, $metric) = @_;

    return if $self->{indexed}{"$site\0$dimension\0$metric"}++;

    for my $p (0 .. $self->{partitions} - 1) {
        $self->{redis}->command('SADD', "rum:{$p}:sites", escape($site));
        $self->{redis}->command('SADD', "rum:{$p}:index:" . escape($site),
                                escape($dimension) . ":$metric");
    }
}

sub escape {
    my ($s) = @_;

    $s =~ s/([\x00-\x20\x7f%:{}])/sprintf '%%%02X', ord $1/ge;
    return $s;
}

sub pack_integer {
    my ($n) = @_;

    return CORE::pack('C', $n) if $n >= 0 && $n < 128;
    return CORE::pack('CQ>', 0xcf, $n) if $n >= 0;
    return CORE::pack('Cq>', 0xd3, $n);
}

sub pack_double { return CORE::pack('Cd>', 0xcb, $_[0]) }

sub pack_array {
    return CORE::pack('Cn', 0xdc, scalar @_) . join '', @_;
}

sub pack_histogram {
    my ($values, $thresholds) = @_;
    my ($zero, $sum, $min, $max, %buckets, @ratings) = (0, 0);

    for my $v (@$values) {
        $sum += floor($v * 10000 + 0.5) / 10000;
        $min = $v if !defined $min || $v < $min;
        $max = $v if !defined $max || $v > $max;

        if ($v <= 1e-6) {
            $zero++;
        } else {
            $buckets{ ceil(64 * log($v) / log(2) - 1e-9) - 1 }++;
        }
    }

    my ($low, $high) = (sort { $a <=> $b } CORE::keys %buckets)[0, -1];

    if ($thresholds) {
        my ($good, $poor) = @$thresholds;
        @ratings = (scalar(grep { $_ <= $good } @$values),
                    scalar(grep { $_ > $good && $_ <= $poor } @$values),
                    scalar(grep { $_ > $poor } @$values));
    }

    return pack_array(
        pack_integer(1), pack_integer(6), pack_integer(scalar @$values),
        pack_double($sum), pack_double($min), pack_double($max),
        pack_integer($zero), pack_integer($low // 0),
        pack_array(defined $low ? map { pack_integer($buckets{$_} // 0) }
                                  $low .. $high : ()),
        @ratings ? pack_array(map { pack_integer($_) } @ratings) : ());
}

sub exact {
    my ($values, $q) = @_;
    my @sorted = sort { $a <=> $b } @$values;
    my $rank = ceil($q * @sorted - 1e-9);

    return $sorted[($rank < 1 ? 1 : $rank) - 1];
}

1;
