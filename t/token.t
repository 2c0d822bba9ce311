# rum_token: a beacon needs the site's shared secret, as an argument or by
# header.  It is judged after the origin and the preflight, before the body.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use RumTest;

my $redis = redis();
my $nginx = nginx(redis => $redis, h2 => 1, http => <<'HTTP', server => <<'SERVER');
    log_format result '$uri $status $rum_result';
    map $arg_site $token {
        shop  s-shop;
        blog  s-blog;
    }
HTTP
    access_log access.log result;
    rum_token s3cret;
    location /rum { rum_beacon shop; }
    location /origin { rum_beacon shop; rum_allow_origin https://a.test; }
    location /site { rum_beacon $arg_site; rum_token $token; }
    location /odd { rum_beacon shop; rum_token "a b+%&"; }
    location /open { rum_beacon shop; rum_token off; }
    location /if {
        rum_beacon shop;
        if ($arg_x) { set $y 1; }
    }
    location /status { rum_status; }
SERVER

my %expected = (accepted => 0, token => 0);

sub expect {
    my ($status, $what, $r) = @_;

    $expected{$status == 403 ? 'token' : 'accepted'}++;
    is($r->{status}, $status, $what);
    return if $status != 403;
    is(eval { json_decode($r->{body})->{error} }, 'token', '... and why');
}

sub post { return $nginx->beacon($_[0], {}, @_[1 .. $#_]) }

sub pixel {
    my $d = beacon_json() =~ s/([^\w])/sprintf '%%%02x', ord $1/ger;

    return $nginx->get("$_[0]d=$d");
}


# ------------------------------------------------------------------ right

expect(204, 'by argument', post('/rum?token=s3cret'));
expect(204, 'among others', post('/rum?a=b&token=s3cret&c=d'));
expect(204, 'by header', post('/rum', 'X-Rum-Token: s3cret'));
expect(204, 'whatever the case of its name',
       post('/rum', 'x-RUM-token: s3cret'));
expect(204, 'by header, and another one by argument',
       post('/rum?token=x', 'X-Rum-Token: s3cret'));
expect(204, 'by argument, and another one by header',
       post('/rum?token=s3cret', 'X-Rum-Token: x'));
expect(204, 'escaped', post('/rum?token=%733cre%74'));
expect(204, 'a pixel', pixel('/rum?token=s3cret&'));
expect(204, 'in an "if"', post('/if?x=1&token=s3cret'));
expect(204, 'any bytes, escaped', post('/odd?token=a%20b%2b%25%26'));
expect(204, 'any bytes, by header', post('/odd', 'X-Rum-Token: a b+%&'));
expect(204, 'none is needed where it is off', post('/open'));
expect(204, 'the one of the site', post("/site?site=$_&token=s-$_"))
    for qw(shop blog);

is($nginx->h2('POST', '/rum', body => beacon_json(),
              headers => [ 'x-rum-token: s3cret' ])->{status}, 204, 'HTTP/2');
$expected{accepted}++;


# ------------------------------------------------------------------ wrong

expect(403, 'none', post('/rum'));
expect(403, "\"$_\"", post("/rum?token=$_"))
    for '', 's3cre', 's3crets', 's3creT', 'x3cret', 's3cret%00', '%00',
        's3crets3cret', 's3cret%20', '%', '%7', 'x' x 900;
expect(403, "header \"$_\"", post('/rum', "X-Rum-Token: $_"))
    for '', 's3cre', 's3crets', 'S3CRET', 's3crets3cret', 'x' x 4000;
expect(403, 'under another name', post('/rum?Xtoken=s3cret&tokens=s3cret'));
expect(403, 'a pixel', pixel('/rum?'));
expect(403, 'in an "if"', post('/if?x=1'));
expect(403, 'the outer one', post('/odd?token=s3cret'));
expect(403, 'the one of another site', post('/site?site=shop&token=s-blog'));
expect(403, 'of a site without one', post("/site?site=x$_"))
    for '', '&token=', '&token=s-shop', '&token=%00';
expect(403, 'none, with a body that is no beacon',
       $nginx->post('/rum', '{'));
expect(403, 'none, with a body that is too large',
       $nginx->post('/rum', 'x' x 100_000));
expect(403, 'none, with DNT', post('/rum', 'DNT: 1'));


# ------------------------------------------------- beside the other checks

my $r = $nginx->request('OPTIONS', '/rum', headers => [
    'Origin: https://a.test', 'Access-Control-Request-Method: POST',
    'Access-Control-Request-Headers: x-rum-token' ]);
is($r->{status}, 204, 'a preflight has no token');
is($r->{headers}{'access-control-allow-headers'}, 'x-rum-token',
   'and is told that it may send one');

$r = post('/origin', 'Origin: https://a.test');
expect(403, 'a good origin and no token', $r);
is($r->{headers}{'access-control-allow-origin'}, 'https://a.test',
   'which the page can read');
$r = post('/origin?token=s3cret', 'Origin: https://b.test');
is($r->{status}, 403, 'a bad origin and the token');
is(json_decode($r->{body})->{error}, 'origin', '... is about the origin');
is($nginx->request('PUT', '/rum', body => '{}')->{status}, 405,
   'the method comes first');

my $c = $nginx->client;
for (1 .. 3) {
    expect(403, 'on a connection', $c->request('POST', '/rum', body => 'x' x 99));
    expect(204, 'that goes on', $c->request('POST', '/rum?token=s3cret',
                                            body => beacon_json()));
}

is($nginx->figures->{beacons}{$_}, $expected{$_}, "$_: counted")
    for sort keys %expected;
like(slurp($nginx->dir . '/access.log'), qr{^/rum 403 token$}m, '$rum_result');
ok(wait_for(sub { $redis->events == $expected{accepted} }),
   'nothing else went to Redis');
is(scalar(grep { json($_) =~ /s3cret|s-shop/ } $redis->events), 0,
   'and no token');


# ---------------------------------------------------------- configuration

sub check { return $nginx->check(server => $_[0]) }

for my $case (['rum_token ""', 'is empty'],
              ['rum_token', 'invalid number of arguments'],
              ['rum_token a b', 'invalid number of arguments'],
              ['rum_token a; rum_token b', 'is duplicate'],
              ['rum_token off; rum_token b', 'is duplicate'],
              ['rum_token $no_such_variable', 'unknown'])
{
    my ($ok, $out) = check("location /r { rum_beacon x; $case->[0]; }");

    ok(!$ok, "$case->[0]: refused");
    like($out, qr/\[emerg\] [^\n]*\Q$case->[1]\E/, "... $case->[1]");
}

finish();
