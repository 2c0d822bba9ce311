# An HTTP/1.1 client over one plain connection, which shows exactly what was
# sent and what came back.
#
#   my $c = RumTest::Http->new($port);
#   my $r = $c->request('POST', '/rum', headers => ['X-A: b'], body => '{}');
#   $r->{status}; $r->{headers}{'content-type'}; $r->{body};
#   $c->request(...);                   # the same connection again
#
# More of request(): pieces => [...] sends the body chunked, a piece a chunk;
# raw => '...' sends these bytes instead of a request; timeout => seconds.
# A connection that ends or stalls before the answer is whole: status 0, and
# "error" says why.

package RumTest::Http;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

# a port of 127.0.0.1, or HOST:PORT
sub new {
    my ($class, $peer) = @_;
    my $socket;

    $peer = "127.0.0.1:$peer" if $peer =~ /^\d+$/;
    $socket = IO::Socket::INET->new(PeerAddr => $peer, Timeout => 10);
    return bless { socket => $socket, in => '', error => "$!" }, $class;
}

sub socket { return $_[0]{socket} }

sub send {
    my ($self, $data) = @_;
    my ($n, $at) = (0, 0);

    return unless $self->{socket};

    while ($at < length $data) {
        $n = syswrite $self->{socket}, $data, length($data) - $at, $at;
        return unless $n;
        $at += $n;
    }

    return 1;
}

sub request {
    my ($self, $method, $target, %o) = @_;
    my ($head, $body, @headers);

    $self->{timeout} = $o{timeout} || 20;

    if (defined $o{raw}) {
        $self->send($o{raw});
        return $self->response($method);
    }

    @headers = @{ $o{headers} || [] };
    unshift @headers, 'Host: localhost' unless grep { /^host:/i } @headers;
    $body = $o{body};

    if ($o{pieces}) {
        push @headers, 'Transfer-Encoding: chunked';
        $body = join '', map { sprintf("%x\r\n", length) . "$_\r\n" }
                         @{ $o{pieces} };
        $body .= "0\r\n\r\n";

    } elsif (defined $body && !grep { /^content-length:/i } @headers) {
        push @headers, 'Content-Length: ' . length $body;
    }

    $head = join("\r\n", "$method $target HTTP/1.1", @headers) . "\r\n\r\n";
    $self->send($head . ($body // ''));

    return $self->response($method);
}

# Reads one answer; $method because HEAD's has no body.
sub response {
    my ($self, $method) = @_;
    my ($head, $r, $length);

    $self->{end} = time + ($self->{timeout} || 20);

    do {
        $self->fill while !defined $self->{fail}
                          && $self->{in} !~ /\r\n\r\n/;
        return $self->broken('no header') if $self->{in} !~ s/^(.*?\r\n)\r\n//s;

        $head = $1;
        $head =~ s{^HTTP/1\.[01] (\d+)[^\r]*\r\n}{}
            or return $self->broken('no status line');
        $r = { status => $1, headers => {}, raw_headers => $head };

        while ($head =~ /([^:\r\n]+):[ ]*([^\r\n]*)\r\n/g) {
            my $name = lc $1;
            $r->{headers}{$name} = defined $r->{headers}{$name}
                                   ? "$r->{headers}{$name}, $2" : $2;
        }
    } while ($r->{status} == 100);

    if ($method eq 'HEAD' || $r->{status} == 204 || $r->{status} == 304) {
        $r->{body} = '';
        return $r;
    }

    if (($r->{headers}{'transfer-encoding'} || '') eq 'chunked') {
        return $self->chunks($r);
    }

    $length = $r->{headers}{'content-length'};
    $self->fill while !defined $self->{fail}
                      && (!defined $length || length $self->{in} < $length);
    return $self->broken('body is cut')
        if defined $length && length $self->{in} < $length;

    $r->{body} = substr $self->{in}, 0, $length // length $self->{in}, '';
    return $r;
}

sub chunks {
    my ($self, $r) = @_;
    my $length;

    $r->{body} = '';

    for ( ;; ) {
        $self->fill while !defined $self->{fail}
                          && $self->{in} !~ /^[0-9a-f]+\r\n/i;
        $self->{in} =~ s/^([0-9a-f]+)\r\n//i
            or return $self->broken('no chunk');
        $length = hex $1;

        $self->fill while !defined $self->{fail}
                          && length $self->{in} < $length + 2;
        return $self->broken('chunk is cut')
            if length $self->{in} < $length + 2;

        $r->{body} .= substr $self->{in}, 0, $length, '';
        substr($self->{in}, 0, 2) = '';
        return $r if $length == 0;
    }
}

# takes what the socket has; sets "fail" when there will be no more
sub fill {
    my ($self) = @_;
    my $left;

    if (!$self->{socket}) {
        $self->{fail} = "connect: $self->{error}";
        return;
    }

    $left = $self->{end} - time;
    if ($left <= 0 || !IO::Select->new($self->{socket})->can_read($left)) {
        $self->{fail} = 'timed out';
        return;
    }

    sysread($self->{socket}, $self->{in}, 65536, length $self->{in})
        or $self->{fail} = 'closed';
}

sub broken {
    my ($self, $what) = @_;

    return { status => 0, headers => {}, body => '',
             error => "$what: " . ($self->{fail} // 'not HTTP') };
}

sub close { close $_[0]{socket} if $_[0]{socket} }

1;
