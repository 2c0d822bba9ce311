# Sentinels behind TLS, with the user of docs/operations.md: both programs get
# in, and are told apart from who does not know the password, or has another
# authority.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumCounted;
use RumSentinel;
use RumTls;

my ($rules) = slurp(top() . '/docs/operations.md')
              =~ /`ACL SETUSER rum on >PASSWORD ([^`]+)`/
    or die 'the page has no user for sentinels';

my ($ca, $strange) = (RumTls->new('ca'), RumTls->new('strange'));
my $redis = redis(RumTls::redis($ca));
my ($cert, $key) = $ca->issue('sentinel');
my $port = free_port();

my $sentinel = RumSentinel->new(master => $redis->{tls_port},
                                password => 'boss', conf => <<"END");
port 0
tls-port $port
tls-cert-file $cert
tls-key-file $key
tls-ca-cert-file @{[ $ca->file ]}
tls-auth-clients no
tls-replication yes
user default on >boss ~* &* +\@all
user rum on >secret $rules
END

ok(wait_for(sub {
    $sentinel->command('INFO', 'sentinel') =~ /status=ok/;
}, 30), 'the sentinel sees the master over TLS');

my $address = RumSentinel::address("127.0.0.1:$port");
my $server = <<'END';
    location /rum { rum_beacon shop; }
    location /status { rum_status; }
END

# both configurations, with a password and an authority
sub options {
    my ($password, $authority) = @_;
    my $file = $authority->file;

    return (redis_options => "tls=on tls_ca=$file tls_name=redis.test "
                . "sentinel_user=rum sentinel_password=$password",
            conf => RumCounted::conf() . "tls = on\ntls_ca = \"$file\"\n"
                . "tls_name = redis.test\nsentinel_user = rum\n"
                . "sentinel_password = $password\n");
}

my %o = options('wrong', $ca);
my $nginx = nginx(redis => $address, redis_options => $o{redis_options},
                  http => 'rum_spool ' . tmp('spool') . ';', server => $server);
my $agg = aggregator(redis => $address, conf => $o{conf});
my $sent = 0;

sub beacon { $sent++; is($nginx->beacon('/rum')->{status}, 204, $_[0]) }

sub told {
    my ($what, $pattern) = @_;

    ok(wait_for(sub { $nginx->log =~ /rum sentinel: .*$pattern/ }),
       "$what: the module says so") or diag($nginx->log);
    ok(wait_for(sub { $agg->log =~ /sentinel \S+: .*$pattern/ }),
       "$what: the aggregator says so") or diag($agg->log);
    is($nginx->figures->{redis}{links}, 0, "$what: nobody is connected");
}

sub change {
    %o = options(@_);
    $nginx->write_conf(redis_options => $o{redis_options});
    $nginx->reload;
    $agg->write_conf(conf => $o{conf});
    $agg->hup;
}

told('a wrong password', qr/WRONGPASS/);
beacon('a beacon is taken meanwhile');

change('secret', $strange);
told('another authority', qr/self-signed certificate in certificate chain/);
beacon('so is another one');

change('secret', $ca);
ok(wait_for(sub { ($nginx->figures || {})->{redis}{links} }),
   'the module is let in') or diag($nginx->log);
beacon('a third one');

ok(wait_for(sub {
    my $s = $nginx->json('/status?limit=' . $nginx->next_limit) or return;
    return ($s->{aggregator}{events} || 0) == $sent;
}, 30), 'all are counted') or diag($nginx->log, $agg->log);

# what the user may do is enough, and no more
sub as_rum {
    my (@command) = @_;

    $sentinel->hang_up;
    local $sentinel->{password};
    $sentinel->connect;
    $sentinel->try('AUTH', 'rum', 'secret');
    my $reply = $sentinel->try(@command);
    $sentinel->hang_up;
    return ref $reply eq 'RumTest::Redis::Error' ? $$reply : 'done';
}

is(as_rum('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'rum'), 'done',
   'the user may ask');

for my $command ([ 'SENTINEL', 'FAILOVER', 'rum' ], [ 'SENTINEL', 'MASTERS' ],
                 [ 'SENTINEL', 'REMOVE', 'rum' ], [ 'INFO' ], [ 'SHUTDOWN' ],
                 [ 'SENTINEL', 'SET', 'rum', 'quorum', 9 ])
{
    like(as_rum(@$command), qr/^NOPERM/, "the user may not: @$command");
}

for my $case (
    [ 'sentinel_user=rum', qr/"sentinel_user" without "sentinel_password"/ ],
) {
    my ($ok, $out) = $nginx->check(redis_options => $case->[0]);

    ok(!$ok, "$case->[0] alone is refused");
    like($out, $case->[1], 'and it is said');
}

$sentinel->stop;
finish();
