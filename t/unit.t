# Runs the C unit tests (t/unit/test_*.c, cmocka) that make has built.

use strict;
use warnings;

use lib 't/lib';
use File::Basename qw(basename);
use Test::More;
use RumTest;

my @sources = sort glob top() . '/t/unit/test_*.c';

ok(@sources > 0, 'there are unit tests');

for my $source (@sources) {
    my $name = basename($source, '.c');
    my $program = built("unit/$name");
    my ($out, $status, @failed);

    if (!ok(-x $program, "$name is built")) {
        next;
    }

    $out = tmp("$name.log");
    $status = RumTest::reap(RumTest::spawn($out, $program), 300);

    subtest $name => sub {
        my $text = slurp($out);

        for my $line ($text =~ /^\[ *(?:OK|FAILED) *\] [^:\n]+$/mg) {
            next if $line =~ /\]\s+\d+ test/;
            my ($result, $test) = $line =~ /\[ *(\w+) *\] (.*)/;
            push @failed, $test if $result eq 'FAILED';
            ok($result eq 'OK', $test);
        }

        is($status, 0, 'exits with 0') or diag($text);
    };
}

finish();
