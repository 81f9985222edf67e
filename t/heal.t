# Heal: the tokens of a live connection in place of dead ones.
use lib 't';
use OAuthGateway;
use Flights;

use MIME::Base64 ();

# the client's secret, in the body and in the header
our $secret = '+client_secret=canary-secret';
our $basic = '@Authorization=Basic%20'
             . MIME::Base64::encode_base64('app:canary-secret', '');

add_block_preprocessor(sub {
    my ($block) = @_;
    my $slow = '    upstream slow { server unix:' . html('slow.sock') . '; }';

    $block->set_value(http_config => ($block->http_config // '') . <<"END");
$slow
    server {
        listen unix:@{[html('gw.sock')]};
        access_log off;

        location ~ ^/slow {
            oauth_token_endpoint p heal;
            add_header X-Action \$oauth_action always;
            proxy_pass http://slow;
        }
    }
END

    $block->set_value(steps => $block->steps =~ s/ S\b/ $secret/gr
                                             =~ s/ B\b/ $basic client=/gr)
        if defined $block->steps;

    # a tenant that is configured must be known, and here none is

    $block->set_value(provider => <<'END') if !defined $block->provider;
        user   $oauth_response_user;
        limit  1 per user client;
END

    return if defined $block->config;

    $block->set_value(config => <<'END');
        location = /token {
            oauth_token_endpoint p heal;
            add_header X-Action $oauth_action always;
            proxy_pass http://provider;
        }

        location /api {
            oauth_guard p heal;
            proxy_set_header X-Connection $oauth_connection;
            proxy_set_header X-Verdict $oauth_verdict;
            proxy_set_header X-Action $oauth_action;
            add_header X-Sent $http_authorization always;
            proxy_pass http://provider;
        }
END
});

run_tests();

__DATA__

=== TEST: a call with a superseded token goes out with the live one
--- steps
connect 1 u=jane owner=alpha S
connect 2 u=jane owner=beta S
call 2
:      200 | action=pass | !OAuth-Connection-Status
call 1 : 200 | authorization=Bearer at-canary-2 | verdict=superseded | -error
:      200 | action=heal
:      200 | OAuth-Connection-Status: healed; connection="\d+"; superseded-by="\d+"; owner="beta"
--- log_like
oauth gateway healed a call of connection "\d+" of "p" with the token of connection "\d+"

=== TEST: the scheme stays as the runner wrote it
--- steps
connect 1 u=jane S
connect 2 u=jane S
GET /api/x : 200 | authorization=OAuth at-canary-2
| Authorization: OAuth at-canary-1
GET /api/x : 200 | authorization=bearer  at-canary-2
| Authorization: bearer  at-canary-1

=== TEST: a DPoP token is its runner's own
--- steps
connect 1 u=jane S
connect 2 u=jane S
GET /api/x : 409 | type=urn:oauth-gateway:superseded
| Authorization: DPoP at-canary-1

=== TEST: a refresh token is not exchanged for an access token at an API
--- provider
    user   $oauth_response_user;
    limit  1 per user client;
    replay 0;
--- steps
connect 1 u=jane S
refresh 1 as=2 S
connect 3 u=jane S
refresh 3 as=4 S
GET /api/x : 409 | type=urn:oauth-gateway:superseded
| Authorization: Bearer rt-canary-1
GET /api/x : 409 | type=urn:oauth-gateway:superseded
| Authorization: Bearer rt-canary-2
GET /api/x : 200 | authorization=Bearer rt-canary-3
| Authorization: Bearer rt-canary-3

=== TEST: the newest of several in a row
--- steps
connect 1 u=jane S
connect 2 u=jane S
connect 3 u=jane S
call 1 : 200 | authorization=Bearer at-canary-3 | -error
call 2 : 200 | authorization=Bearer at-canary-3 | -error

=== TEST: reject does as it always did, and nothing is kept for it
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane S
connect 2 u=jane S
call 1 : 409 | type=urn:oauth-gateway:superseded
refresh 1 as=9 S : 400 | error=invalid_grant

=== TEST: the mode may come from a variable, connection by connection
--- http_config
    map $http_x_mode $mode { default $http_x_mode; }
--- config
    location = /token {
        oauth_token_endpoint p $mode;
        proxy_pass http://provider;
    }

    location /api {
        oauth_guard p $mode;
        proxy_set_header X-Action $oauth_action;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane S
connect 2 u=jane S
call 1 @X-Mode=heal : 200 | authorization=Bearer at-canary-2 | action=heal | -error
call 1 @X-Mode=reject : 409
refresh 1 as=9 @X-Mode=heal S : 200 | access_token=at-canary-2 | -error
refresh 1 as=9 @X-Mode=reject S : 400 | error=invalid_grant
call 1 @X-Mode=flag : 200 | authorization=Bearer at-canary-1 | action=flag

=== TEST: a public client's tokens are not lent
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409 | type=urn:oauth-gateway:superseded
refresh 1 as=9 : 400 | error=invalid_grant

=== TEST: an empty secret is none
--- steps
connect 1 u=jane +client_secret=
connect 2 u=jane +client_secret=
call 1 : 409

=== TEST: other users, tenants and clients are never healed from one another
--- provider
    user   $oauth_response_user;
    tenant $oauth_response_tenant;
    limit  1 per $http_x_pool;
--- steps
connect 1 u=jane o=acme @X-Pool=a S
connect 2 u=john o=acme @X-Pool=a S
call 1 : 409
connect 3 u=jane o=acme @X-Pool=b S
connect 4 u=jane o=other @X-Pool=b S
call 3 : 409
connect 5 u=jane o=acme @X-Pool=c S
connect 6 u=jane o=acme @X-Pool=c S client=another
call 5 : 409
connect 7 u=jane o=acme @X-Pool=d S
connect 8 u=jane @X-Pool=d S
call 7 : 409
connect 9 u=jane o=acme @X-Pool=e S
connect 10 u=jane o=acme @X-Pool=e S
call 9 : 200 | authorization=Bearer at-canary-10 | -error

=== TEST: scopes are covered, or it is not healed
--- steps
connect 1 u=jane scope=read S
connect 2 u=jane scope=write%20read S
call 1 : 200 | authorization=Bearer at-canary-2 | -error
connect 3 u=jane scope=read S
call 2 : 409
call 1 : 200 | authorization=Bearer at-canary-3 | -error

=== TEST: a refresh asks for no more than its own connection had
--- steps
connect 1 u=jane scope=read S
connect 2 u=jane scope=write%20read S
refresh 1 as=9 scope=write S : 400 | error=invalid_grant
refresh 1 as=9 scope=read%20write S : 400 | error=invalid_grant
refresh 1 as=9 scope=read S : 200 | access_token=at-canary-9 | -error
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=9

=== TEST: a connection opened without a secret is not healed in its calls
--- steps
connect 1 u=jane
connect 2 u=jane S
call 1 : 409 | type=urn:oauth-gateway:superseded
refresh 1 as=9 : 400 | error=invalid_grant

=== TEST: revoked, broken and undecided connections are not healed
--- config
    location = /token { oauth_token_endpoint p heal; proxy_pass http://provider; }
    location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p heal; oauth_broken reject; proxy_pass http://provider; }
--- steps
connect 1 u=jane S
POST /revoke : 200
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1
connect 2 u=jane S
call 1 : 409 | type=urn:oauth-gateway:revoked
refresh 1 as=9 S : 400 | error=invalid_grant
refresh 2 as=8 fail=1 S : 400
call 2 : 409 | type=urn:oauth-gateway:broken
connect 3 u=jane S
call 2 : 409

=== TEST: no live connection of that identity, no heal
--- config
    location = /token { oauth_token_endpoint p heal; proxy_pass http://provider; }
    location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p heal; proxy_pass http://provider; }
--- steps
connect 1 u=jane S
connect 2 u=jane S
POST /revoke : 200
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-2
call 1 : 409 | type=urn:oauth-gateway:superseded
refresh 1 as=9 S : 400 | error=invalid_grant

=== TEST: a token that has run out goes on and is refreshed
--- steps
connect 1 u=jane e=1 S
connect 2 u=jane S
call 1 : 200 | authorization=Bearer at-canary-2 | -error
sleep 1.2
call 1 : 200 | authorization=Bearer at-canary-1 | action=flag | -error

=== TEST: a live token that has run out is not lent
--- steps
connect 1 u=jane S
connect 2 u=jane e=1 S
sleep 1.2
call 1 : 200 | authorization=Bearer at-canary-1 | action=flag | -error
:      200 | OAuth-Connection-Status: superseded;

=== TEST: without a refresh token beside it the call is refused
--- steps
connect 1 u=jane r=none S
connect 2 u=jane r=none e=1 S
call 1 : 200 | authorization=Bearer at-canary-2 | -error
sleep 1.2
call 1 : 409 | type=urn:oauth-gateway:superseded

=== TEST: an access token that a refresh has ended is replaced
--- provider
    user   $oauth_response_user;
    limit  1 per user client;
    refresh_ends_access on;
--- steps
connect 1 u=jane S
refresh 1 as=2 S
call 1 : 200 | authorization=Bearer at-canary-2 | verdict=rotated | -error
:      200 | action=heal | OAuth-Connection-Status: healed; connection="\d+"
call 2 : 200 | action=pass

=== TEST: the provider calls the lent token dead: the lender learns it
--- config
    location = /token { oauth_token_endpoint p heal; proxy_pass http://provider; }
    location /api { oauth_guard p heal; proxy_pass http://provider; }
--- steps
connect 1 u=jane S
connect 2 u=jane S
call 1 /api/dead : 401
sleep 0.3
call 1 : 200 | authorization=Bearer at-canary-1 | -error
call 2 : 200
--- log_like
has an access token that the provider calls dead

=== TEST: a header of the runner's own can be replaced
--- config
    location = /token { oauth_token_endpoint p heal; proxy_pass http://provider; }
    location /api {
        oauth_guard p heal;
        oauth_token_from $http_x_shopify_access_token;
        proxy_set_header Authorization $http_x_shopify_access_token;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane S
connect 2 u=jane S
GET /api/x : 200 | authorization=at-canary-2
| X-Shopify-Access-Token: at-canary-1
GET /api/x : 200 | authorization=at-canary-2
| X-Shopify-Access-Token: at-canary-2

=== TEST: what the client sent is what the log tells
--- http_config
    log_format sent '$uri sha=$sent_digest';
    map $http_authorization $sent_digest {
        "Bearer at-canary-1"  one;
        "Bearer at-canary-2"  two;
        default               none;
    }
--- config
    location = /token { oauth_token_endpoint p heal; proxy_pass http://provider; }
    location /api {
        access_log html/sent.log sent;
        oauth_guard p heal;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane S
connect 2 u=jane S
call 1 : 200 | authorization=Bearer at-canary-2 | -error
sleep 0.1
--- file_like
sent.log
^/api/x sha=one$
--- file_unlike
sent.log
sha=two

=== TEST: auth modules see what the client sent
--- config
    location = /token { oauth_token_endpoint p heal; proxy_pass http://provider; }
    location = /auth { internal; proxy_pass http://provider/seen; }
    location /api {
        oauth_guard p heal;
        auth_request /auth;
        proxy_pass http://provider;
    }
--- mock
        location = /seen {
            if ($http_authorization != "Bearer at-canary-1") { return 403; }
            return 204;
        }
--- steps
connect 1 u=jane S
connect 2 u=jane S
call 1 : 200 | authorization=Bearer at-canary-2 | -error
call 2 : 403

=== TEST: users who may hold nothing are not healed
--- provider
    user   $oauth_response_user;
    limit  1 per user client;
    integration_users robot;
    other_users reject;
--- steps
connect 1 u=robot S
connect 2 u=robot S
call 1 : 200 | authorization=Bearer at-canary-2 | -error
connect 3 u=jane S
connect 4 u=jane S
call 3 : 409

=== TEST: heal and a token that cannot be replaced
--- config
    location /api {
        oauth_guard p heal;
        oauth_token_from $http_a $http_b;
        proxy_pass http://provider;
    }
--- message
"oauth_guard p heal" can replace a token in the Authorization field or in one \$http_NAME

=== TEST: heal and a form field
--- config
    location /api {
        oauth_guard p heal;
        oauth_token_from form=token;
        proxy_pass http://provider;
    }
--- message
"oauth_guard p heal" can replace a token in the Authorization field or in one \$http_NAME

=== TEST: no mode but these
--- config
    location /api { oauth_guard p cure; proxy_pass http://provider; }
--- message
invalid mode "cure": it can be "flag", "reject", "heal" or a variable

=== TEST: heal stands nowhere else
--- config
    location /api { oauth_guard p; oauth_unknown heal; proxy_pass http://provider; }
--- message
invalid mode "heal": it can be "pass", "flag", "reject" or a variable

=== TEST: a superseded refresh token is answered from the live connection
--- steps
connect 1 u=jane owner=alpha S
connect 2 u=jane owner=beta S
refresh 1 as=9 S : 200 | access_token=at-canary-2 | refresh_token=rt-canary-1 | -error
:      200 | expires_in~^3[56]\d\d$ | user=jane | X-Action: heal
:      200 | OAuth-Connection-Status: healed; connection="\d+"; superseded-by="\d+"; owner="beta" | Cache-Control: no-store
call 2 : 200 | action=pass
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
GET /api/x
--- log_like
oauth gateway answered a refresh of connection "\d+" of "p" from connection "\d+"

=== TEST: a stolen refresh token gets nothing without the client's secret
--- steps
connect 1 u=jane S
connect 2 u=jane S
refresh 1 as=9 : 400 | error=invalid_grant
refresh 1 as=9 +client_secret=canary-guess : 400 | error=invalid_grant
refresh 1 as=9 client=another S : 400 | error=invalid_grant
refresh 1 as=9 client= @Authorization=Basic%20YXBwOmNhbmFyeQ== : 400 | error=invalid_grant
refresh 1 as=9 client= @Authorization=Basic%20YXBwOg== : 400 | error=invalid_grant
refresh 1 as=9 S @DPoP=canary : 400 | error=invalid_grant
refresh 1 as=9 S : 200 | access_token=at-canary-2 | -error
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: the authentication that was accepted for its own connection will do
--- steps
connect 1 u=jane B
connect 2 u=jane client=app S
refresh 1 as=9 B : 200 | access_token=at-canary-2 | refresh_token=rt-canary-1 | -error
refresh 1 as=9 S : 200 | access_token=at-canary-2 | -error

=== TEST: so it will when the secret has changed
--- steps
connect 1 u=jane +client_secret=old-canary
connect 2 u=jane S
refresh 1 as=9 +client_secret=old-canary : 200 | access_token=at-canary-2 | -error
refresh 1 as=9 S : 200 | access_token=at-canary-2 | -error
refresh 1 as=9 +client_secret=canary-guess : 400 | error=invalid_grant

=== TEST: runners of one client may show its secret each in its own way
--- steps
connect 1 u=jane scope=read S
connect 2 u=jane scope=read B
refresh 1 as=3 +scope=read S : 200 | access_token=at-canary-3 | refresh_token=rt-canary-1 | X-Action: heal
refresh 2 as=4 B : 200 | access_token=at-canary-4 | refresh_token=rt-canary-2 | X-Action: heal
refresh 2 as=4 S : 200 | access_token=at-canary-4 | refresh_token=rt-canary-2 | X-Action: heal
refresh 2 as=9 client= @Authorization=Basic%20YXBwOmNhbmFyeQ== : 400 | error=invalid_grant

=== TEST: the current token is refreshed as ever
--- steps
connect 1 u=jane S
refresh 1 as=2 S : 200 | access_token=at-canary-2 | refresh_token=rt-canary-2 | -error
:      200 | X-Action: forward | !OAuth-Connection-Status

=== TEST: a token rotated long ago is answered from its own connection
--- provider
    user   $oauth_response_user;
    limit  1 per user client;
    replay 0;
--- steps
connect 1 u=jane S
refresh 1 as=2 S
refresh 1 as=9 S : 200 | access_token=at-canary-2 | refresh_token=rt-canary-1 | -error
:      200 | X-Action: heal | OAuth-Connection-Status: healed; connection="\d+"
refresh 2 as=3 S
refresh 1 as=9 S : 200 | access_token=at-canary-3 | refresh_token=rt-canary-1 | -error
refresh 1 as=9 : 400 | error=invalid_grant

=== TEST: inside the replay window the same answer comes again
--- steps
connect 1 u=jane S
refresh 1 as=2 S
refresh 1 as=9 S : 200 | access_token=at-canary-2 | refresh_token=rt-canary-2 | -error
:      200 | X-Action: replay | !OAuth-Connection-Status

=== TEST: but not with an access token that has run out
--- steps
connect 1 u=jane S
refresh 1 as=2 e=1 S : 200 | X-Action: forward
sleep 1.3
refresh 1 as=3 S : 200 | access_token=at-canary-3 | refresh_token=rt-canary-1 | -error
:      200 | X-Action: heal
call 3 : 200 | action=pass

=== TEST: it is better than nothing where heal is not for a client
--- steps
connect 1 u=jane
refresh 1 as=2 e=1 : 200 | X-Action: forward
sleep 1.3
refresh 1 as=2 : 200 | expires_in=0 | refresh_token=rt-canary-2 | X-Action: replay

=== TEST: near its end a token is not handed out: one exchange, and no other
--- steps
connect 1 u=jane S
connect 2 u=jane e=4 S
sleep 3.2
--- check
slow_provider(delay => 0.5, answer => sub {
    my ($body, $n) = @_;

    return (200, qq({"access_token":"at-canary-s$n","refresh_token":"rt-canary-s$n",)
                 . qq("expires_in":600,"token_type":"Bearer"}));
});

my @one = map { refresh_of(1, body => 'client_secret=canary-secret') } 1 .. 12;
my @answers = together(@one);
my @seen = seen();

is(scalar @seen, 1, 'one exchange');
like($seen[0]{body}, qr/refresh_token=rt-canary-2(&|$)/, 'of the live one');
like($seen[0]{body}, qr/client_secret=canary-secret/, 'by the same client');
unlike($seen[0]{body}, qr/rt-canary-1\b/, 'the superseded one is not shown');
is(statuses(@answers), join(' ', (200) x 12), 'all are answered');
is(distinct('access_token', @answers), 'at-canary-s1', 'with the new token');
is(distinct('refresh_token', @answers), 'rt-canary-1', 'and what they presented');
is(scalar(grep { $_->{action} eq 'heal' } @answers), 12, 'all are healed');

my ($live) = together(refresh_of(2, body => 'client_secret=canary-secret'));
is($live->{json}{access_token}, 'at-canary-s1', 'the loser of the race too');
is(scalar(seen()), 1, 'still one exchange');
stop_providers();

=== TEST: a request for less has an exchange of its own, and lends nothing
--- steps
connect 1 u=jane scope=read%20write S
connect 2 u=jane scope=read%20write S
--- check
slow_provider(delay => 0.05, answer => sub {
    my ($body, $n) = @_;

    return (200, qq({"access_token":"at-canary-s$n","refresh_token":"rt-canary-s$n",)
                 . qq("expires_in":600,"token_type":"Bearer"}));
});

my @how = (body => 'client_secret=canary-secret');
my ($less) = together(refresh_of(1, body => 'client_secret=canary-secret&scope=read'));
is($less->{json}{access_token}, 'at-canary-s1', 'less');
is($less->{json}{refresh_token}, 'rt-canary-1', 'what was presented');
like((seen())[0]{body}, qr/refresh_token=rt-canary-2&.*scope=read|scope=read&.*refresh_token=rt-canary-2/,
     'the live token, the same scope');

my ($all) = together(refresh_of(1, @how));
is($all->{json}{access_token}, 'at-canary-s2', 'all of it is another exchange');
like((seen())[1]{body}, qr/refresh_token=rt-canary-s1\b/, 'of the newest token');

my ($again) = together(refresh_of(1, @how));
is($again->{json}{access_token}, 'at-canary-s2', 'which is lent');
is(scalar(seen()), 2, 'two exchanges');
stop_providers();

=== TEST: the provider refuses the live token: nobody is healed
--- steps
connect 1 u=jane S
connect 2 u=jane e=1 S
sleep 1
--- check
slow_provider(delay => 0.05, answer => sub {
    return (400, '{"error":"invalid_grant"}');
});

my @one = map { refresh_of(1, body => 'client_secret=canary-secret') } 1 .. 5;
my @answers = together(@one);

is(statuses(@answers), '400 400 400 400 400', 'all are refused');
is(distinct('error', @answers), 'invalid_grant', 'as OAuth says it');
is(scalar(seen()), 1, 'the provider was asked once');
unlike(join('', map { $_->{header} } @answers), qr/healed/, 'and none is marked');
stop_providers();

=== TEST: a token in the query string stays out of URIs
--- steps
connect 1 u=jane S
connect 2 u=jane e=1 S
sleep 1
POST /token?t=9&refresh_token=rt-canary-1 : 400 | error=invalid_grant
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&client_id=app&client_secret=canary-secret

=== TEST: a JSON body
--- steps
connect 1 u=jane S
connect 2 u=jane S
POST /token?t=9 : 200 | access_token=at-canary-2 | refresh_token=rt-canary-1
| Content-Type: application/json
> {"grant_type":"refresh_token","client_id":"app","client_secret":"canary-secret","refresh_token":"rt-canary-1"}

=== TEST: after a reload, too
--- steps
connect 1 u=jane S
connect 2 u=jane S
reload
call 1 : 200 | authorization=Bearer at-canary-2 | -error
refresh 1 as=9 S : 200 | access_token=at-canary-2 | -error

=== TEST: a provider without identities
--- provider
    limit 1 per client;
--- steps
connect 1 S
connect 2 S
call 1 : 409
--- log_like
"heal" needs "user" or "tenant" in oauth_provider "p"
