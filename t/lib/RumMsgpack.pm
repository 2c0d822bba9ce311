# MessagePack for the tests, in Perl: what is in Redis is read with code that
# shares nothing with the C.
#
#   RumMsgpack::unpack($bytes)      # dies if it is not exactly one value
#
# Maps become hashes, arrays arrays, strings character strings, binaries byte
# strings, nil undef.

package RumMsgpack;

use strict;
use warnings;

use Encode ();

sub unpack {
    my ($bytes) = @_;
    my ($at, $value);

    $at = 0;
    $value = value($bytes, \$at);
    die "MessagePack: bytes after the end\n" if $at != length $bytes;

    return $value;
}

# formats with a fixed length: template of unpack, bytes
my %number = (
    0xca => ['f>', 4], 0xcb => ['d>', 8],
    0xcc => ['C', 1], 0xcd => ['n', 2], 0xce => ['N', 4], 0xcf => ['Q>', 8],
    0xd0 => ['c', 1], 0xd1 => ['s>', 2], 0xd2 => ['l>', 4], 0xd3 => ['q>', 8],
);

# formats with a length in front: what it is, template of the length, bytes
my %sized = (
    0xc4 => ['bin', 'C', 1], 0xc5 => ['bin', 'n', 2], 0xc6 => ['bin', 'N', 4],
    0xd9 => ['str', 'C', 1], 0xda => ['str', 'n', 2], 0xdb => ['str', 'N', 4],
    0xdc => ['array', 'n', 2], 0xdd => ['array', 'N', 4],
    0xde => ['map', 'n', 2], 0xdf => ['map', 'N', 4],
);

sub value {
    my ($bytes, $at) = @_;
    my $type = take($bytes, $at, 1, 'C');

    return $type if $type < 0x80;
    return $type - 256 if $type >= 0xe0;
    return sized($bytes, $at, 'map', $type & 0x0f) if $type < 0x90;
    return sized($bytes, $at, 'array', $type & 0x0f) if $type < 0xa0;
    return sized($bytes, $at, 'str', $type & 0x1f) if $type < 0xc0;

    return undef if $type == 0xc0;
    return 0 if $type == 0xc2;
    return 1 if $type == 0xc3;

    if ($number{$type}) {
        my ($template, $length) = @{ $number{$type} };
        return take($bytes, $at, $length, $template);
    }

    if ($sized{$type}) {
        my ($what, $template, $length) = @{ $sized{$type} };
        return sized($bytes, $at, $what,
                     take($bytes, $at, $length, $template));
    }

    die sprintf "MessagePack: type 0x%02x\n", $type;
}

sub sized {
    my ($bytes, $at, $what, $n) = @_;

    if ($what eq 'array') {
        return [ map { value($bytes, $at) } 1 .. $n ];
    }

    if ($what eq 'map') {
        return { map { my $key = value($bytes, $at);
                       ($key, value($bytes, $at)) } 1 .. $n };
    }

    my $string = take($bytes, $at, $n, "a$n");

    return $what eq 'str' ? Encode::decode('UTF-8', $string, Encode::FB_CROAK)
                          : $string;
}

sub take {
    my ($bytes, $at, $n, $template) = @_;

    die "MessagePack: cut off\n" if $$at + $n > length $bytes;
    $$at += $n;

    return CORE::unpack($template, substr $bytes, $$at - $n, $n);
}

1;
