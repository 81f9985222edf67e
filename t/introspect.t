# RFC 7662 below oauth_status: what the ledger says of a token.
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
        location = /revoke {
            oauth_revocation_endpoint p;
            proxy_pass http://provider;
        }
        location /api {
            oauth_guard p;
            proxy_pass http://provider;
        }
        location /status/ {
            oauth_status;
        }
END
    }
});

our $form = 'Content-Type: application/x-www-form-urlencoded';

run_tests();

__DATA__

=== TEST: an active token
--- steps
connect 1 u=jane o=acme s=read owner=alpha
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1
: 200 | Content-Type: application/json | Cache-Control: no-store | active=true | reason=active | sub=jane | client_id=app | scope=read
: 200 | exp~^\d{10}$ | token_use=access_token | undecided=false | connection.id=1 | connection.owner=alpha | connection.state=live
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1&token_type_hint=refresh_token
: 200 | active=true | token_use=refresh_token | connection.id=1

=== TEST: one that was superseded
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1
: 200 | active=false | reason=superseded | connection.superseded_by=2

=== TEST: one that was rotated
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
: 200 | active=false | reason=rotated | rotated_at~Z$
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-2
: 200 | active=true

=== TEST: one that is unknown
--- steps
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded; charset=UTF-8
> token=at-canary-9
: 200 | active=false | reason=unknown | -connection | -sub

=== TEST: an expired one
--- steps
connect 1 u=jane e=1
    sleep 1.2
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1
: 200 | active=false | reason=expired

=== TEST: chunked
--- steps
connect 1 u=jane
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=at-ca
> nary-1
chunked
: 200 | active=true

=== TEST: other members are the client's own business
--- steps
connect 1 u=jane
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> client_id=me&token=at-canary-1&client_secret=x-canary
: 200 | active=true

=== TEST: no token, two tokens
--- steps
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> a=b
: 400 | type=urn:oauth-gateway:invalid-parameter | Content-Type: application/problem\+json
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=
: 400
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1&token=at-canary-1
: 400
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=%zz
: 400
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
: 400

=== TEST: no form
--- steps
POST /status/introspect
| Content-Type: application/json
> {"token":"at-canary-1"}
: 415 | type=urn:oauth-gateway:unsupported-type
POST /status/introspect
> token=at-canary-1
: 415

=== TEST: not in the query string
--- steps
POST /status/introspect?x=at
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1
: 400

=== TEST: as long as a token may be
--- steps
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token={{x x 16384}}
: 200 | reason=unknown
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token={{x x 16385}}
: 400

=== TEST: as large as a body may be
--- steps
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1&x={{x x 65516}}
: 200 | reason=unknown
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1&x={{x x 65517}}
: 413 | type=urn:oauth-gateway:too-large
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-1&x={{x x 40000}}
> {{x x 40000}}
chunked
: 413

=== TEST: only a POST, and only from here
--- steps
GET /status/introspect : 405 | Allow: POST
POST /status/introspect
| Content-Type: application/x-www-form-urlencoded
| Origin: https://evil.example
> token=at-canary-1
: 403
