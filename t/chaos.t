# Everything is killed, paused, cut off, filled up and restarted at random
# under load: what was answered 204 under "stored" is counted exactly once, and
# under "queued" the counters say what is missing.
#
#   perl t/chaos.t 17           # one seed again
#   CHAOS_SEEDS=30 perl t/chaos.t
#
# The plan that a seed makes is the same each time; how far each process has
# come when it is carried out is not.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;
use RumChaos;

my @seeds = @ARGV ? @ARGV
          : defined $ENV{CHAOS_SEED} ? $ENV{CHAOS_SEED}
          : 1 .. ($ENV{CHAOS_SEEDS} || 3);

allow_log(qr/\[alert\].*process \d+ exited on signal 9/);

for my $seed (@seeds) {
    for my $ack ('stored', 'queued') {
        my $chaos = RumChaos->new(seed => $seed, ack => $ack,
                                  seconds => $ack eq 'stored' ? 8 : 4,
                                  rate => sanitized() ? 200 : 500);

        subtest "seed $seed, $ack" => sub { $chaos->run }
            or diag("again: perl t/chaos.t $seed\n" . $chaos->told);
    }
}

finish();
