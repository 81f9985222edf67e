# What others send or say does not end a connection. What must hold: only the
# provider's word about a token that was really sent to it teaches, and only
# about that token's own connection.
#
#   made-up tokens      answered 401, or refused by the provider: nothing is
#                       learnt, and nothing is written, however many
#   another's token     a revocation that the provider refuses, a refresh by
#                       another client, an exchange answered 400 or 5xx
#   names               in the request, in headers, in an error's text, in an
#                       answer to another's call: bind and supersede nobody
#   owners              where the owner comes from the network, what a runner
#                       claims is not taken
#   contradictions      only the provider's success for that very token
#   floods              of refusals and marks: counted, a few events a second
use lib 't';
use OAuthGateway;
use Wire;

our $told = sub {
    my ($what) = @_;

    Time::HiRes::sleep(0.4);

    return wire("GET /status/$what HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
};

# how many durable commits there were, by the histogram's count of all workers
our $commits = sub {
    my ($n) = $told->('metrics') =~ /^oauth_gateway_commit_seconds_count (\d+)/m;

    return $n // 0;
};

our $types = sub {
    return join ' ', map { /"type": ?"(\w+)"/g } $told->('events');
};

our $calls = sub {
    my ($path, @tokens) = @_;

    return wire(join '', map({ "GET $path HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer $_\r\n\r\n" } @tokens),
                "GET /status/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
};

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => told_locations() . ($block->more // ''))
        if !defined $block->config;
});

run_tests();

__DATA__

=== TEST: made-up tokens teach and write nothing
--- steps
connect 1 u=jane o=acme owner=alpha
--- check
my $before = $commits->();
cmp_ok($before, '>=', 1, 'the connect was one commit');
$calls->('/api/dead', map { "made-up-canary-$_" } 1 .. 90);
$calls->('/api/x', map { "made-up-canary-$_" } 1 .. 90);
is($commits->(), $before, 'nothing was written');
is($types->(), 'connected', 'no event');
like($calls->('/api/x', 'at-canary-1'), qr/^HTTP\S+ 200/, 'the live token is live');

=== TEST: the control: a real token that the provider calls dead is written
--- steps
connect 1 u=jane o=acme owner=alpha r=none
--- check
my $before = $commits->();
$calls->('/api/dead', 'at-canary-1');
cmp_ok($commits->(), '>', $before, 'it was written');
like($types->(), qr/broken/, 'and told');

=== TEST: made-up refresh tokens
--- mock
    location = /no { return 400 '{"error":"invalid_grant"}'; }
    location = /denied { return 401 '{"error":"invalid_client"}'; }
--- more
    location = /no { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /denied { oauth_token_endpoint p; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha
refresh made-up as=9 u=jane path=/no : 400 | error=invalid_grant
refresh made-up as=9 u=jane path=/denied : 401
refresh 1 as=9 u=jane client=evil path=/denied : 401
connect 8 u=jane owner=evil path=/no : 400
connect 8 u=jane owner=evil path=/denied : 401
sleep 0.3
call 1 : 200
GET /status/connections?state=live : 200 | items.0.id=1 | -items.1
GET /status/connections : 200 | items.0.id=1 | items.0.owner=alpha | -items.1
--- log_unlike
is broken
supersede

=== TEST: exchanges that fail supersede nobody
--- mock
    location = /e400 { return 400 '{"error":"invalid_request","access_token":"at-canary-7","user":"jane"}'; }
    location = /e500 { return 500 '{"access_token":"at-canary-7","refresh_token":"rt-canary-7","user":"jane"}'; }
    location = /e302 { return 302 'https://evil.example/#access_token=at-canary-7'; }
    location = /e200 { return 200 '{"error":"invalid_grant","error_description":"token of jane","user":"jane"}'; }
    location = /html { default_type text/html; return 200 '<p>{"access_token":"at-canary-7","user":"jane"}</p>'; }
    location = /none { return 200 '{"user":"jane","tenant":"acme"}'; }
--- more
    location ~ ^/(e400|e500|e302|e200|html|none)$ { oauth_token_endpoint p; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha
connect 7 path=/e400 owner=evil : 400
connect 7 path=/e500 owner=evil : 500
connect 7 path=/e302 owner=evil : 302
connect 7 path=/e200 owner=evil : 200 | /invalid_grant/
connect 7 path=/html owner=evil : 200 | /access_token/
connect 7 path=/none owner=evil : 200 | /jane/
sleep 0.3
call 1 : 200
GET /status/connections : 200 | items.0.id=1 | items.0.state=live | -items.1

=== TEST: the control: one that succeeds does
--- steps
connect 1 u=jane owner=alpha
connect 7 u=jane owner=beta
call 1 : 409 | superseded_by.owner=beta

=== TEST: a revocation that the provider refuses ends nothing
--- mock
    location = /refuses { return 400 '{"error":"invalid_client"}'; }
    location = /denies { return 401 '{"error":"invalid_client"}'; }
    location = /fails { return 503; }
--- more
    location ~ ^/(refuses|denies|fails)$ { oauth_revocation_endpoint p; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha
POST /refuses
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1&client_id=evil
: 400
POST /denies
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1&client_id=evil
: 401
POST /fails
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1&client_id=evil
: 503
sleep 0.3
call 1 : 200
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=made-up&client_id=app
: 200
sleep 0.3
call 1 : 200
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1&client_id=app
: 200
call 1 : 409 | type=urn:oauth-gateway:revoked

=== TEST: another client's refresh of one's token gets no kept answer and ends nothing
--- steps
connect 1 u=jane owner=alpha
refresh 1 as=2 u=jane
refresh 1 as=9 u=jane client=evil : 400 | error=invalid_grant | -access_token
refresh 1 as=9 u=jane +client_secret=canary-guess : 400 | error=invalid_grant | -access_token
refresh 1 as=2 u=jane : 200 | access_token=at-canary-2
call 2 : 200
GET /status/connections?state=live : 200 | items.0.id=1 | -items.1

=== TEST: an error that names another's token or user
--- mock
    location /api/echo { return 401 '{"error":"invalid_token","token":"at-canary-1","user":"jane","access_token":"at-canary-1"}'; }
--- steps
connect 1 u=jane owner=alpha r=none
connect 2 u=john owner=evil r=none
call 2 /api/echo : 401
sleep 0.3
GET /status/connections/1 : 200 | state=live
GET /status/connections/2 : 200 | state=broken
call 1 : 200

=== TEST: names in a call without a live token bind nobody
--- provider
    user    $oauth_response_user $oauth_userinfo_id $http_x_user;
    tenant  $oauth_response_tenant $http_x_tenant;
    limit   1 per user client;
    limit   1 per tenant client;
--- mock
    location /m/ { return 200 '{"id":"jane"}'; }
    location = /m/no { return 403 '{"id":"jane"}'; }
--- more
    location /m/ { oauth_guard p flag; oauth_userinfo_endpoint p; proxy_pass http://provider; }
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 owner=evil
GET /m/x
| X-User: jane
| X-Tenant: acme
: 200
GET /m/x
| Authorization: Bearer made-up
| X-User: jane
| X-Tenant: acme
: 200
call 2 /m/no @X-User=jane @X-Tenant=acme : 403
sleep 0.3
GET /status/connections/1 : 200 | state=live
GET /status/connections/2 : 200 | state=live | user=null | tenant=null

=== TEST: a known identity is not changed by a later name
--- provider
    user    $oauth_response_user $http_x_user;
    tenant  $oauth_response_tenant $http_x_tenant;
    limit   1 per user client;
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=john o=other owner=evil
call 2 @X-User=jane @X-Tenant=acme : 200
sleep 0.3
call 1 : 200
GET /status/connections/2 : 200 | user=john | tenant=other

=== TEST: a binding by one's own live token never ends who connected later
--- provider
    user    $oauth_response_user $http_x_user;
    limit   1 per user client;
--- steps
connect 1 owner=evil
connect 2 u=jane owner=alpha
call 1 @X-User=jane : 200
sleep 0.3
call 2 : 200
call 1 : 409 | superseded_by.owner=alpha

=== TEST: the owner by the network is not the one that a runner claims
--- provider
    user      $oauth_response_user;
    login     $oauth_request_username;
    owner     $net_owner;
    limit     1 per user client;
    takeover  reject;
--- http_config
    map $arg_from $net_owner { a alpha; b beta; }
--- steps
connect 1 u=jane from=a owner=alpha grant=password +username=jane
connect 2 u=jane from=b owner=alpha grant=password +username=jane : 409 | owner=beta | held_by.owner=alpha
connect 2 u=jane from=b grant=password +username=jane @X_OAuth_Owner=alpha @x-oauth-owner=alpha : 409
GET /status/connections/1 : 200 | state=live | owner=alpha
connect 3 u=jane from=a owner=beta grant=password +username=jane
GET /status/connections/2 : 200 | owner=alpha

=== TEST: a contradiction is made by that token's own success alone
--- mock
    location = /flag/open { return 200 '{}'; }
--- more
    location = /local { oauth_guard p flag; return 200 here; }
    location /plain { proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 /local : 200
call 1 /plain : 200
call 2 : 200
GET /flag/x : 200
GET /flag/x
| Authorization: Bearer made-up
: 200
call 1 /flag/dead : 401
sleep 0.3
call 1 : 409
--- log_unlike
contradiction

=== TEST: and even that evicts nobody
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 /flag/x : 200
sleep 0.3
call 1 : 200
call 2 : 200
--- log_like
is a contradiction

=== TEST: a flood of refused calls is counted, not written one by one
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
--- check
my $before = $commits->();
is(scalar(() = $calls->('/api/x', ('at-canary-1') x 95) =~ m{HTTP/1.1 409 }g), 95, 'all are refused') for 1 .. 4;
cmp_ok($commits->() - $before, '<=', 12, 'few commits for 380 refusals');
cmp_ok(scalar(() = $types->() =~ /rejected/g), '<=', 12, 'few events');

=== TEST: a flood of malformed requests writes nothing
--- steps
connect 1 u=jane owner=alpha
--- check
my $before = $commits->();
post('/token', ['Content-Type: application/x-www-form-urlencoded'], 'grant_type=refresh_token&refresh_token=%zz') for 1 .. 40;
$calls->('/api/x', ('a,b') x 90);
cmp_ok($commits->() - $before, '<=', 12, 'next to no commits');
like($calls->('/api/x', 'at-canary-1'), qr/^HTTP\S+ 200/, 'the live token is live');
