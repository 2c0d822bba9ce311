# Each fuzzer takes a fixed number of inputs that begin at its corpus, the same
# ones in each run (`make fuzz` goes on for as long as you like).

use strict;
use warnings;

use lib 't/lib';
use File::Basename qw(basename);
use File::Copy qw(copy);
use Test::More;
use RumTest;

plan skip_all => 'fuzzers are always sanitized' if sanitized();

my $runs = $ENV{FUZZ_RUNS} || 20000;
my @sources = sort glob top() . '/fuzz/fuzz_*.c';

ok(@sources > 0, 'there are fuzzers');

for my $source (@sources) {
    my $name = basename($source, '.c');
    my $program = built("fuzz/$name");
    my ($corpus, @corpus, $out, $status);

    if (!ok(-x $program, "$name is built")) {
        next;
    }

    ($corpus) = $name =~ /fuzz_(.*)/;
    mkdir tmp($name);
    @corpus = glob top() . "/fuzz/corpus/$corpus/*";
    ok(@corpus > 0, "$name has a corpus");
    copy($_, tmp($name)) for @corpus;

    $out = tmp("$name.log");
    $status = RumTest::reap(RumTest::spawn($out, $program, "-runs=$runs",
        '-seed=1', '-timeout=10', '-artifact_prefix=' . built("fuzz/$name-"),
        tmp($name)), 300);

    is($status, 0, "$name: $runs inputs") or diag(slurp($out));
    like(slurp($out), qr/Done \d+ runs/, "$name reached the end");
}

finish();
