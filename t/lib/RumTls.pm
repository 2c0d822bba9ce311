# Certificates of a test's own authority, made by openssl, and a Redis with a
# TLS port.
#
#   my $ca = RumTls->new('ca');
#   my $redis = redis(RumTls::redis($ca));
#   nginx(redis => RumTls::on($redis), redis_options => 'tls=on ...');
#   my ($cert, $key) = $ca->issue('late', days => -1);
#   RumTls::serve($redis, $cert, $key);     # from now on
#
# A certificate is for redis.test and 127.0.0.1 unless "san" says otherwise.

package RumTls;

use strict;
use warnings;

use RumTest ();

my $ec = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

sub new {
    my ($class, $name) = @_;
    my $self = bless { dir => RumTest::tmp($name), n => 0 }, $class;

    mkdir $self->{dir} or die "$self->{dir}: $!";
    openssl("req -x509 $ec -days 2 -subj /CN=$name"
            . " -keyout $self->{dir}/ca.key -out $self->{dir}/ca.crt");
    return $self;
}

sub file { return "$_[0]{dir}/ca.crt" }

sub issue {
    my ($self, $name, %o) = @_;
    my $base = "$self->{dir}/$name";
    my $san = $o{san} || 'DNS:redis.test,IP:127.0.0.1';
    my $days = $o{days} || 2;

    openssl("req $ec -subj /CN=$name -addext subjectAltName=$san"
            . " -keyout $base.key -out $base.csr");
    openssl("x509 -req -in $base.csr -CA $self->{dir}/ca.crt"
            . " -CAkey $self->{dir}/ca.key -set_serial " . ++$self->{n}
            . " -days $days -copy_extensions copy -out $base.crt");

    return ("$base.crt", "$base.key");
}

sub openssl {
    my ($args) = @_;
    my $log = RumTest::tmp('openssl.out');

    system("openssl $args > $log 2>&1") == 0
        or die "openssl $args: " . RumTest::slurp($log);
}

# what redis() needs for a second port, which has TLS
sub redis {
    my ($ca, %o) = @_;
    my ($cert, $key) = $ca->issue('redis');
    my $port = RumTest::free_port();

    return (%o, tls_port => $port, args => [
        '--tls-port', $port, '--tls-cert-file', $cert, '--tls-key-file', $key,
        '--tls-ca-cert-file', $ca->file, '--tls-auth-clients', 'no',
        @{ $o{args} || [] } ]);
}

# the same Redis by its TLS port
sub on {
    my ($redis) = @_;

    return bless { port => $redis->{tls_port} }, 'RumTls::Port';
}

# another certificate, also for who is connected already
sub serve {
    my ($redis, $cert, $key) = @_;

    $redis->command('CONFIG', 'SET', 'tls-cert-file', $cert,
                    'tls-key-file', $key);
    drop($redis);
}

sub drop { $_[0]->command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes') }


package RumTls::Port;

sub address { return "127.0.0.1:$_[0]{port}" }

1;
