# A real nginx with the module.
#
#   my $nginx = nginx(redis => $redis, server => 'location ...');
#
# Options, all text for nginx.conf unless said otherwise:
#   server  of the server block
#   http    of the http block; "rum_redis ADDRESS $redis_options;" is put
#           before it when redis (an object with an address) is given
#   main    of the top
#   events  of the events block
#   workers number, 1         log_level "info"         h2 1: a port for HTTP/2
#   module  0: without load_module of ours
#
# get, head, post, request, beacon, json: on a connection each.  client: one
# connection for many requests.  figures: what the module has counted, from a
# location with rum_status.

package RumTest::Nginx;

use strict;
use warnings;

my $number = 0;

sub new {
    my ($class, %o) = @_;
    my $self = bless { %o, seen => {} }, $class;

    $self->{dir} = RumTest::tmp('nginx' . $number++);
    mkdir $self->{dir} or die "$self->{dir}: $!";
    mkdir "$self->{dir}/html";
    $self->{port} = RumTest::free_port();
    $self->{h2_port} = RumTest::free_port() if $o{h2};
    $self->write_conf;
    $self->start;

    return $self;
}

sub port  { return $_[0]{port} }
sub pid   { return $_[0]{pid} }
sub dir   { return $_[0]{dir} }
sub url   { return "http://127.0.0.1:$_[0]{port}" . ($_[1] // '') }
sub log   { return RumTest::slurp("$_[0]{dir}/error.log") }
sub binary { return $ENV{RUM_NGINX} || 'nginx' }
sub module { return $ENV{RUM_MODULE}
                    || RumTest::built('ngx_http_rum_module.so') }

# Writes nginx.conf from the options; what is given changes them.
sub write_conf {
    my ($self, %o) = @_;

    %$self = (%$self, %o);
    RumTest::spew("$self->{dir}/nginx.conf", $self->conf);
}

sub conf {
    my ($self) = @_;
    my ($dir, $main, $http, $listen, $temp);

    $dir = $self->{dir};
    $main = $self->{main} // '';
    $http = $self->{http} // '';
    $temp = join "\n    ", map { "${_}_temp_path $dir/$_;" }
            qw(client_body proxy fastcgi uwsgi scgi);

    $main = "user root;\n$main" if $> == 0;
    $main = 'load_module ' . $self->module . ";\n$main"
        unless defined $self->{module} && !$self->{module};

    $http = 'rum_redis ' . $self->{redis}->address . ' '
            . ($self->{redis_options} // '') . ";\n    $http"
        if $self->{redis};

    $listen = "listen 127.0.0.1:$self->{port};";
    $listen .= "\n        listen 127.0.0.1:$self->{h2_port} http2;"
        if $self->{h2};

    return <<END;
$main
worker_processes @{[ $self->{workers} || 1 ]};
daemon off;
master_process on;
pid $dir/nginx.pid;
error_log $dir/error.log @{[ $self->{log_level} || 'info' ]};

events {
    worker_connections 1024;
    @{[ $self->{events} // '' ]}
}

http {
    $temp
    access_log off;
    default_type text/plain;
    root $dir/html;
    keepalive_requests 1000000;

    $http

    server {
        $listen
        @{[ $self->{server} // '' ]}
    }
}
END
}

sub start {
    my ($self) = @_;

    $self->{pid} = RumTest::spawn("$self->{dir}/stderr.log", binary(),
        '-p', "$self->{dir}/", '-e', "$self->{dir}/error.log",
        '-c', "$self->{dir}/nginx.conf");

    RumTest::wait_for(sub {
        !RumTest::alive($self->{pid})
        || $self->workers >= ($self->{workers} || 1)
           && RumTest::Http->new($self->{port})->socket;
    });

    RumTest::alive($self->{pid})
        or die "nginx does not start:\n" . $self->log
               . RumTest::slurp("$self->{dir}/stderr.log");
}

# nginx -t of this text as nginx.conf, or of the present one: (ok, output)
sub check {
    my ($self, %o) = @_;
    my ($file, $out, $status);

    $file = "$self->{dir}/check.conf";
    $out = "$self->{dir}/check.out";
    RumTest::spew($file, bless({ %$self, %o }, ref $self)->conf);
    unlink $out;

    # nginx frees nothing when it refuses a configuration
    local $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} || (),
                                    'detect_leaks=0';
    $status = RumTest::reap(RumTest::spawn($out, binary(), '-t',
        '-p', "$self->{dir}/", '-e', '/dev/null', '-c', $file), 60);

    return (defined $status && $status == 0, RumTest::slurp($out));
}

# process ids of the workers, without those that are shutting down
sub workers {
    my ($self) = @_;
    my @pids;

    for my $pid (split ' ', RumTest::slurp(
                     "/proc/$self->{pid}/task/$self->{pid}/children"))
    {
        my $title = RumTest::slurp("/proc/$pid/cmdline");
        push @pids, $pid
            if $ENV{RUM_VALGRIND}
               || $title =~ /worker process/ && $title !~ /shutting down/;
        $self->{seen}{$pid} = 1;
    }

    return @pids;
}

# Reloads and waits for new workers; with "gone" until the old ones are gone.
sub reload {
    my ($self, %o) = @_;
    my %old = map { $_ => 1 } $self->workers;

    kill 'HUP', $self->{pid};
    RumTest::wait_for(sub {
        my @now = $self->workers;
        !RumTest::alive($self->{pid})
        || @now >= ($self->{workers} || 1) && !grep { $old{$_} } @now;
    }, 30);

    RumTest::alive($self->{pid}) && !grep { $old{$_} } $self->workers
        or Test::More::fail('nginx did not reload');

    RumTest::wait_for(sub { !grep { kill 0, $_ } keys %old }, 60)
        if $o{gone};
}

# graceful; returns the wait status
sub quit { return $_[0]->end('QUIT', 60) }

# fast
sub stop { return $_[0]->end('TERM') }

sub end {
    my ($self, $signal, $seconds) = @_;
    my $status = RumTest::stop(delete $self->{pid}, $signal, $seconds);

    # a master that died by itself leaves its workers behind
    if ($status != 0) {
        kill 'KILL', grep { RumTest::slurp("/proc/$_/cmdline") =~ /^nginx: / }
                     keys %{ $self->{seen} };
    }

    return $status;
}

sub restart { $_[0]->quit; $_[0]->start }

sub client { return RumTest::Http->new($_[0]{port}) }

sub request {
    my ($self, @request) = @_;

    return $self->client->request(@request);
}

sub get  { my $self = shift; return $self->request('GET', @_) }
sub head { my $self = shift; return $self->request('HEAD', @_) }

sub post {
    my ($self, $target, $body, @headers) = @_;

    return $self->request('POST', $target, body => $body,
        headers => [ grep({ /^content-type:/i } @headers) ? ()
                     : 'Content-Type: application/json', @headers ]);
}

# posts a native beacon made of RumTest::beacon_json's defaults and these
sub beacon {
    my ($self, $target, $over, @headers) = @_;

    return $self->post($target, RumTest::beacon_json($over), @headers);
}

# the JSON of an answer, or undef when it is not 200 with JSON
sub json {
    my ($self, $target) = @_;
    my $r = $self->get($target);

    return undef unless $r->{status} == 200;
    return eval { RumTest::json_decode($r->{body}) };
}

# The "module" of a status location's overview, never an older one: its
# answers are given again for a second, but not to another question.  It is
# there too when Redis is not.  undef: no such answer.
sub figures {
    my ($self, $target) = @_;
    my $r;

    $r = $self->get(($target || '/status') . '?limit=' . $self->next_limit);

    return eval { RumTest::json_decode($r->{body})->{module} };
}

# one that was not asked with for long
sub next_limit { return $_[0]{asked} = ($_[0]{asked} || 0) % 9000 + 1 }

# One request over HTTP/2 without TLS, by curl; nginx(h2 => 1).
sub h2 {
    my ($self, $method, $target, %o) = @_;
    my ($dir, @args, $status);

    $dir = $self->{dir};
    unlink "$dir/h2.$_" for qw(head body out);
    @args = ('curl', '-sS', '--http2-prior-knowledge', '--max-time', 20,
             '-X', $method, '-D', "$dir/h2.head", '-o', "$dir/h2.body");
    push @args, map { ('-H', $_) } @{ $o{headers} || [] };

    if (defined $o{body}) {
        RumTest::spew("$dir/h2.in", $o{body});
        push @args, '--data-binary', "\@$dir/h2.in";
    }

    $status = RumTest::reap(RumTest::spawn("$dir/h2.out", @args,
        "http://127.0.0.1:$self->{h2_port}$target"), 30);

    return { status => RumTest::slurp("$dir/h2.head") =~ m{^HTTP/2 (\d+)}
                       ? $1 : 0,
             raw_headers => RumTest::slurp("$dir/h2.head"),
             body => RumTest::slurp("$dir/h2.body"),
             error => RumTest::slurp("$dir/h2.out") };
}

1;
