# The servers of a run: their configurations, their processes, their CPU time.

package Servers;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha1_hex hmac_sha256_hex);
use IO::Handle;
use IO::Socket::INET;
use POSIX qw(_exit WNOHANG);
use Time::HiRes qw(sleep time);

my $modules = '/usr/lib/nginx/modules';
my $name_key = 'a key of the bench';
my @children;


# %env: dir, nginx, module, port (the first of a range), rest_cpu

sub new {
    my ($class, %env) = @_;

    return bless { %env }, $class;
}


# Starts nginx with a configuration, and returns what names it from then on.

sub start {
    my ($self, $name, $conf, %is) = @_;
    my $dir = "$self->{dir}/$name";
    my $port = $self->{port}++;
    my $port2 = $conf =~ /%PORT2%/ ? $self->{port}++ : undef;

    mkdir $dir;
    $conf =~ s/%PORT%/$port/g;
    $conf =~ s/%PORT2%/$port2/g;
    write_file("$dir/nginx.conf", head($dir, %is) . $conf);
    unlink "$dir/nginx.pid";

    my $server = { name => $name, dir => $dir, port => $port,
                   port2 => $port2, single => $is{single} };

    $server->{pid} = spawn("$dir/out", @{ $is{under} || [] }, $self->{nginx},
                           '-p', "$dir/", '-e', "$dir/error.log",
                           '-c', "$dir/nginx.conf");
    wait_for($server, $is{patience} || 60);

    return $server;
}


# root: a clone may lie where only root can go

sub head {
    my ($dir, %is) = @_;
    my $workers = $is{workers} || 1;
    my @lines = map { "load_module $_;" } @{ $is{load} || [] };

    push @lines, 'user root;', 'daemon off;', "worker_processes $workers;";
    push @lines, 'master_process off;' if $is{single};
    push @lines, "worker_cpu_affinity $is{cpu};" if $is{cpu};
    push @lines, 'worker_rlimit_core 0;', "pid $dir/nginx.pid;",
                 "error_log $dir/error.log error;",
                 'events { worker_connections 2048; }';

    return join("\n", @lines) . "\n";
}


sub http {
    my ($dir) = @_;

    return join "\n", map { "    $_;" }
        'access_log off', 'keepalive_requests 100000000',
        map { "${_}_temp_path $dir/tmp" } qw(client_body proxy fastcgi uwsgi
                                             scgi);
}


# A provider that answers at once: what is left is the gateway's own time.

sub provider {
    my ($self) = @_;
    my $http = http("$self->{dir}/provider");
    my $body = '{"records":[' . join(',', ('{"id":"0061t00000abcdef"}') x 8)
               . ']}';
    my $tokens = join ',', '"access_token":"at-$request_id"',
                           '"refresh_token":"rt-$request_id"',
                           '"token_type":"bearer"', '"expires_in":3600',
                           '"user":"u-$request_id"';

    my %is = (cpu => $self->{rest_cpu});

    $self->{provider} = $self->start('provider', <<"END", %is);
http {
$http
    server {
        listen 127.0.0.1:%PORT% backlog=4096;
        default_type application/json;
        location / { return 200 '$body'; }
        location = /auth { return 204; }
        location = /token { return 200 '{$tokens}'; }
    }
}
END
}


# A gateway over a store of fill. %is: store, workers, cpu; alternatives and
# tokens for one that has the others beside it.

sub gateway {
    my ($self, $name, %is) = @_;
    my $dir = "$self->{dir}/$name";
    my $http = http($dir);
    my ($more_http, $locations) = ('', '');
    my @load = $self->{module};
    my $max_size = $is{max_size} || '';
    my $http2 = $is{http2} ? 'listen 127.0.0.1:%PORT2% backlog=4096 http2;'
                           : '';

    if ($is{alternatives}) {
        ($more_http, $locations) = $self->alternatives($dir, \%is, \@load);
    }

    return $self->start($name, <<"END", %is, load => \@load);
http {
$http
    upstream provider {
        server 127.0.0.1:$self->{provider}{port};
        keepalive 256;
        keepalive_requests 100000000;
    }

    proxy_http_version 1.1;
    proxy_set_header Connection "";

    oauth_store $is{store} $max_size;
    oauth_key_file $is{store}.key;

    oauth_provider bench {
        user \$oauth_response_user;
        limit 1 per user client;
    }
$more_http
    server {
        listen 127.0.0.1:%PORT% backlog=4096;
        $http2

        location = /plain { proxy_pass http://provider; }
        location = /again { proxy_pass http://provider; }
        location = /guard {
            oauth_guard bench reject;
            proxy_pass http://provider;
        }
        location = /guard_query {
            oauth_guard bench reject;
            oauth_token_from \$arg_access_token;
            proxy_pass http://provider;
        }
        location /status/ { oauth_status; }
        location = /pid { return 200 \$pid; }
        location = /plain_token { proxy_pass http://provider/token; }
        location = /token {
            oauth_token_endpoint bench;
            proxy_pass http://provider/token;
        }
$locations
    }
}
END
}


# All look up the name of the token, never the token, as the gateway does.

sub alternatives {
    my ($self, $dir, $is, $load) = @_;
    my %has = %{ $is->{alternatives} };
    my @parts;

    mkdir $dir;

    if ($has{lua} || $has{redis}) {
        push @$load, "$modules/ndk_http_module.so",
                     "$modules/ngx_http_lua_module.so";
    }

    push @$load, "$modules/ngx_http_js_module.so" if $has{njs};

    push @parts, [auth_request()] if $has{auth_request};
    push @parts, [lua($is->{tokens})] if $has{lua};
    push @parts, [$self->redis($is->{tokens}, $has{redis})] if $has{redis};
    push @parts, [njs($dir, $is->{tokens})] if $has{njs};

    return map { my $which = $_; join '', map { $_->[$which] } @parts } 0, 1;
}


# A subrequest to a server that looks nothing up: the least it can cost.

sub auth_request {
    return '', <<'END';
        location = /auth_request {
            auth_request /_auth;
            proxy_pass http://provider;
        }
        location = /_auth {
            internal;
            proxy_pass http://provider/auth;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }
END
}


sub lua {
    my ($n) = @_;
    my $size = 16 + int($n * 256 / 1048576);

    return <<"HTTP", <<"LOCATIONS";
    lua_shared_dict tokens ${size}m;
    init_worker_by_lua_block {
        if ngx.worker.id() ~= 0 then return end
        for i = 0, $n - 1 do
            local name = ngx.hmac_sha1("$name_key", "at-fill-" .. i)
            local ok = ngx.shared.tokens:safe_set(name, i % 16 ~= 14)
            if not ok then error("the dictionary is too small") end
        end
    }
HTTP
        location = /lua {
            access_by_lua_block {
                local token = string.sub(ngx.var.http_authorization or "", 8)
                local name = ngx.hmac_sha1("$name_key", token)
                if ngx.shared.tokens:get(name) ~= true then
                    return ngx.exit(409)
                end
            }
            proxy_pass http://provider;
        }
LOCATIONS
}


sub redis {
    my ($self, $n, $lua) = @_;
    my $dir = "$self->{dir}/redis";

    mkdir $dir;
    unlink "$dir/socket";
    spawn("$dir/out", 'redis-server', '--port', 0, '--save', '',
          '--unixsocket', "$dir/socket", '--dir', $dir);

    for (1 .. 100) {
        last if -S "$dir/socket";
        sleep 0.1;
    }

    open my $pipe, '|-', "redis-cli -s $dir/socket --pipe >$dir/pipe 2>&1"
        or die "redis-cli: $!\n";
    binmode $pipe;

    for my $i (0 .. $n - 1) {
        my $name = pack 'H*', hmac_sha1_hex("at-fill-$i", $name_key);

        printf $pipe "*3\r\n\$3\r\nSET\r\n\$20\r\n%s\r\n\$1\r\n%d\r\n", $name,
               $i % 16 != 14;
    }

    close $pipe or die "redis does not take the tokens, see $dir/pipe\n";

    return <<"HTTP", <<"LOCATIONS";
    lua_package_path "$lua/?.lua;;";
HTTP
        location = /redis {
            access_by_lua_block {
                local redis = require("nginx.redis"):new()
                local token = string.sub(ngx.var.http_authorization or "", 8)
                local name = ngx.hmac_sha1("$name_key", token)
                local ok = redis:connect("unix:$dir/socket")
                if not ok then return ngx.exit(500) end
                local live = redis:get(name)
                redis:set_keepalive(60000, 256)
                if live ~= "1" then return ngx.exit(409) end
            }
            proxy_pass http://provider;
        }
LOCATIONS
}


# njs 0.7 has nothing that workers share: a list of the dead tokens, by map.

sub njs {
    my ($dir, $n) = @_;

    write_file("$dir/names.js", <<"END");
import crypto from 'crypto';

function name(r) {
    return crypto.createHmac('sha256', '$name_key')
                 .update((r.headersIn.Authorization || '').slice(7))
                 .digest('hex');
}

export default { name };
END

    write_file("$dir/dead.map",
               join '', map { $_ % 16 == 14
                              ? hmac_sha256_hex("at-fill-$_", $name_key)
                                . " 1;\n" : () } 0 .. $n - 1);

    return <<"HTTP", <<'LOCATIONS';
    js_path $dir;
    js_import names from names.js;
    js_set \$token_name names.name;
    map_hash_max_size 1048576;
    map_hash_bucket_size 128;
    map \$token_name \$token_dead { default 0; include $dir/dead.map; }
HTTP
        location = /njs {
            if ($token_dead) { return 409; }
            proxy_pass http://provider;
        }
LOCATIONS
}


# What goes on beside a load, so many times a second; beside_end() ends it, and
# returns [what, ms] of each time. KIND: "lists", pages of the API, each by
# another filter than the one before; else the path of a token endpoint.

my @filters = ('', 'state=live', 'state=superseded', 'provider=bench',
               'client=client-3', 'user=user-4711', 'tenant=tenant-4711',
               'owner=owner-17', 'owner=nobody');

sub beside {
    my ($server, $kind, $rate) = @_;
    my $pid = open my $in, '-|';

    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        my $end = 0;
        my $i = int rand @filters;
        my $due = time;

        $SIG{TERM} = sub { $end = 1 };
        $SIG{INT} = 'DEFAULT';

        while (!$end) {
            my $began = time;
            my ($what, $answer) = $kind eq 'lists'
                                  ? page($server, $filters[$i++ % @filters])
                                  : ($kind, exchange($server, $kind));
            my $ms = 1000 * (time - $began);

            # the signal may have come between
            last if $end;
            printf "%s %.3f\n", $what, defined $answer ? $ms : -1;

            # who is late does not make up for it
            $due = time if ($due += 1 / $rate) < time - 1;
            sleep $due - time if $due > time;
        }

        STDOUT->flush;
        _exit(0);
    }

    return { pid => $pid, in => $in };
}


sub beside_end {
    my ($beside) = @_;

    kill 'TERM', $beside->{pid};

    my @seen = map { [split] } readline $beside->{in};

    close $beside->{in};
    die "nothing went on beside the load\n" unless @seen;
    die "$_->[0] failed beside the load\n" for grep { $_->[1] < 0 } @seen;

    return @seen;
}


sub page {
    my ($server, $filter) = @_;

    return $filter || 'none',
           get($server, "/status/connections?limit=100&$filter");
}


sub exchange {
    my ($server, $path) = @_;
    my $body = 'grant_type=authorization_code&client_id=client-1'
               . '&client_secret=s&code=c' . int rand 1e15;

    return ask($server, "POST /$path HTTP/1.1", $body,
               'Content-Type: application/x-www-form-urlencoded',
               'Content-Length: ' . length $body);
}


sub spawn {
    my ($out, @command) = @_;
    my $pid = fork;

    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $out;
        open STDERR, '>&', \*STDOUT;
        exec @command or _exit(127);
    }

    push @children, $pid;

    return $pid;
}


sub wait_for {
    my ($server, $patience) = @_;
    my $until = time + $patience;

    while (time < $until) {
        return if -s "$server->{dir}/nginx.pid" && workers($server)
                  && get($server, '/pid');
        last if waitpid($server->{pid}, WNOHANG) > 0;
        sleep 0.002;
    }

    die "$server->{name} does not start, see $server->{dir}/error.log and "
        . "$server->{dir}/out\n";
}


sub get {
    my ($server, $path, $token) = @_;

    return ask($server, "GET $path HTTP/1.1", '',
               $token ? "Authorization: Bearer $token" : ());
}


# the body of an answer to one request on a connection of its own, or undef

sub ask {
    my ($server, $line, $body, @headers) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $server->{port},
                                       Timeout => 60)
        or return;

    print $socket join("\r\n", $line, 'Host: 127.0.0.1', @headers,
                       'Connection: close', '', $body);

    my $answer = do { local $/; <$socket> };

    return defined $answer
           && $answer =~ m{^HTTP/1\.1 200 .*?\r\n\r\n(.+)}s ? $1 : undef;
}


# Who lets a dead token pass measures nothing.

sub tells {
    my ($server, $path) = @_;
    my $live = get($server, "/$path", 'at-fill-0');
    my $dead = get($server, "/$path", 'at-fill-14');

    die "$path of $server->{name} tells no dead token from a live one, see "
        . "$server->{dir}/error.log\n" if !defined $live || defined $dead;
}


sub stop {
    my ($server) = @_;

    kill 'TERM', $server->{pid};
    waitpid $server->{pid}, 0;
    @children = grep { $_ != $server->{pid} } @children;
}


sub stop_all {
    my @last = @children;

    @children = ();
    kill 'TERM', @last if @last;
    waitpid $_, 0 for @last;
}


# pids of the processes that serve

sub workers {
    my ($server) = @_;
    my $pid = $server->{pid};

    return $pid if $server->{single};

    open my $in, '<', "/proc/$pid/task/$pid/children" or return;

    return split ' ', <$in> // '';
}


# Bytes that the workers have written to files.

sub written {
    my ($server) = @_;
    my $bytes = 0;

    for my $pid (workers($server)) {
        open my $in, '<', "/proc/$pid/io" or next;
        $bytes += $1 if join('', <$in>) =~ /^write_bytes: (\d+)/m;
    }

    return $bytes;
}


# A gateway looks half a minute after its start what there is to sweep.

sub wait_for_writes {
    my ($server) = @_;
    my $before = written($server);

    for (1 .. 600) {
        return if written($server) > $before + 1048576;
        sleep 0.1;
    }

    die "$server->{name} sweeps nothing\n";
}


# CPU time of all threads of all workers, in microseconds

sub cpu {
    my ($server) = @_;
    my $ns = 0;

    for my $pid (workers($server)) {
        for my $file (glob "/proc/$pid/task/*/schedstat") {
            open my $in, '<', $file or next;
            $ns += (split ' ', <$in> // '0')[0];
        }
    }

    return $ns / 1000;
}


sub write_file {
    my ($file, $text) = @_;

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
}


1;
