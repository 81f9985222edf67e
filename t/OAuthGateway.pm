package OAuthGateway;

# The prelude of the suites: a gateway, a provider behind it, and steps.
#
# A block states what differs from the usual gateway:
#
#   --- provider     inside of "oauth_provider p { }"
#   --- http_config  more of the http context
#   --- config       the gateway's locations (usual: /token and /api)
#   --- mock         more locations of the provider
#   --- main         more of the main context
#   --- steps        the requests, in order, and what each must answer
#
# and what must be true in the end:
#
#   --- provider_saw   the requests that reached the provider, all of them
#   --- log_like       patterns, each found in the error log (level info)
#   --- log_unlike     patterns, none found in it
#   --- file_like      FILE, then patterns, each found in html/FILE
#   --- file_unlike    FILE, then patterns, none found in it
#   --- check          Perl, run in the end
#
# A configuration that must be refused has, in place of steps,
#
#   --- message        a pattern of the error that nginx must die with
#
# A step is one of
#
#   connect T [NAME=VALUE ...]    an authorization_code exchange; the provider
#                                 hands out at-canary-T and rt-canary-T
#   refresh T as=T2 [...]         rt-canary-T is presented, tokens T2 come back
#   call T [PATH] [...]           GET with "Authorization: Bearer at-canary-T"
#   METHOD URI                    any request; "| FIELD: VALUE" and "> BODY"
#                                 lines may follow, "chunked" makes each body
#                                 line a chunk, and ": ..." is the expectation
#   reload                        reload nginx and wait for its new workers
#   sleep SECONDS
#   prepend FILE LINE             to html/FILE
#
# u, o, s, e, i, r tell the provider which user, tenant (organisation), scope,
# expires_in, issue time and refresh token to answer with; owner= is the
# X-OAuth-Owner field, client=, grant=, scope= and +NAME= stand in the body,
# @FIELD= in the header, path= is another path; %20 is a space in @ and scope.
#
# " : STATUS | ITEM | ITEM" says what must come back (4xx: any such status);
# items are /REGEX/,
# FIELD: REGEX, !FIELD, MEMBER=TEXT, MEMBER~REGEX, -MEMBER (a member that must
# be absent), MEMBER>NAME (remember the member) and MEMBER=<NAME> (the same
# again). MEMBER is a path like superseded_by.owner.
#
# {{TEXT x N}} repeats TEXT. Every secret of the suites contains "canary":
# none may ever occur in a log or in the store, which each block checks.

use strict;
use warnings;

BEGIN {
    $ENV{TEST_NGINX_LOAD_MODULES} //=
        ($ENV{BUILD_DIR} || "$ENV{PWD}/build")
        . '/ngx_http_oauth_gateway_module.so';
}

use Test::Nginx::Socket -Base;

use File::Find ();
use IO::Socket::UNIX ();
use JSON::PP ();
use MIME::Base64 ();
use POSIX ();
use Time::HiRes ();

our @EXPORT = qw(jwt slurp html curl answer_once told_locations);

my $json = JSON::PP->new->canonical->allow_nonref;
my $block_number = 0;
my $expected = [];
my %remembered;

log_level('info');
master_on();
workers(2);
no_long_string();
plan('no_plan');


sub html ($)
{
    return "$ENV{TEST_NGINX_SERVER_ROOT}/html/$_[0]";
}


sub slurp ($)
{
    my ($path) = @_;

    open my $in, '<', $path or return undef;
    binmode $in;
    local $/;

    return scalar <$in>;
}


# a provider at html/SOCK that answers one request, after a while, and is gone
sub answer_once ($$;$)
{
    my ($name, $reply, $delay) = @_;

    unlink html $name;

    my $socket = IO::Socket::UNIX->new(Local => html $name, Listen => 1)
        or die "$name: $!\n";
    my $pid = fork // die "fork: $!\n";

    if ($pid) {
        return $pid;
    }

    $Test::Nginx::Util::InSubprocess = 1;
    Test::More->builder->no_ending(1);
    local $SIG{ALRM} = 'DEFAULT';
    alarm 10;

    if (my $client = $socket->accept) {
        $client->recv(my $request, 65536);
        Time::HiRes::sleep($delay // 0);
        $client->send($reply);
        $client->close;
    }

    POSIX::_exit(0);
}


# what curl prints for the gateway's html/SOCK: header, empty line, body
sub curl ($@)
{
    my ($sock, @arguments) = @_;

    open my $out, '-|', 'curl', '-sS', '-i', '--max-time', '5',
         '--unix-socket', html($sock), @arguments or return '';
    local $/;

    return scalar(<$out>) =~ s/\r//gr;
}


sub jwt ($)
{
    my ($claims) = @_;

    return join '.', map({ MIME::Base64::encode_base64url($json->encode($_)) }
                         { alg => 'RS256' }, $claims),
                     'canaryAA';
}


sub usual_provider ()
{
    return <<'END';
        user    $oauth_response_user;
        tenant  $oauth_response_tenant;
        limit   1 per user client;
END
}


sub usual_locations ()
{
    return <<'END';
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }

        location /api {
            oauth_guard p;
            proxy_set_header X-Connection $oauth_connection;
            proxy_set_header X-Verdict $oauth_verdict;
            proxy_set_header X-Action $oauth_action;
            proxy_pass http://provider;
        }
END
}


# a gateway of which all is told below /status/
sub told_locations ()
{
    return <<'END';
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location = /flagged {
            oauth_token_endpoint p flag;
            proxy_pass http://provider/token;
        }
        location = /revoke {
            oauth_revocation_endpoint p;
            proxy_pass http://provider/ok;
        }
        location /api {
            oauth_guard p;
            proxy_pass http://provider;
        }
        location /flag/ {
            oauth_guard p flag;
            proxy_pass http://provider/;
        }
        location /status/ {
            oauth_status;
            oauth_status_write on;
            send_timeout 2s;
        }
END
}


sub provider_server ($)
{
    my ($more) = @_;
    my $sock = html 'provider.sock';
    my $log = html 'provider.log';
    my $answer = '{"access_token":"at-canary-$arg_t",$mock_refresh'
                 . '"token_type":"Bearer","expires_in":$mock_expires,'
                 . '"user":"$arg_u","tenant":"$arg_o","scope":"$arg_s",'
                 . '"issued_at":"$arg_i"}';
    my $echo = '{"method":"$request_method","uri":"$request_uri",'
               . '"authorization":"$http_authorization",'
               . '"owner":"$http_x_oauth_owner","verdict":"$http_x_verdict",'
               . '"action":"$http_x_action","connection":"$http_x_connection"}';

    return <<END;
    log_format seen '\$request_method \$request_uri';

    map \$arg_e \$mock_expires {
        ""       3600;
        default  \$arg_e;
    }

    map \$arg_r \$mock_refresh {
        ""       '"refresh_token":"rt-canary-\$arg_t",';
        none     '';
        default  '"refresh_token":"rt-canary-\$arg_r",';
    }

    upstream provider {
        server unix:$sock;
    }

    server {
        listen unix:$sock;
        access_log $log seen;
        default_type application/json;

        location = /token {
            if (\$arg_fail) {
                return 400 '{"error":"invalid_grant"}';
            }

            return 200 '$answer';
        }

        location / {
            return 200 '$echo';
        }

        location ~ /dead\$ {
            return 401 '{"dead":true}';
        }
$more
    }
END
}


sub expand ($)
{
    my ($text) = @_;

    $text =~ s/\{\{(.*?) x (\d+)\}\}/$1 x $2/ge;
    $text =~ s/\$(TEST_NGINX_\w+)/$ENV{$1}/ge;

    return $text;
}


sub escape ($)
{
    my ($text) = @_;

    $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;

    return $text;
}


sub options ($)
{
    my ($words) = @_;
    my %o = (args => [], header => [], body => [], set => {});

    for my $word (@$words) {
        if ($word =~ /^\+(\w+)=(.*)$/) {
            push @{$o{body}}, "$1=" . escape $2;

        } elsif ($word =~ /^\@([\w-]+)=(.*)$/) {
            my ($field, $value) = ($1, $2);

            $value =~ s/%20/ /g;
            push @{$o{header}}, "$field: $value";

        } elsif ($word =~ /^owner=(.*)$/) {
            push @{$o{header}}, "X-OAuth-Owner: $1";

        } elsif ($word =~ /^(client|grant|scope|path|as)=(.*)$/) {
            $o{set}{$1} = $2;

        } elsif ($word =~ /^\w+=/) {
            push @{$o{args}}, $word;

        } elsif ($word =~ m{^/}) {
            $o{set}{path} = $word;

        } else {
            die "bad word in a step: $word\n";
        }
    }

    return \%o;
}


sub exchange ($$$)
{
    my ($tokens, $grant, $o) = @_;
    my $path = $o->{set}{path} // '/token';
    my $client = $o->{set}{client} // 'app';
    my @body = ("grant_type=" . ($o->{set}{grant} // $grant->[0]),
                @$grant[1 .. $#$grant]);

    push @body, "client_id=$client" if $client ne '';
    push @body, 'scope=' . escape $o->{set}{scope} =~ s/%20/ /gr
        if defined $o->{set}{scope};

    return {
        line => "POST $path?" . join('&', "t=$tokens", @{$o->{args}}),
        header => ['Content-Type: application/x-www-form-urlencoded',
                   @{$o->{header}}],
        body => [join '&', @body, @{$o->{body}}],
        expect => { status => 200,
                    usual => ["access_token=at-canary-$tokens"] },
    };
}


sub expectation ($$)
{
    my ($text, $step) = @_;
    my ($status, @items) = split /\s+\|\s+/, $text;

    $status =~ /^\d[\dx]{2}$/ or die "bad status in a step: $text\n";
    # what a step expects by itself holds only where it succeeds, and where
    # nothing else is said about the body
    if ($status ne '200' || !@items || grep { m{^/} || /^-/ } @items) {
        $step->{expect}{usual} = [];
    }

    $step->{expect}{status} = $status;
    push @{$step->{expect}{items}}, @items;

    return;
}


sub parse_step ($)
{
    my ($line) = @_;
    my ($request, $expect) = split /\s+:\s+(?=\d[\dx]{2}\b)/, $line, 2;
    my @words = split ' ', $request;
    my $kind = shift @words;
    my $step;

    if ($kind eq 'connect') {
        my $t = shift @words;

        $step = exchange $t, ['authorization_code', "code=code-canary-$t"],
                         options \@words;

    } elsif ($kind eq 'refresh') {
        my $t = shift @words;
        my $o = options \@words;

        $step = exchange $o->{set}{as} // die("refresh needs as=\n"),
                         ['refresh_token', "refresh_token=rt-canary-$t"], $o;

    } elsif ($kind eq 'call') {
        my $t = shift @words;
        my $o = options \@words;

        $step = {
            line => 'GET ' . ($o->{set}{path} // '/api/x')
                    . (@{$o->{args}} ? '?' . join '&', @{$o->{args}} : ''),
            header => ["Authorization: Bearer at-canary-$t", @{$o->{header}}],
            body => [],
            expect => { status => 200,
                        usual => ["authorization=Bearer at-canary-$t"] },
        };

        $step->{expect}{usual} = [] if $step->{line} !~ m{^GET /api};

    } elsif ($kind =~ /^[A-Z]+$/) {
        $step = { line => $request, header => [], body => [],
                  expect => { status => 200 } };

    } else {
        die "bad step: $line\n";
    }

    expectation $expect, $step if defined $expect;

    return $step;
}


sub parse_steps ($)
{
    my ($text) = @_;
    my @steps;

    for my $line (split /\n/, $text) {
        $line = expand $line;

        if ($line =~ /^\s*(#|$)/) {
            next;

        } elsif ($line =~ /^\s*\|\s?(.*)$/) {
            push @{$steps[-1]{header}}, $1;

        } elsif ($line =~ /^\s*>\s?(.*)$/) {
            push @{$steps[-1]{body}}, $1;

        } elsif ($line =~ /^\s*:\s+(.*)$/) {
            expectation $1, $steps[-1];

        } elsif ($line =~ /^\s*chunked$/) {
            $steps[-1]{chunked} = 1;

        } elsif ($line =~ /^\s*reload$/) {
            push @{$steps[-1]{then}}, \&reload;

        } elsif ($line =~ /^\s*prepend (\S+) (\S+)$/) {
            my ($file, $text) = (html $1, $2);

            push @{$steps[-1]{then}}, sub { prepend($file, $text) };

        } elsif ($line =~ /^\s*sleep (\S+)$/) {
            my $seconds = $1;

            push @{$steps[-1]{then}}, sub { Time::HiRes::sleep($seconds) };

        } else {
            $line =~ s/^\s+//;
            push @steps, parse_step $line;
        }
    }

    @steps or die "no steps\n";

    return \@steps;
}


sub request_of ($)
{
    my ($step) = @_;
    my $body = join '', @{$step->{body}};

    if ($step->{chunked}) {
        push @{$step->{header}}, 'Transfer-Encoding: chunked';
        $body = join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
                             @{$step->{body}};
        $body .= "0\r\n\r\n";
    }

    return $body eq '' ? $step->{line} : "$step->{line}\n$body";
}


# a field's value is matched anywhere in it
sub header_pattern ($)
{
    my ($items) = @_;
    my $pattern = '\AHTTP/\S+ \d{3}';

    for my $item (@$items) {
        if ($item =~ /^!([\w-]+)$/) {
            $pattern = "(?!.*\\n(?i:\Q$1\E):)" . $pattern;

        } elsif ($item =~ /^([\w-]+): (.*)$/) {
            $pattern = "(?=.*\\n(?i:\Q$1\E): [^\\r\\n]*?(?:$2)(?!\\w))"
                       . $pattern;
        }
    }

    return "^$pattern";
}


sub member ($$)
{
    my ($value, $path) = @_;

    for my $name (split /\./, $path) {
        if (ref $value eq 'ARRAY') {
            $value = $value->[$name];

        } elsif (ref $value eq 'HASH') {
            $value = $value->{$name};

        } else {
            return undef;
        }
    }

    return $value;
}


sub text_of ($)
{
    my ($value) = @_;

    return defined $value && !ref $value ? $value : $json->encode($value);
}


sub check_item ($$$$)
{
    my ($name, $item, $body, $object) = @_;

    if ($item =~ m{^/(.*)/$}) {
        Test::More::like($body, qr/$1/s, "$name: body is like $1");
        return;
    }

    if ($item =~ /^!/ || $item =~ /^[\w-]+: /) {
        return;
    }

    if (!$object) {
        Test::More::fail("$name: no JSON for \"$item\": $body");

    } elsif ($item =~ /^-([\w.]+)$/) {
        Test::More::is(member($object, $1), undef, "$name: no member $1");

    } elsif ($item =~ /^([\w.]+)>(\w+)$/) {
        $remembered{$2} = member($object, $1);
        Test::More::ok(defined $remembered{$2}, "$name: there is a $1");

    } elsif ($item =~ /^([\w.]+)=<(\w+)>$/) {
        Test::More::is(member($object, $1), $remembered{$2},
                       "$name: $1 is the same as before");

    } elsif ($item =~ /^([\w.]+)=(.*)$/) {
        Test::More::is(text_of(member($object, $1)), $2, "$name: $1");

    } elsif ($item =~ /^([\w.]+)~(.*)$/) {
        Test::More::like(text_of(member($object, $1)), qr/$2/, "$name: $1");

    } else {
        Test::More::fail("$name: bad item \"$item\"");
    }
}


sub check_step ($$$$$)
{
    my ($block, $body, $index, undef, $dry_run) = @_;
    my $step = $expected->[$index];

    return if !$step || $dry_run;

    my $name = $block->name . " step " . ($index + 1);
    my $object = $body =~ /^\s*[\{\[]/ ? eval { $json->decode($body) } : undef;

    for my $item (@{$step->{expect}{usual} // []},
                  @{$step->{expect}{items} // []})
    {
        check_item $name, $item, $body, $object;
    }

    $_->() for @{$step->{then} // []};
}


sub workers_of ($)
{
    my ($master) = @_;
    my $out = `ps -o pid=,args= --ppid $master`;

    return grep { defined } map { /^\s*(\d+)\s.*worker process$/ ? $1 : undef }
                                split /\n/, $out;
}


sub reload ()
{
    my $master = slurp "$ENV{TEST_NGINX_SERVER_ROOT}/logs/nginx.pid";

    chomp $master;
    my %old = map { $_ => 1 } workers_of $master;

    kill HUP => $master;

    for (1 .. 200) {
        my @now = workers_of $master;

        if (@now && !grep { $old{$_} } @now) {
            Time::HiRes::sleep(0.1);
            return;
        }

        Time::HiRes::sleep(0.05);
    }

    Test::More::fail('reload: old workers stay');
}


sub prepend ($$)
{
    my ($file, $text) = @_;
    my $old = slurp $file;

    open my $out, '>', $file or die "$file: $!\n";
    print $out "$text\n$old";
    close $out;
}


sub patterns ($)
{
    my ($text) = @_;

    return grep { length } map { s/^\s+|\s+$//gr } split /\n/, $text;
}


sub check_patterns ($$$$)
{
    my ($name, $text, $patterns, $wanted) = @_;

    for my $pattern (@$patterns) {
        if ($wanted) {
            Test::More::like($text, qr/$pattern/m, "$name has $pattern");

        } else {
            Test::More::unlike($text, qr/$pattern/m, "$name lacks $pattern");
        }
    }
}


sub check_provider_saw ($)
{
    my ($block) = @_;
    my @wanted = patterns $block->provider_saw;
    my $wanted = join "\n", sort @wanted;
    my $seen;

    # the provider's workers log after they have answered, in any order
    for (1 .. 20) {
        my @seen = patterns(slurp(html 'provider.log') // '');

        $seen = join "\n", sort @seen;
        last if length $seen >= length $wanted;
        Time::HiRes::sleep(0.05);
    }

    Test::More::is($seen, $wanted, $block->name . ' - what the provider saw');
}


sub leaks ()
{
    my @leaks;

    File::Find::find({ no_chdir => 1, wanted => sub {
        return if !-f $_ || m{/conf/|\.(?:sock|key|bin)$}
                  || m{/html/(?:user|provider)};

        my $text = slurp $_;

        push @leaks, $_ =~ s{.*/}{}r . ": $1"
            if defined $text && $text =~ /([^\n\0]{0,40}canary)/;

    } }, $ENV{TEST_NGINX_SERVER_ROOT});

    return @leaks;
}


sub check_end ($)
{
    my ($block) = @_;

    $expected = [];

    return if defined $block->SKIP;

    my $name = $block->name;
    my $log = slurp("$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log") // '';

    Time::HiRes::sleep(0.05);
    check_provider_saw $block if defined $block->provider_saw;

    my @like = defined $block->log_like ? patterns $block->log_like : ();
    my @unlike = defined $block->log_unlike ? patterns $block->log_unlike : ();

    check_patterns "$name - error log", $log, \@like, 1;
    check_patterns "$name - error log", $log, \@unlike, 0;

    for my $what ('file_like', 'file_unlike') {
        next if !defined $block->$what;

        my ($file, @patterns) = patterns $block->$what;

        check_patterns "$name - $file", slurp(html $file) // '', \@patterns,
                       $what eq 'file_like';
    }

    if (defined $block->check) {
        eval "package main; no strict; " . $block->check . "; 1"
            or Test::More::fail("$name - check: $@");
    }

    if (!defined $block->must_die) {
        my @bad = grep { /\[(?:alert|crit|emerg)\]|Sanitizer|runtime error/ }
                       split /\n/, $log;

        # the nginx of the block before may still let go of the port
        @bad = grep { !/bind\(\) to \S+ failed/ } @bad;
        @bad = () if defined $block->may_alert;
        Test::More::is("@bad", '', "$name - nothing alarming in the error log");
    }

    if (!defined $block->may_leak) {
        Test::More::is(join(', ', leaks), '', "$name - no secret left behind");
    }
}


add_block_preprocessor(sub {
    my ($block) = @_;
    my $provider = $block->provider // usual_provider;
    my $http = '';

    $block_number++;
    %remembered = ();
    $expected = [];

    if (defined $block->main) {
        $block->set_value(main_config => $block->main);
    }

    if (!defined $block->bare) {
        # memcheck has less address space than the default asks for
        my $size = $ENV{TEST_NGINX_USE_VALGRIND} ? ' max_size=1g' : '';

        $http = '    oauth_store ' . html("store-$block_number") . "$size;\n"
            if !defined $block->no_store;
        $http .= "    oauth_provider p {\n$provider\n    }\n";
        $http .= provider_server($block->mock // '');

        $block->set_value(config => usual_locations)
            if !defined $block->config;
    }

    $block->set_value(http_config => $http . ($block->http_config // ''));

    if (defined $block->message) {
        my ($message) = patterns $block->message;

        $block->set_value(must_die => '');
        $block->set_value(error_log => ['[emerg]',
                                        qr/\[emerg\] .*$message/]);
    }

    if (defined $block->must_die) {
        $block->set_value(suppress_stderr => 1);
        return;
    }

    if (!defined $block->steps) {
        return;
    }

    $expected = parse_steps $block->steps;

    $block->set_value(request => [map { request_of $_ } @$expected]);
    $block->set_value(more_headers =>
                      [map { join("\n", @{$_->{header}}) . "\n" } @$expected]);
    $block->set_value(error_code_like =>
                      [map { '^' . $_->{expect}{status} =~ s/x/\\d/gr . '$' }
                           @$expected]);
    $block->set_value(raw_response_headers_like =>
                      [map { header_pattern $_->{expect}{items} // [] }
                           @$expected]);
});

add_response_body_check(\&check_step);
add_test_cleanup_handler(\&check_end);

1;
