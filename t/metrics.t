# The metrics: what is counted, once, and that the text is what Prometheus
# reads. promtool judges it where it is installed; the grammar is checked here
# in any case.
use lib 't';
use OAuthGateway;

our $locations = <<'END';
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location = /flag {
        oauth_token_endpoint p flag;
        proxy_pass http://provider/token;
    }
    location = /revoke {
        oauth_revocation_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
    location /marked { oauth_guard p flag; proxy_pass http://provider; }
    location /check { oauth_check p; }
    location /metrics { oauth_status metrics; }
    location /oauth { oauth_status; }
END

our $last;
# what was counted before a block: its nginx may be the one of the last block
our %base;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(init => 'main::begin()') if defined $block->check;
});

sub begin
{
    %base = map { /^(\w+_total\S*) (\d+)$/ ? ($1 => $2) : () }
                split /\n/, scrape('/metrics');
}

our $build = $ENV{BUILD_DIR} || "$ENV{PWD}/build";

# a request of its own, so that what was before has been counted
sub scrape
{
    my ($uri) = @_;

    select undef, undef, undef, 0.15;
    my $port = server_port();
    $last = `curl -sS -i --max-time 5 http://127.0.0.1:$port$uri`;

    return $last =~ s/\r//gr =~ s/\A.*?\n\n//sr;
}

# each line is a comment of its family or a sample of it; returns the samples
sub samples
{
    my ($text) = @_;
    my ($family, $type, %samples, %seen);
    my $label = qr/[a-z_]+="(?:[^"\\\n]|\\["\\n])*"/;

    like($text, qr/\n\z/, 'the last line ends');

    for my $line (split /\n/, $text) {
        if ($line =~ /^# HELP (\S+) \S.*$/) {
            $family = $1;
            undef $type;
            fail("$family stands twice") if $seen{$family}++;

        } elsif ($line =~ /^# TYPE (\S+) (counter|gauge|histogram)$/) {
            is($1, $family, "the type of $family");
            $type = $2;

        } elsif ($line =~ /^(([a-z_]+)(?:\{$label(?:,$label)*\})?) (\d+(?:\.\d+)?)$/) {
            my ($sample, $name, $value) = ($1, $2, $3);

            $name =~ s/_(?:bucket|sum|count)$// if $type eq 'histogram';
            is($name, $family, "$sample stands with its family")
                if $name ne $family;
            is(exists $samples{$sample}, '', "$sample stands twice")
                if exists $samples{$sample};
            $samples{$sample} = $value;

        } else {
            fail("no line of the format: $line");
        }
    }

    return \%samples;
}

sub value
{
    my ($samples, $name) = @_;

    return $samples->{$name} - ($base{$name} // 0);
}

sub promtool
{
    my ($text) = @_;

    SKIP: {
        my ($tool) = grep { -x } "$build/promtool/usr/bin/promtool",
                                 '/usr/bin/promtool';

        skip 'no promtool', 1 if !$tool;

        open my $in, '|-', "$tool check metrics >$ENV{TEST_NGINX_SERVER_ROOT}/html/promtool 2>&1"
            or die $!;
        print $in $text;
        is(close($in) ? 'clean' : slurp(html('promtool')), 'clean', 'promtool');
    }
}

# "NAME{labels} value" lines that must be there, and no other that is not 0
sub counted
{
    my ($samples, $names, @expected) = @_;
    my %left = map { $_ => value($samples, $_) }
               grep { /^oauth_gateway_(?:$names)\b/ && value($samples, $_) != 0 }
               keys %$samples;

    for (@expected) {
        my ($sample, $value) = /^(.*) (\S+)$/;

        is(value($samples, "oauth_gateway_$sample"), $value, $sample);
        delete $left{"oauth_gateway_$sample"};
    }

    is(join(', ', map { "$_ $left{$_}" } sort keys %left), '', 'nothing else');
}

run_tests();

__DATA__

=== TEST: an idle gateway
--- config eval: $::locations
--- steps
GET /metrics : 200 | Content-Type: text/plain; version=0.0.4; charset=utf-8
:    200 | Cache-Control: no-store | X-Content-Type-Options: nosniff
HEAD /metrics : 200 | Content-Type: text/plain; version=0.0.4; charset=utf-8
GET /oauth/metrics : 200 | /oauth_gateway_connections/
GET /oauth/metrics/x : 404
GET /metrics/x : 404
POST /metrics : 405 | Allow: GET, HEAD
--- check
my $text = scrape('/metrics');
my $s = samples($text);

promtool($text);
counted($s, '(?!store_|commit_)');
is($s->{'oauth_gateway_store_writable'}, 1, 'writable');
is($s->{'oauth_gateway_store_bytes{kind="max"}'}, 64 * 1024 ** 3, 'max');
ok($s->{'oauth_gateway_store_bytes{kind="used"}'} > 0, 'used');
ok(exists $s->{$_}, "$_ is told from the start") for
    'oauth_gateway_exchanges_total{provider="p",grant="authorization_code",outcome="recorded"}',
    'oauth_gateway_requests_total{provider="p",verdict="superseded",action="reject"}',
    'oauth_gateway_commit_seconds_bucket{le="+Inf"}';

=== TEST: exchanges by grant and outcome
--- config eval: $::locations
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
    exempt  none;
--- steps
connect 1 u=jane owner=o
connect 2 u=jane owner=o grant=urn:ietf:params:oauth:grant-type:jwt-bearer
connect 3 u=jane owner=o grant=anything
connect 4 u=jane owner=o grant=password
refresh 4 as=5 u=jane
refresh 4 as=6 u=jane : 200 | /at-canary-5/
refresh 1 as=7 u=jane : 400 | error=invalid_grant
connect 8 u=jane fail=1 : 400
POST /token
> nonsense%zz
: 400
POST /flag?fail=1
> nonsense%zz
: 400
POST /flag?t=9
> nonsense%zz
: 200
POST /revoke
> token=at-canary-5
: 200
--- check
my $text = scrape('/metrics');
my $s = samples($text);

promtool($text);
counted($s, 'exchanges_total|unrecorded_total|unparsed_total',
    'exchanges_total{provider="p",grant="authorization_code",outcome="recorded"} 1',
    'exchanges_total{provider="p",grant="jwt-bearer",outcome="recorded"} 1',
    'exchanges_total{provider="p",grant="other",outcome="recorded"} 1',
    'exchanges_total{provider="p",grant="password",outcome="recorded"} 1',
    'exchanges_total{provider="p",grant="refresh_token",outcome="recorded"} 1',
    'exchanges_total{provider="p",grant="refresh_token",outcome="replayed"} 1',
    'exchanges_total{provider="p",grant="refresh_token",outcome="rejected"} 1',
    'exchanges_total{provider="p",grant="authorization_code",outcome="failed"} 1',
    'exchanges_total{provider="p",grant="other",outcome="rejected"} 1',
    'exchanges_total{provider="p",grant="other",outcome="failed"} 1',
    'exchanges_total{provider="p",grant="other",outcome="unrecorded"} 1',
    'unrecorded_total 1');
counted($s, 'supersessions_total', 'supersessions_total{provider="p"} 3');
is($s->{'oauth_gateway_commit_seconds_count'}, $s->{'oauth_gateway_commit_seconds_bucket{le="+Inf"}'}, 'count');
ok($s->{'oauth_gateway_commit_seconds_count'} >= 6, 'commits');
ok($s->{'oauth_gateway_commit_seconds_sum'} > 0, 'sum');

=== TEST: an answer that is not understood
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider/odd;
    }
    location = /large {
        oauth_token_endpoint p;
        proxy_pass http://provider/large;
    }
    location /metrics { oauth_status metrics; }
--- mock
    location /odd { return 200 '{"access_token":"at-canary-1",'; }
    location /large { return 200 '{"access_token":"at-canary-2","x":"{{y x 270000}}"}'; }
--- steps
POST /token
> grant_type=authorization_code&code=code-canary-1
: 200 | OAuth-Connection-Status: unrecorded
--- check
counted(samples(scrape('/metrics')), 'exchanges_total|unrecorded_total|unparsed_total',
    'exchanges_total{provider="p",grant="authorization_code",outcome="unrecorded"} 1',
    'unrecorded_total 1',
    'unparsed_total{provider="p"} 1');

=== TEST: calls by verdict and action
--- config eval: $::locations
--- steps
connect 1 u=jane owner=o
GET /api/x
call 9
call 1
call 1 /check : 204
connect 2 u=jane owner=o
call 1 : 409
call 1 /check : 409
call 1 /marked : 200
call 2
GET /api/x
| Authorization: Bearer at-canary-1, Bearer at-canary-2
: 400
POST /api/x
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=rt-canary-1
: 4xx
--- check
counted(samples(scrape('/metrics')), 'requests_total',
    'requests_total{provider="p",verdict="none",action="pass"} 1',
    'requests_total{provider="p",verdict="unknown",action="pass"} 1',
    'requests_total{provider="p",verdict="active",action="pass"} 3',
    'requests_total{provider="p",verdict="superseded",action="reject"} 2',
    'requests_total{provider="p",verdict="superseded",action="flag"} 1',
    'requests_total{provider="p",verdict="none",action="reject"} 2');

=== TEST: a call is counted once, whatever happens inside
--- config
    log_subrequest on;
    location /api {
        oauth_guard p;
        error_page 409 /refused;
        proxy_pass http://provider;
    }
    location /refused { oauth_guard p; return 200 'refused'; }
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /inner { oauth_guard p; proxy_pass http://provider; }
    location /asked {
        oauth_guard p;
        auth_request /inner;
        mirror /inner;
        proxy_pass http://provider;
    }
    location /only {
        auth_request /inner;
        proxy_pass http://provider;
    }
    location /first { oauth_guard p; proxy_pass http://provider/lead; }
    location /second { internal; oauth_guard p; proxy_pass http://provider; }
    location /metrics { oauth_status metrics; }
--- mock
    location /lead { add_header X-Accel-Redirect /second always; return 200 'x'; }
--- steps
connect 1 u=jane owner=o
call 1 /asked : 200
call 1 /first : 200
call 1 /only : 200
connect 2 u=jane owner=o
call 1 : 409
--- check
counted(samples(scrape('/metrics')), 'requests_total',
    'requests_total{provider="p",verdict="active",action="pass"} 3',
    'requests_total{provider="p",verdict="superseded",action="reject"} 1');

=== TEST: what the store holds
--- provider
    user       $oauth_response_user;
    tenant     $oauth_response_tenant;
    limit      1 per user client;
    contested  2 1h;
--- config eval: $::locations
--- steps
connect 1 u=jane owner=alpha o=t
connect 2 u=jane owner=beta o=t
connect 3 u=john owner=alpha o=t
connect 4 u=jim owner=alpha r=none e=1 o=t
refresh 3 as=5 u=john fail=1 : 400
POST /revoke
> token=rt-canary-2
: 200
--- check
my $s = samples(scrape('/metrics'));

counted($s, 'connections|full_slots|contested_slots|supersessions_total|contradictions_total',
    'connections{provider="p",state="live"} 1',
    'connections{provider="p",state="superseded"} 1',
    'connections{provider="p",state="revoked"} 1',
    'connections{provider="p",state="broken"} 1',
    'full_slots{provider="p"} 1',
    'supersessions_total{provider="p"} 1');

=== TEST: a ping-pong, and a limit that is wrong
--- provider
    user       $oauth_response_user;
    limit      1 per user client;
    contested  2 1h;
--- config eval: $::locations
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
connect 3 u=jane owner=alpha
call 1 /marked : 200
--- check
counted(samples(scrape('/metrics')), 'connections|full_slots|contested_slots|supersessions_total|contradictions_total',
    'connections{provider="p",state="live"} 2',
    'connections{provider="p",state="superseded"} 1',
    'full_slots{provider="p"} 1',
    'contested_slots{provider="p"} 1',
    'supersessions_total{provider="p"} 2',
    'contradictions_total{provider="p"} 2');

=== TEST: who is not known
--- provider
    user    $oauth_response_user;
    tenant  $oauth_response_tenant;
    limit   1 per user client;
--- config eval: $::locations
--- steps
connect 1 u=jane o=t owner=alpha
connect 2 o=t owner=alpha
connect 3 u=jane owner=alpha
connect 4 u=jane o=t
connect 5 u=jane o=t client= owner=alpha
connect 6 grant=client_credentials owner=alpha
refresh 4 as=7 u=jane
refresh 99 as=98 u=jane o=t
--- check
counted(samples(scrape('/metrics')), 'unidentified_total',
    'unidentified_total{provider="p",missing="user"} 1',
    'unidentified_total{provider="p",missing="tenant"} 1',
    'unidentified_total{provider="p",missing="client"} 1',
    'unidentified_total{provider="p",missing="owner"} 2');

=== TEST: a provider that names no tenant misses none
--- provider
    user    $oauth_response_user;
    limit   1 per user client;
--- config eval: $::locations
--- steps
connect 1 u=jane owner=alpha
--- check
counted(samples(scrape('/metrics')), 'unidentified_total');

=== TEST: counts outlive a reload, and follow the provider's name
--- http_config
    include $TEST_NGINX_SERVER_ROOT/html/blocks*.conf;
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
    include $TEST_NGINX_SERVER_ROOT/html/locations*.conf;
    location /metrics { oauth_status metrics; }
--- steps
connect 1 u=jane owner=o
call 1
--- check
my $before = samples(scrape('/metrics'));

for my $round (1 .. 2) {
    my ($blocks, $locations) = ('', '');

    if ($round == 1) {
        $blocks = 'oauth_provider zz from p { } oauth_provider "od\"d\\\\\n" from p { }';
        $locations = 'location /zz { oauth_guard zz; return 200; } location /odd { oauth_guard "od\"d\\\\\n"; return 200; }';
    }

    for (['blocks.conf', $blocks], ['locations.conf', $locations]) {
        open my $out, '>', html $_->[0] or die $!;
        print $out $_->[1];
        close $out;
    }

    OAuthGateway::reload();

    my $text = scrape('/metrics');
    my $s = samples($text);

    promtool($text);
    is($s->{$_}, $before->{$_}, "$_ after reload $round")
        for grep { /_total|commit_seconds|connections/ } keys %$before;
    is(scalar(grep { /provider="zz"/ } keys %$s) > 0, $round == 1, 'the new provider');
    ok(exists $s->{'oauth_gateway_full_slots{provider="od\"d\\\\?"}'}, 'an odd name')
        if $round == 1;
}

=== TEST: a provider that no location uses is not told
--- http_config
    oauth_provider preset from p { }
--- config eval: $::locations
--- steps
GET /metrics : 200 | /provider="p"/
--- check
unlike(scrape('/metrics'), qr/preset/, 'no preset');

=== TEST: as many providers as are counted
--- http_config eval
CORE::join '', map { "    oauth_provider p$_ from p { }\n" } 1 .. 1024;
--- config eval
CORE::join('', map { "    location /p$_ { oauth_guard p$_; return 200; }\n" } 1 .. 1024)
    . "    location /metrics { oauth_status metrics; }\n";
--- steps
GET /p1024
GET /metrics : 200 | /provider="p1024",verdict="none",action="pass"\} \d/
--- check
my $text = scrape('/metrics');

samples($text);
promtool($text);

=== TEST: and one more
--- http_config eval
CORE::join '', map { "    oauth_provider p$_ from p { }\n" } 1 .. 1025;
--- config eval
CORE::join '', map { "    location /p$_ { oauth_guard p$_; return 200; }\n" } 1 .. 1025;
--- message
locations use 1025 providers: the oauth gateway counts for at most 1024

=== TEST: no provider at all
--- bare
--- http_config eval
'    oauth_store ' . main::html('none') . ";\n";
--- config
    location /metrics { oauth_status metrics; }
--- steps
GET /metrics : 200 | /oauth_gateway_store_writable 1/
--- check
my $text = scrape('/metrics');

samples($text);
promtool($text);
