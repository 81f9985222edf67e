# The health of a gateway: 200, or 503 with the reason while its store cannot
# be opened or written.
use lib 't';
use OAuthGateway;

use File::Temp ();

our $locations = <<'END';
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location = /flag {
        oauth_token_endpoint p flag;
        proxy_pass http://provider/token;
    }
    location /health { oauth_status health; }
    location /metrics { oauth_status metrics; }
    location /oauth { oauth_status; }
END

# made before nginx starts, which clears its own directory
sub damaged
{
    my $store = File::Temp::tempdir(CLEANUP => 1) . '/store';

    mkdir $store or die $!;
    chmod 0777, $store;
    chmod 0755, $store =~ s{/store$}{}r;
    open my $out, '>', "$store/data.mdb" or die $!;
    print $out 'no LMDB environment' x 1000;
    close $out;
    chmod 0666, "$store/data.mdb";

    return $store;
}

# a directory where a file should be
sub blocked
{
    my $store = File::Temp::tempdir(CLEANUP => 1) . '/store';

    mkdir $store or die $!;
    mkdir "$store/flights" or die $!;
    chmod 0777, $store;
    chmod 0755, $store =~ s{/store$}{}r;

    return $store;
}

our %base;

sub counts
{
    my $port = server_port();

    # a request of its own, so that what was before has been counted
    select undef, undef, undef, 0.15;

    return map { /^(\w+_total\S*) (\d+)$/ ? ($1 => $2) : () }
               split /\n/, `curl -s --max-time 5 http://127.0.0.1:$port/metrics`;
}

run_tests();

__DATA__

=== TEST: all is well
--- config eval: $::locations
--- steps
connect 1 u=jane
GET /health : 200 | Content-Type: application/json | Cache-Control: no-store
:   200 | status=ok | store.open=true | store.writable=true | store.reason=null
:   200 | store.used_bytes~^[1-9]\d+$ | store.max_bytes=68719476736
GET /oauth/health : 200 | status=ok
HEAD /health : 200
GET /health/x : 404
POST /health : 405 | Allow: GET, HEAD

=== TEST: a store that cannot be opened
--- no_store
--- http_config eval
"    oauth_store " . main::damaged() . ";\n";
--- config eval: $::locations
--- may_alert
--- steps
GET /health : 503 | Content-Type: application/json | Cache-Control: no-store
:   503 | status=degraded | store.open=false | store.writable=false
:   503 | store.reason~damaged | store.used_bytes=null | store.max_bytes=null
GET /metrics : 200 | /store_writable 0\n/ | /exchanges_total\{/
connect 1 u=jane : 503
connect 2 u=jane path=/flag : 200 | OAuth-Connection-Status: unrecorded
--- init: %main::base = main::counts()
--- check
my %now = main::counts();
my $exchanges = 'oauth_gateway_exchanges_total{provider="p",grant="authorization_code",outcome=';

# counters survive a reload: its nginx may be the one of the last block
is(($now{$_} // 0) - ($main::base{$_} // 0), 1, $_)
    for 'oauth_gateway_unrecorded_total', "$exchanges\"unrecorded\"}", "$exchanges\"rejected\"}";

my $port = server_port();
my $text = `curl -sS http://127.0.0.1:$port/metrics`;

unlike($text, qr/store_bytes|oauth_gateway_connections|_slots/, 'the store tells nothing');

=== TEST: no file of locks, which upgrades alone need
--- no_store
--- http_config eval
"    oauth_store " . main::blocked() . ";\n";
--- config eval: $::locations
--- steps
GET /health : 200 | status=ok
--- error_log
oauth gateway cannot make "
oauth gateway cannot read "

=== TEST: a store that is full
--- no_store
--- http_config eval
"    oauth_store " . main::html('small') . " max_size=1m;\n";
--- config eval: $::locations
--- may_alert
--- mock
    location = /big {
        return 200 '{"access_token":"at-canary-$arg_t","user":"$arg_u","expires_in":3600,"scope":"{{s x 3500}}"}';
    }
--- steps
GET /health : 200 | store.max_bytes=1048576
--- check
my $port = server_port();
my $answer;

for my $n (1 .. 400) {
    $answer = `curl -sS -d 'grant_type=authorization_code&code=code-canary-$n&client_id=app&scope=@{['s' x 3500]}' 'http://127.0.0.1:$port/flag?t=$n&u=u$n' -o /dev/null -D -`;
    last if $answer =~ /unrecorded/;
}

like($answer, qr/OAuth-Connection-Status: unrecorded/i, 'it is full');

my ($bad, $lost);

# the other worker may not have met it
for (1 .. 40) {
    my $health = `curl -sS -i http://127.0.0.1:$port/health`;

    $bad = $health if $health =~ /503 /;
    last if $bad;
}

like($bad, qr/"status":"degraded".*"open":true,"writable":false,"reason":"it is full/s, 'full, and says so');
like(`curl -sS http://127.0.0.1:$port/metrics`, qr/^oauth_gateway_unrecorded_total [1-9]/m, 'counted');

=== TEST: another word
--- config
    location /x { oauth_status wealth; }
--- message
invalid parameter "wealth": expected "oauth_status \[metrics\|health\]"
