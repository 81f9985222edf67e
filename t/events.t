# Events below oauth_status: what is told of whom, and pages.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => told_locations()) if !defined $block->config;
});

run_tests();

__DATA__

=== TEST: none yet
--- steps
GET /status/events : 200 | Content-Type: application/json | Cache-Control: no-store | items=[] | next=null

=== TEST: connects, and who superseded whom
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=jane o=acme owner=beta
GET /status/events : 200 | items.0.seq=1 | items.0.type=connected | items.0.connection=1 | items.0.provider=p | items.0.client=app
:   200 | items.0.user=jane | items.0.tenant=acme | items.0.owner=alpha | items.0.at~^\d{4}-.*Z$ | items.0.count=1 | items.0.other=null | items.0.adopted=false
:   200 | items.1.type=connected | items.1.connection=2 | items.1.owner=beta
:   200 | items.2.type=superseded | items.2.connection=1 | items.2.owner=alpha | items.2.other.connection=2 | items.2.other.owner=beta
:   200 | items.2.reconnect=false | items.2.undecided=false | -items.3 | next=null

=== TEST: pages
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
connect 3 u=jill owner=gamma
GET /status/events?limit=2 : 200 | items.0.seq=1 | items.1.seq=2 | -items.2 | next=2
GET /status/events?limit=2&after=2 : 200 | items.0.seq=3 | items.1.seq=4 | -items.2 | next=null
GET /status/events?after=3 : 200 | items.0.seq=4 | -items.1 | next=null
GET /status/events?after=4 : 200 | items=[] | next=null
GET /status/events?after=18446744073709551615 : 200 | items=[]
HEAD /status/events : 200 | /^$/

=== TEST: parameters that cannot be used
--- steps
GET /status/events?limit=0 : 400 | type=urn:oauth-gateway:invalid-parameter
GET /status/events?limit=1001 : 400
GET /status/events?after=x : 400
GET /status/events?after=-1 : 400
GET /status/events?after=1&after=1 : 400
GET /status/events?type=connected : 400
POST /status/events : 405 | Allow: GET, HEAD

=== TEST: refusals, counted
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 409
    sleep 0.5
GET /status/events?after=3 : 200 | items.0.type=rejected | items.0.connection=1 | items.0.owner=alpha | items.0.other.connection=2 | items.0.other.owner=beta | items.0.count=1 | -items.1
call 1 : 409
call 1 : 409
call 1 : 409
GET /status/events?limit=1000 : 200 | /"type":"rejected"/

=== TEST: marks
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 path=/flag/dead : 401 | OAuth-Connection-Status: superseded
    sleep 0.5
GET /status/events?after=3 : 200 | items.0.type=flagged | items.0.connection=1 | items.0.other.connection=2 | -items.1
call 2 path=/flag/x : 200
GET /status/events?after=4 : 200 | items=[]

=== TEST: a refusal of a refresh, and of what is no token request
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
refresh 1 as=3 owner=alpha : 400
    sleep 0.5
GET /status/events?after=3 : 200 | items.0.type=rejected | items.0.connection=1 | items.0.provider=p | -items.1

=== TEST: a takeover that was refused
--- provider
    user      $oauth_request_username;
    owner     $http_x_oauth_owner;
    limit     1 per user client;
    takeover  reject;
--- steps
connect 1 owner=alpha grant=password +username=j@acme
connect 2 owner=beta grant=password +username=j@acme : 409
    sleep 0.5
GET /status/events : 200 | items.1.type=takeover_rejected | items.1.connection=1 | items.1.owner=alpha | items.1.other.owner=beta | items.1.other.connection=null | -items.2

=== TEST: refreshes, replays
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 1 as=3 u=jane : 200 | /at-canary-2/
    sleep 0.5
GET /status/events : 200 | items.1.type=refreshed | items.1.connection=1 | items.2.type=replayed | items.2.connection=1 | -items.3

=== TEST: orders
--- steps
connect 1 u=jane
POST /status/connections/1/release : 200
POST /status/connections/1/reinstate : 200
GET /status/events : 200 | items.1.type=released | items.2.type=reinstated | -items.3

=== TEST: a contested slot
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
connect 3 u=jane owner=alpha
connect 4 u=jane owner=beta
    sleep 0.5
GET /status/events : 200 | items.6.type=superseded | items.7.type=contested | items.7.connection=3 | items.7.other.connection=4 | items.7.owner=alpha | -items.8

=== TEST: unknown tokens of a provider are one, however many
--- config
        location /api {
            oauth_guard p;
            oauth_unknown flag;
            proxy_pass http://provider;
        }
        location /status/ {
            oauth_status;
        }
--- steps
call 1 : 200
call 2 : 200
call 3 : 200
    sleep 0.5
GET /status/events : 200 | items.0.type=flagged | items.0.connection=null | items.0.provider=p | items.0.count=1
