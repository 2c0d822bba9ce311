# The Redis side of the aggregator's tests: puts entries into the streams and
# reads the rollups, by docs/redis-schema.md alone.
#
#   my $s = RumStream->new($redis);             # ($redis, partition)
#   $s->add({ page => '/', metrics => { lcp => 1200 } });   # next sequence
#   $s->add({...}, writer => 'w2', sequence => 7);
#   $s->add({...}, at => $ms);                  # as if added at that time
#   $s->rollup('total', 0, 'shop', 'page', 'lcp')
#       # { '/' => { count => 1, sum => 1200, min => ..., buckets => {...},
#       #            ratings => [1, 0, 0] } }; counters as numbers
#   $s->total('page', 'lcp')                    # of "shop", of all days
#   $s->health('lost'); $s->lag; $s->caught_up;
#
# Events are packed here: what looks like an integer as one, what looks like
# another number as float32, all else as strings; f64(1.5) is a float64 and
# str('42') a string.

package RumStream;

use strict;
use warnings;

use Exporter qw(import);
use Time::HiRes qw(time);

use RumMsgpack ();
use RumTest ();

our @EXPORT = qw(str f64 packed);

sub new {
    my ($class, $redis, $partition) = @_;

    $partition ||= 0;
    return bless { redis => $redis, key => "rum:{$partition}",
                   sequence => {} }, $class;
}

sub key { return "$_[0]{key}:$_[1]" }

# Adds an event; the defaults are a site, a page and the present time.
sub add {
    my ($self, $event, %o) = @_;
    my $writer = $o{writer} || 'w1';
    my $sequence = $o{sequence} || ++$self->{sequence}{$writer};

    $self->{sequence}{$writer} = $sequence
        if $sequence > ($self->{sequence}{$writer} || 0);

    return $self->raw("$writer-$sequence",
        packed({ t => $o{at} || int(time * 1000), site => 'shop', page => '/',
                       %$event }), $o{at});
}

sub raw {
    my ($self, $id, $e, $at) = @_;

    return $self->{redis}->command('XADD', $self->key('events'),
        defined $at ? "$at-*" : '*',
        defined $id ? ('id', $id) : (), defined $e ? ('e', $e) : ());
}

sub rollup {
    my ($self, $res, $start, $site, $dimension, $metric) = @_;
    my %raw = @{ $self->{redis}->command('HGETALL',
        $self->key("$res:$start:$site:$dimension:$metric")) };

    return { map { $_ => decoded(RumMsgpack::unpack($raw{$_})) } keys %raw };
}

sub decoded {
    my ($h) = @_;
    my ($n, %buckets);

    return $h unless ref $h;
    return { duration => $h->[0], url => $h->[1] } if @$h == 2;

    for my $k (0 .. $#{ $h->[8] }) {
        $buckets{$h->[7] + $k} = $h->[8][$k] if $h->[8][$k];
        $n += $h->[8][$k];
    }

    die "not a histogram\n"
        if $h->[0] != 1 || $h->[1] != 6 || $h->[2] != $h->[6] + ($n || 0);

    return { count => $h->[2], sum => sprintf('%.4f', $h->[3]) + 0,
             min => $h->[4], max => $h->[5], zero => $h->[6],
             buckets => \%buckets, ratings => $h->[9] || [0, 0, 0] };
}

# over all time, of the site "shop": of all days, since "total" waits until
# nothing of it can be replaced
sub total {
    my ($self, $dimension, $metric) = @_;
    my $sum = {};

    for my $name ($self->names('1d:*')) {
        my (undef, undef, undef, $start, $site, @of) = split /:/, $name;
        next if $site ne 'shop' || "@of" ne "$dimension $metric";

        my $day = $self->rollup('1d', $start, $site, @of);
        $sum->{$_} = add_up($sum->{$_}, $day->{$_}) for keys %$day;
    }

    return $sum;
}

sub add_up {
    my ($one, $two) = @_;

    return $two if !defined $one;
    return $one + $two if !ref $one;

    my %sum = (buckets => { %{ $one->{buckets} } });

    $sum{$_} = $one->{$_} + $two->{$_} for qw(count sum zero);
    $sum{ratings}[$_] = $one->{ratings}[$_] + $two->{ratings}[$_] for 0 .. 2;
    $sum{buckets}{$_} += $two->{buckets}{$_} for keys %{ $two->{buckets} };
    ($sum{min}) = sort { $a <=> $b } $one->{min}, $two->{min};
    ($sum{max}) = sort { $b <=> $a } $one->{max}, $two->{max};
    return \%sum;
}

sub health {
    my ($self, $field) = @_;

    return $self->{redis}->command('HGET', $self->key('health'), $field);
}

# the group "rum" by XINFO GROUPS
sub group {
    my ($self) = @_;
    my $groups = eval { $self->{redis}->command('XINFO', 'GROUPS',
                                                $self->key('events')) };

    for my $group (@{ $groups || [] }) {
        my %group = @$group;
        return \%group if $group{name} eq 'rum';
    }

    return undef;
}

sub lag {
    my $group = $_[0]->group;
    return $group ? $group->{lag} : undef;
}

# waits until all that was added is in the rollups
sub caught_up {
    my ($self, $seconds) = @_;

    return RumTest::wait_for(sub { my $lag = $self->lag;
                                   defined $lag && $lag == 0 }, $seconds);
}

# the names of the partition's keys that match a pattern
sub names {
    my ($self, $pattern) = @_;
    my ($partition) = $self->{key} =~ /(\d+)/;
    my @names = sort @{ $self->{redis}->command('KEYS',
        "rum:\\{$partition}:$pattern") };

    return @names;
}


# --------------------------------------------------------------- packing

# the module's order of keys; a reader may count on "metrics" before "ids"
my %first = (t => 1, site => 2, page => 3, dims => 4, metrics => 5);

sub str { return bless { value => "$_[0]" }, 'RumStream::Str' }
sub f64 { return bless { value => $_[0] }, 'RumStream::F64' }

sub packed {
    my ($x) = @_;

    return "\xc0" unless defined $x;

    if (ref $x eq 'HASH') {
        my @keys = sort { ($first{$a} || 9) <=> ($first{$b} || 9)
                          || $a cmp $b } keys %$x;

        return (@keys < 16 ? pack('C', 0x80 | @keys)
                           : pack('Cn', 0xde, scalar @keys))
               . join '', map { text($_) . packed($x->{$_}) } @keys;
    }

    if (ref $x eq 'ARRAY') {
        return (@$x < 16 ? pack('C', 0x90 | @$x)
                         : pack('Cn', 0xdc, scalar @$x))
               . join '', map { packed($_) } @$x;
    }

    return text($x->{value}) if ref $x eq 'RumStream::Str';
    return pack('Cd>', 0xcb, $x->{value}) if ref $x eq 'RumStream::F64';
    return integer($x) if $x =~ /^-?\d{1,18}\z/;
    return pack('Cf>', 0xca, $x) if $x =~ /^-?\d+\.\d+\z/;
    return text($x);
}

sub integer {
    my ($n) = @_;

    return pack('C', $n) if $n >= 0 && $n < 128;
    return pack('Cn', 0xcd, $n) if $n >= 0 && $n < 65536;
    return $n >= 0 ? pack('CQ>', 0xcf, $n) : pack('Cq>', 0xd3, $n);
}

sub text {
    my ($s) = @_;

    utf8::encode($s) if utf8::is_utf8($s);
    return pack('C', 0xa0 | length $s) . $s if length $s < 32;
    return pack('CC', 0xd9, length $s) . $s if length $s < 256;
    return pack('Cn', 0xda, length $s) . $s;
}

1;
