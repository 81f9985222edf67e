# Lists of connections and slots below oauth_status.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;

    if (!defined $block->config) {
        $block->set_value(config => <<'END');
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location = /other {
            oauth_token_endpoint q;
            proxy_pass http://provider/token;
        }
        location /api {
            oauth_guard p;
            proxy_pass http://provider;
        }
        location /status/ {
            oauth_status;
        }
END
        $block->set_value(http_config => <<'END');
        oauth_provider q {
            user    $oauth_response_user;
            tenant  $oauth_response_tenant;
            limit   2 per tenant;
        }
END
    }
});

run_tests();

__DATA__

=== TEST: nothing yet
--- steps
GET /status/connections : 200 | Content-Type: application/json | Cache-Control: no-store | items=[] | next=null
GET /status/slots : 200 | items=[] | next=null
GET /status/slots?contested=1 : 200 | items=[] | next=null

=== TEST: newest first, each as it is alone
--- steps
connect 1 u=jane owner=alpha
connect 2 u=john owner=beta
GET /status/connections : 200 | items.0.id=2 | items.1.id=1 | items.0.owner=beta | items.1.state=live | -items.2 | next=null
GET /status/connections/ : 200 | items.0.id=2
HEAD /status/connections : 200 | Content-Length: \d{3} | /^$/

=== TEST: each filter
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=jane o=acme owner=beta
connect 3 u=john o=globex owner=alpha client=tool
connect 4 u=jane o=acme owner=gamma path=/other
GET /status/connections?provider=p : 200 | items.0.id=3 | items.1.id=2 | items.2.id=1 | -items.3
GET /status/connections?provider=q : 200 | items.0.id=4 | -items.1
GET /status/connections?client=tool : 200 | items.0.id=3 | -items.1
GET /status/connections?user=jane : 200 | items.0.id=4 | items.1.id=2 | items.2.id=1 | -items.3
GET /status/connections?tenant=globex : 200 | items.0.id=3 | -items.1
GET /status/connections?owner=alpha : 200 | items.0.id=3 | items.1.id=1 | -items.2
GET /status/connections?state=superseded : 200 | items.0.id=1 | -items.1
GET /status/connections?state=live : 200 | items.0.id=4 | items.1.id=3 | items.2.id=2 | -items.3
GET /status/connections?state=revoked : 200 | items=[] | next=null
GET /status/connections?user=jane&owner=beta : 200 | items.0.id=2 | -items.1
GET /status/connections?user=jane&owner=delta : 200 | items=[]
GET /status/connections?user=jan : 200 | items=[]
GET /status/connections?user=JANE : 200 | items=[]
GET /status/connections?user= : 200 | items.3.id=1

=== TEST: values are decoded
--- steps
connect 1 u=ja%20ne owner=a+b&c
GET /status/connections?user=ja%2520ne : 200 | items.0.id=1
GET /status/connections?owner=a%2Bb%26c : 200 | items.0.id=1
GET /status/connections?owner=a+b%26c : 200 | items=[]

=== TEST: pages
--- steps
connect 1 u=u1
connect 2 u=u2
connect 3 u=u3
connect 4 u=u4
connect 5 u=u5
GET /status/connections?limit=2 : 200 | items.0.id=5 | items.1.id=4 | -items.2 | next=4
GET /status/connections?limit=2&after=4 : 200 | items.0.id=3 | items.1.id=2 | -items.2 | next=2
GET /status/connections?limit=2&after=2 : 200 | items.0.id=1 | -items.1 | next=null
GET /status/connections?limit=2&after=1 : 200 | items=[] | next=null
GET /status/connections?limit=1000&after=18446744073709551615 : 200 | items.4.id=1
GET /status/connections?limit=2&provider=p&after=5 : 200 | items.0.id=4 | items.1.id=3 | next=3

=== TEST: a page of more rows than are read in one turn
--- steps
connect 1 u=u1 owner=odd
connect 2 u=u2 owner=even
connect 3 u=u3 owner=odd
connect 4 u=u4 owner=even
connect 5 u=u5 owner=odd
connect 6 u=u6 owner=even
connect 7 u=u7 owner=odd
connect 8 u=u8 owner=even
connect 9 u=u9 owner=odd
connect 10 u=u10 owner=even
connect 11 u=u11 owner=odd
connect 12 u=u12 owner=even
connect 13 u=u13 owner=odd
connect 14 u=u14 owner=even
connect 15 u=u15 owner=odd
connect 16 u=u16 owner=even
connect 17 u=u17 owner=odd
connect 18 u=u18 owner=even
connect 19 u=u19 owner=odd
connect 20 u=u20 owner=even
connect 21 u=u21 owner=odd
connect 22 u=u22 owner=even
connect 23 u=u23 owner=odd
connect 24 u=u24 owner=even
connect 25 u=u25 owner=odd
GET /status/connections : 200 | items.0.id=25 | items.1.id=24 | items.2.id=23 | items.3.id=22 | items.4.id=21 | items.5.id=20 | items.6.id=19 | items.7.id=18 | items.8.id=17 | items.9.id=16 | items.10.id=15 | items.11.id=14 | items.12.id=13 | items.13.id=12 | items.14.id=11 | items.15.id=10 | items.16.id=9 | items.17.id=8 | items.18.id=7 | items.19.id=6 | items.20.id=5 | items.21.id=4 | items.22.id=3 | items.23.id=2 | items.24.id=1 | -items.25 | next=null
GET /status/connections?limit=20 : 200 | items.0.id=25 | items.19.id=6 | -items.20 | next=6
GET /status/connections?limit=21 : 200 | items.20.id=5 | -items.21 | next=5
GET /status/connections?limit=10&after=6 : 200 | items.0.id=5 | items.4.id=1 | -items.5 | next=null
GET /status/connections?limit=25 : 200 | items.24.id=1 | -items.25
GET /status/connections?owner=odd : 200 | items.0.id=25 | items.12.id=1 | -items.13 | next=null
GET /status/connections?owner=odd&limit=11 : 200 | items.10.id=5 | -items.11 | next=5
HEAD /status/connections : 200 | Content-Length: \d{5} | /^$/
GET /status/events : 200 | items.0.seq=1 | items.24.seq=25 | -items.25
GET /status/events?limit=12&after=8 : 200 | items.0.seq=9 | items.11.seq=20 | -items.12 | next=20
GET /status/slots : 200 | items.24.held=1 | -items.25 | next=null

=== TEST: a page that a client takes slowly
--- config
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /status/ {
            limit_rate 2k;
            oauth_status;
        }
--- steps
connect 1 u=u1
connect 2 u=u2
connect 3 u=u3
connect 4 u=u4
connect 5 u=u5
connect 6 u=u6
GET /status/connections : 200 | items.0.id=6 | items.5.id=1 | -items.6 | next=null
GET /status/connections?limit=5 : 200 | items.0.id=6 | items.4.id=2 | -items.5 | next=2
--- log_unlike
header already sent

=== TEST: past its end is not live
--- provider
    user                $oauth_response_user;
    limit               1 per user client;
    refresh_expires_in  1;
    expires_in          1;
--- steps
connect 1 u=jane
GET /status/connections?state=live : 200 | items.0.id=1
    sleep 1.1
GET /status/connections?state=live : 200 | items=[]
GET /status/connections : 200 | items.0.state=expired
GET /status/slots : 200 | items.0.held=0 | items.0.next_evicted=null

=== TEST: parameters that cannot be used
--- steps
GET /status/connections?limit=0 : 400 | Content-Type: application/problem\+json | type=urn:oauth-gateway:invalid-parameter | status=400
GET /status/connections?limit=1001 : 400 | detail~limit
GET /status/connections?limit=1000 : 200
GET /status/connections?limit=-1 : 400
GET /status/connections?limit=1x : 400
GET /status/connections?limit=01 : 400
GET /status/connections?limit=99999999999999999999999 : 400
GET /status/connections?after=x : 400 | detail~after
GET /status/connections?after=-1 : 400
GET /status/connections?after=0 : 200
GET /status/connections?after=18446744073709551616 : 400
GET /status/connections?state=dead : 400
GET /status/connections?state=Live : 400
GET /status/connections?nothing=1 : 400 | detail~not known
GET /status/connections?user=a&user=b : 400 | detail~repeated
GET /status/connections?user=a&user=a : 400
GET /status/connections?user=%zz : 400 | detail~malformed
GET /status/connections?user=%ff : 400
GET /status/connections?resource=a&resource=b : 400
GET /status/connections?user={{x x 255}} : 200 | items=[]
GET /status/connections?user={{x x 256}} : 400
GET /status/connections/1?x=1 : 400
GET /status/slots?contested=2 : 400
GET /status/slots?contested=0 : 200
GET /status/slots?user=jane : 400
GET /status/slots?limit=0 : 400
GET /status/slots?limit=1001 : 400
GET /status/slots?after=1 : 400 | detail~after
GET /status/slots?after={{00 x 16}} : 200
GET /status/slots?after={{0g x 16}} : 400
GET /status/slots?after={{00 x 17}} : 400
GET /status/slots?contested=1&after={{00 x 16}} : 400
GET /status/slots?contested=1&after={{00 x 24}} : 200

=== TEST: slots: fill, and whom the next connect would end
--- steps
connect 1 u=jane o=acme owner=alpha path=/other
GET /status/slots : 200 | items.0.provider=q | items.0.limit.n=2 | items.0.limit.per.0=tenant | items.0.keys.tenant=acme | items.0.held=1
:   200 | items.0.next_evicted=null | items.0.contested=false | items.0.history=[] | items.0.id~^[0-9a-f]{32}$ | -items.1 | next=null
connect 2 u=john o=acme owner=beta path=/other
GET /status/slots : 200 | items.0.held=2 | items.0.next_evicted.connection=1 | items.0.next_evicted.owner=alpha
connect 3 u=jill o=acme owner=gamma path=/other
GET /status/slots : 200 | items.0.held=2 | items.0.next_evicted.connection=2 | items.0.history.0.winner.connection=3 | items.0.history.0.loser.owner=alpha

=== TEST: pages of slots
--- steps
connect 1 u=u1
connect 2 u=u2
connect 3 u=u3
GET /status/slots?limit=1 : 200 | items.0.id~. | -items.1 | next~^[0-9a-f]{32}$
GET /status/slots?limit=3 : 200 | items.2.keys.client=app | -items.3

=== TEST: contested slots
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
connect 3 u=john owner=alpha
connect 4 u=john owner=beta
GET /status/slots?contested=1 : 200 | items=[]
connect 5 u=jane owner=alpha
connect 6 u=jane owner=beta
GET /status/slots?contested=1 : 200 | items.0.keys.user=jane | items.0.contested=true | -items.1
:   200 | items.0.history.0.winner.owner=beta | items.0.history.0.loser.owner=alpha | items.0.history.0.at~Z$
:   200 | items.0.history.2.winner.connection=2 | items.0.history.2.loser.connection=1 | -items.0.history.3
GET /status/slots?contested=0 : 200 | items.1.id~.
GET /status/slots?contested=1&limit=1 : 200 | items.0.contested=true | next~^[0-9a-f]{48}$

=== TEST: a limit by a variable
--- config
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /status/ {
            oauth_status;
        }
--- provider
    user    $oauth_response_user;
    limit   1 per user $arg_region scope;
--- steps
connect 1 u=jane region=eu s=read
GET /status/slots : 200 | items.0.keys.scope=read | items.0.limit.per=["user","$arg_region","scope"] | /"\$arg_region":"eu"/
