# Replay: the same refresh again gets the same answer, for a while, and only
# the one who got it the first time.
use lib 't';
use OAuthGateway;

use JSON::PP ();
use MIME::Base64 ();
use Time::HiRes ();

# a DPoP proof (RFC 9449) with a key of that name; nobody verifies it here
sub proof ($$)
{
    my ($key, $n) = @_;

    return join '.', map({ MIME::Base64::encode_base64url(
                               JSON::PP->new->canonical->encode($_)) }
                         { typ => 'dpop+jwt', alg => 'ES256',
                           jwk => { kty => 'EC', crv => 'P-256',
                                    x => "x-$key", y => "y-$key" } },
                         { jti => "proof-$n", htm => 'POST' }),
                     'canaryAA';
}


sub assertion ($)
{
    return jwt { iss => 'app', sub => 'app', jti => $_[0] };
}


add_block_preprocessor(sub {
    my ($block) = @_;

    return if defined $block->config;

    $block->set_value(config => <<'END');
        location /token {
            oauth_token_endpoint p;
            add_header X-Action $oauth_action always;
            rewrite ^ /token break;
            proxy_pass http://provider;
        }

        location /api {
            oauth_guard p;
            proxy_set_header X-Connection $oauth_connection;
            proxy_set_header X-Verdict $oauth_verdict;
            proxy_pass http://provider;
        }
END
});

run_tests();

__DATA__

=== TEST: the same request gets the same tokens, once more and again
--- steps
connect 1 u=jane
call 1 : 200 | connection>first
refresh 1 as=2 u=jane : 200 | X-Action: forward
refresh 1 as=8 u=jane : 200 | /"access_token":"at-canary-2","refresh_token":"rt-canary-2"/
:       200 | X-Action: replay | Content-Type: application/json
:       200 | Cache-Control: no-store | Pragma: no-cache | !OAuth-Connection-Status
refresh 1 as=9 u=jane : 200 | /"access_token":"at-canary-2"/ | X-Action: replay
call 2 : 200 | connection=<first> | verdict=active
call 8 : 200 | verdict=unknown
refresh 2 as=3 u=jane : 200 | X-Action: forward
--- provider_saw
POST /token?t=1&u=jane
GET /api/x
POST /token?t=2&u=jane
GET /api/x
GET /api/x
POST /token?t=3&u=jane

=== TEST: a code is not a refresh and is never replayed
--- steps
connect 1 u=jane
POST /token?t=2&u=jane
| Content-Type: application/x-www-form-urlencoded
> grant_type=authorization_code&code=code-canary-1&client_id=app
: 200 | access_token=at-canary-2 | X-Action: forward
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: a form and JSON of one content are the same request
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
POST /token?t=9&u=jane
| Content-Type: application/json
> {"client_id":"app","refresh_token":"rt-canary-1","grant_type":"refresh_token"}
: 200 | access_token=at-canary-2 | X-Action: replay
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: the bytes are the provider's own while nothing has to be changed
--- mock
    location = /odd {
        return 200 '{ "access_token" : "at-canary-$arg_t",\n  "n":1.50, "z":[ ], "refresh_token":"rt-canary-$arg_t" }';
    }
--- config
    location = /odd {
        oauth_token_endpoint p;
        add_header X-Action $oauth_action always;
        proxy_pass http://provider;
    }
--- steps
connect 1 path=/odd
refresh 1 as=2 path=/odd
: 200 | /^\{ "access_token" : "at-canary-2",\n  "n":1\.50, "z":\[ \], "refresh_token":"rt-canary-2" \}$/
sleep 1.1
refresh 1 as=9 path=/odd
: 200 | /^\{ "access_token" : "at-canary-2",\n  "n":1\.50, "z":\[ \], "refresh_token":"rt-canary-2" \}$/
: 200 | X-Action: replay

=== TEST: with a lifetime they are so within the same second
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/html/gw.sock;
        access_log off;
        location /  { oauth_token_endpoint p; proxy_pass http://provider; }
    }
--- mock
    location = /odd {
        return 200 '{"access_token":"at-canary-$arg_t", "refresh_token":"rt-canary-$arg_t",  "expires_in" : 3600 }';
    }
--- steps
connect 1 : 200
--- check
my ($n, $one, $two, $took) = (1);

for (1 .. 10) {
    my @form = ('-d', "grant_type=refresh_token&client_id=app"
                      . "&refresh_token=rt-canary-$n");
    my $from = Time::HiRes::time();

    $n++;
    ($one, $two) = map { curl('gw.sock', @form, "http://l/odd?t=$n") =~ s/.*?\n\n//sr }
                       1, 2;
    last if ($took = Time::HiRes::time() - $from) < 0.9;
}

cmp_ok($took, '<', 0.9, 'both within a second');
like($one, qr/"expires_in" : 3600 \}/, 'an answer');
is($two, $one, 'the same, to the last space');

=== TEST: expires_in shrinks with the age
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane : 200 | expires_in=3600
sleep 2.1
refresh 1 as=2 u=jane : 200 | expires_in~^359[678]$ | user=jane | token_type=Bearer
:       200 | refresh_token=rt-canary-2 | X-Action: replay
call 2 : 200 | verdict=active

=== TEST: expires_in never goes below nothing
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane e=1 : 200 | expires_in=1
sleep 2.1
refresh 1 as=2 u=jane e=1 : 200 | expires_in=0 | X-Action: replay

=== TEST: an access token that has run out is got anew while the refresh token stands
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1 e=1 : 200 | X-Action: forward
sleep 1.3
refresh 1 as=3 u=jane r=1 : 200 | access_token=at-canary-3 | expires_in=3600 | X-Action: forward
refresh 1 as=3 u=jane r=1 : 200 | access_token=at-canary-3 | X-Action: replay

=== TEST: a lifetime of nothing is none
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1 e=0 : 200 | expires_in=0
sleep 1.1
refresh 1 as=2 u=jane r=1 : 200 | access_token=at-canary-2 | X-Action: replay

=== TEST: expires_in as a string stays a string
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane e="3600" : 200 | /"expires_in":"3600"/
sleep 1.1
refresh 1 as=2 u=jane : 200 | /"expires_in":"359[789]"/ | X-Action: replay

=== TEST: an expires_in that is no number is left alone
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane e="soon" : 200 | /"expires_in":"soon"/
sleep 1.1
refresh 1 as=2 u=jane : 200 | /"expires_in":"soon"/ | X-Action: replay

=== TEST: a form answer is replayed as a form
--- config
    location = /form {
        oauth_token_endpoint p;
        add_header X-Action $oauth_action always;
        proxy_pass http://provider;
    }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
--- mock
    location = /form {
        default_type application/x-www-form-urlencoded;
        return 200 'access_token=at-canary-$arg_t&refresh_token=rt-canary-$arg_t&expires_in=28800&scope=a%2Cb&token_type=bearer';
    }
--- steps
connect 1
refresh 1 as=2 path=/form : 200 | /^access_token=at-canary-2&refresh_token=rt-canary-2&expires_in=28800&scope=a%2Cb&token_type=bearer$/
sleep 1.1
refresh 1 as=9 path=/form : 200 | Content-Type: application/x-www-form-urlencoded | X-Action: replay
: 200 | /(^|&)access_token=at-canary-2(&|$)/ | /(^|&)expires_in=2879[789](&|$)/
: 200 | /(^|&)scope=a%2Cb(&|$)/ | /(^|&)refresh_token=rt-canary-2(&|$)/

=== TEST: a compressed answer is replayed plain
--- mock
    location = /z {
        gzip on;
        gzip_min_length 1;
        gzip_types application/json;
        gzip_http_version 1.0;
        return 200 '{"access_token":"at-canary-$arg_t","refresh_token":"rt-canary-$arg_t","user":"jane"}';
    }
--- config
    location = /z { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
--- steps
connect 1
refresh 1 as=2 path=/z @Accept-Encoding=gzip : 200 | Content-Encoding: gzip | /^\x1f\x8b/
refresh 1 as=9 path=/z @Accept-Encoding=gzip : 200 | !Content-Encoding | /^\{"access_token":"at-canary-2"/

=== TEST: response_set is applied for each caller
--- provider
    user          $oauth_response_user;
    response_set  user "$oauth_response_user at $arg_h";
--- steps
connect 1 u=jane h=one : 200 | user=jane at one
refresh 1 as=2 u=jane h=two : 200 | user=jane at two
refresh 1 as=2 u=jane h=three : 200 | user=jane at three | X-Action: replay
refresh 1 as=2 u=jane h=four : 200 | user=jane at four | X-Action: replay

=== TEST: an answer that repeats or omits the refresh token is replayed, too
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1
refresh 1 as=9 u=jane r=1 : 200 | /"access_token":"at-canary-2"/ | X-Action: replay
connect 3 u=john
refresh 3 as=4 u=john r=none
refresh 3 as=9 u=john r=none : 200 | /"access_token":"at-canary-4"/ | X-Action: replay
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane&r=1
POST /token?t=3&u=john
POST /token?t=4&u=john&r=none

=== TEST: only the token before the current one
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 2 as=3 u=jane
refresh 2 as=9 u=jane : 200 | /"access_token":"at-canary-3"/ | X-Action: replay
refresh 1 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:rotated | X-Action: reject
refresh 3 as=4 u=jane
refresh 2 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:rotated
refresh 3 as=9 u=jane : 200 | /"access_token":"at-canary-4"/ | X-Action: replay
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=jane
POST /token?t=4&u=jane

=== TEST: a replay does not prolong its own window
--- provider
    user    $oauth_response_user;
    replay  2s;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
sleep 1.2
refresh 1 as=9 u=jane : 200 | /"access_token":"at-canary-2"/ | X-Action: replay
sleep 1.2
refresh 1 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:rotated
refresh 2 as=3 u=jane : 200 | X-Action: forward
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=jane

=== TEST: when the window is over, a token that was not rotated goes on
--- provider
    user    $oauth_response_user;
    replay  1s;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1
refresh 1 as=9 u=jane : 200 | /"access_token":"at-canary-2"/ | X-Action: replay
sleep 1.2
refresh 1 as=3 u=jane r=1 : 200 | X-Action: forward
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane&r=1
POST /token?t=3&u=jane&r=1

=== TEST: replay 0 turns it off
--- provider
    user    $oauth_response_user;
    replay  0;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 1 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:rotated
connect 3 u=john
refresh 3 as=4 u=john r=3 : 200 | X-Action: forward
refresh 3 as=5 u=john r=3 : 200 | X-Action: forward
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=john
POST /token?t=4&u=john&r=3
POST /token?t=5&u=john&r=3

=== TEST: a failure is not replayed
--- mock
    location = /ill {
        return 503 '{"error":"temporarily_unavailable"}';
    }
--- config
    location = /token {
        oauth_token_endpoint p;
        add_header X-Action $oauth_action always;
        if ($arg_ill) { rewrite ^ /ill break; }
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane ill=1 : 503 | X-Action: forward
refresh 1 as=3 u=jane ill=1 : 503 | X-Action: forward
refresh 1 as=4 u=jane : 200 | X-Action: forward
refresh 1 as=4 u=jane : 200 | X-Action: replay

=== TEST: of another path, no replay
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1 path=/token/one
refresh 1 as=3 u=jane r=1 path=/token/two : 200 | X-Action: forward
refresh 1 as=9 u=jane r=1 path=/token/two : 200 | /"access_token":"at-canary-3"/ | X-Action: replay
refresh 1 as=4 u=jane path=/token/two scope=all : 200 | X-Action: forward
refresh 1 as=9 u=jane path=/token/one scope=all : 400 | type=urn:oauth-gateway:rotated
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane&r=1
POST /token?t=3&u=jane&r=1
POST /token?t=4&u=jane

=== TEST: for another scope, no replay
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1 scope=read
refresh 1 as=3 u=jane r=1 scope=write : 200 | X-Action: forward
refresh 1 as=4 u=jane : 200 | X-Action: forward
refresh 1 as=9 u=jane scope=write : 400 | type=urn:oauth-gateway:rotated
refresh 1 as=9 u=jane : 200 | /"access_token":"at-canary-4"/ | X-Action: replay
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane&r=1
POST /token?t=3&u=jane&r=1
POST /token?t=4&u=jane

=== TEST: for another resource or audience, no replay
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1 +resource=https://a.example
refresh 1 as=3 u=jane r=1 +resource=https://b.example : 200 | X-Action: forward
refresh 1 as=4 u=jane r=1 +audience=https://b.example : 200 | X-Action: forward
refresh 1 as=5 u=jane r=1 +resource=https://a.example +resource=https://b.example : 200 | X-Action: forward
refresh 1 as=6 u=jane +resource=https://c.example : 200 | X-Action: forward
refresh 1 as=9 u=jane +resource=https://d.example : 400 | type=urn:oauth-gateway:rotated
refresh 1 as=9 u=jane +resource=https://c.example : 200 | /"access_token":"at-canary-6"/ | X-Action: replay
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane&r=1
POST /token?t=3&u=jane&r=1
POST /token?t=4&u=jane&r=1
POST /token?t=5&u=jane&r=1
POST /token?t=6&u=jane

=== TEST: each request of a token that was not rotated has its own answer
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1 +resource=https://a.example : 200 | X-Action: forward
refresh 1 as=3 u=jane r=none +resource=https://b.example : 200 | X-Action: forward
refresh 1 as=4 u=jane r=1 +resource=https://c.example : 200 | X-Action: forward
refresh 1 as=9 u=jane +resource=https://a.example : 200 | /"access_token":"at-canary-2"/ | X-Action: replay
refresh 1 as=9 u=jane +resource=https://b.example : 200 | /"access_token":"at-canary-3"/ | X-Action: replay
refresh 1 as=9 u=jane +resource=https://c.example : 200 | /"access_token":"at-canary-4"/ | X-Action: replay
refresh 1 as=9 u=jane +resource=https://a.example : 200 | /"access_token":"at-canary-2"/ | X-Action: replay
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane&r=1
POST /token?t=3&u=jane&r=none
POST /token?t=4&u=jane&r=1

=== TEST: eight of them, the oldest goes first
--- steps eval
"connect 1 u=jane\n"
. join('', map { "refresh 1 as=" . ($_ + 1) . " u=jane r=1 scope=s$_ : 200 | X-Action: forward\n" } 1 .. 8)
. join('', map { "refresh 1 as=99 u=jane r=1 scope=s$_ : 200 | /\"access_token\":\"at-canary-" . ($_ + 1) . "\"/ | X-Action: replay\n" } 1 .. 8)
. "refresh 1 as=10 u=jane r=1 scope=s9 : 200 | X-Action: forward\n"
. join('', map { "refresh 1 as=99 u=jane r=1 scope=s$_ : 200 | /\"access_token\":\"at-canary-" . ($_ + 1) . "\"/ | X-Action: replay\n" } 2 .. 9)
. "refresh 1 as=11 u=jane r=1 scope=s1 : 200 | X-Action: forward\n"

=== TEST: a rotation by one request ends the answers that hold what it rotated
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1 scope=read
refresh 1 as=3 u=jane r=none scope=write
refresh 1 as=4 u=jane : 200 | X-Action: forward
refresh 1 as=9 u=jane scope=read : 400 | type=urn:oauth-gateway:rotated
refresh 1 as=9 u=jane scope=write : 200 | /"access_token":"at-canary-3"/ | X-Action: replay
refresh 1 as=9 u=jane : 200 | /"refresh_token":"rt-canary-4"/ | X-Action: replay
refresh 4 as=5 u=jane : 200 | X-Action: forward
refresh 1 as=9 u=jane scope=write : 400 | type=urn:oauth-gateway:rotated

=== TEST: access tokens that a refresh ends are not handed out again
--- provider
    user                 $oauth_response_user;
    refresh_ends_access  on;
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1 scope=read
refresh 1 as=3 u=jane r=1 scope=write : 200 | X-Action: forward
refresh 1 as=4 u=jane r=1 scope=read : 200 | X-Action: forward
refresh 1 as=9 u=jane r=1 scope=read : 200 | /"access_token":"at-canary-4"/ | X-Action: replay

=== TEST: each client of a token that was not rotated has its own answer
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1 +client_secret=old-canary
refresh 1 as=3 u=jane r=1 +client_secret=new-canary : 200 | X-Action: forward
refresh 1 as=9 u=jane +client_secret=old-canary : 200 | /"access_token":"at-canary-2"/ | X-Action: replay
refresh 1 as=9 u=jane +client_secret=new-canary : 200 | /"access_token":"at-canary-3"/ | X-Action: replay
refresh 1 as=4 u=jane : 200 | X-Action: forward
refresh 1 as=9 u=jane scope=less : 400 | type=urn:oauth-gateway:rotated
refresh 1 as=9 u=jane client=other : 400 | type=urn:oauth-gateway:other-client
refresh 1 as=9 u=jane +client_secret=old-canary scope=less : 400 | type=urn:oauth-gateway:other-client
refresh 1 as=9 u=jane : 200 | /"access_token":"at-canary-4"/ | X-Action: replay

=== TEST: parameters that the provider ignores make no other request
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 1 as=9 u=jane +state=abc @X-Request-Id=7 : 200 | /"access_token":"at-canary-2"/ | X-Action: replay

=== TEST: the same DPoP key, another proof: replayed
--- steps eval
"connect 1 u=jane
refresh 1 as=2 u=jane \@DPoP=" . ::proof('one', 1) . " : 200 | X-Action: forward
refresh 1 as=9 u=jane \@DPoP=" . ::proof('one', 2) . " : 200 | /\"access_token\":\"at-canary-2\"/ | X-Action: replay
"
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: of another DPoP key, or without one, no replay
--- steps eval
"connect 1 u=jane
refresh 1 as=2 u=jane \@DPoP=" . ::proof('one', 1) . " : 200 | X-Action: forward
refresh 1 as=9 u=jane \@DPoP=" . ::proof('two', 2) . " : 400 | type=urn:oauth-gateway:rotated
refresh 1 as=9 u=jane : 400 | type=urn:oauth-gateway:rotated
"
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: the same client_assertion: replayed
--- steps eval
"connect 1 u=jane
refresh 1 as=2 u=jane +client_assertion=" . ::assertion(1) . " : 200 | X-Action: forward
refresh 1 as=9 u=jane +client_assertion=" . ::assertion(1) . " : 200 | /\"access_token\":\"at-canary-2\"/ | X-Action: replay
"
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: another client_assertion of the same client: no replay
--- steps eval
"connect 1 u=jane
refresh 1 as=2 u=jane +client_assertion=" . ::assertion(1) . " : 200 | X-Action: forward
refresh 1 as=9 u=jane +client_assertion=" . ::assertion(2) . " : 400 | type=urn:oauth-gateway:rotated
"
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: another client gets nothing, and the provider hears nothing
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 1 as=9 u=jane client=other : 400 | error=invalid_grant | type=urn:oauth-gateway:other-client
:       400 | X-Action: reject | /^(?!.*canary)/
refresh 1 as=9 u=jane +client_secret=guess-canary : 400 | type=urn:oauth-gateway:other-client
refresh 1 as=9 u=jane @Authorization=Basic%20YXBwOmNhbmFyeQ== : 400 | type=urn:oauth-gateway:other-client
refresh 1 as=2 u=jane : 200 | X-Action: replay
call 2
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
GET /api/x

=== TEST: another secret, or another Basic, is another client
--- steps
connect 1 u=jane client= @Authorization=Basic%20YXBwOmNhbmFyeQ==
refresh 1 as=2 u=jane client= @Authorization=Basic%20YXBwOmNhbmFyeQ==
refresh 1 as=9 u=jane client= @Authorization=Basic%20YXBwOmd1ZXNz : 400 | error=invalid_grant | type=urn:oauth-gateway:other-client
refresh 1 as=9 u=jane client= : 400 | error=invalid_grant | type=urn:oauth-gateway:other-client
refresh 1 as=2 u=jane client= @Authorization=Basic%20YXBwOmNhbmFyeQ== : 200 | X-Action: replay
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: other credentials with a token that was not rotated: the provider says
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1 +client_secret=old-canary
refresh 1 as=3 u=jane r=1 +client_secret=new-canary : 200 | X-Action: forward
refresh 1 as=4 u=jane client= @Authorization=Basic%20YXBwOmNhbmFyeQ== fail=1 : 400 | error=invalid_grant | -type
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane&r=1
POST /token?t=3&u=jane&r=1
POST /token?t=4&u=jane&fail=1

=== TEST: a superseded connection never comes back through the window
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 1 as=2 u=jane : 200 | X-Action: replay
connect 3 u=jane
refresh 1 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:superseded
refresh 2 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:superseded
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=3&u=jane

=== TEST: a revoked one neither
--- config
    location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 1 as=2 u=jane : 200
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-2&client_id=app
: 200
refresh 1 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:revoked
refresh 2 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:revoked
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /revoke

=== TEST: a revoked access token is not handed out again
--- config
    location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1
refresh 1 as=2 u=jane r=1 : 200
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=at-canary-2&client_id=app
: 200
refresh 1 as=3 u=jane r=1
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane&r=1
POST /revoke
POST /token?t=3&u=jane&r=1

=== TEST: a broken one neither
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 2 as=9 u=jane fail=1 : 400 | error=invalid_grant
sleep 0.3
call 2 : 200 | verdict=broken
refresh 1 as=9 u=jane : 400 | error=invalid_grant | type=urn:oauth-gateway:rotated
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=9&u=jane&fail=1
GET /api/x

=== TEST: an access token that the provider called dead is not handed out again
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane r=1
call 2 /api/dead : 401
sleep 0.3
refresh 1 as=3 u=jane r=1 : 200 | X-Action: forward
call 3
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane&r=1
GET /api/dead
POST /token?t=3&u=jane&r=1
GET /api/x

=== TEST: but one that brings a refresh token nobody else has is
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
call 2 /api/dead : 401
sleep 0.3
refresh 1 as=9 u=jane : 200 | /"refresh_token":"rt-canary-2"/ | X-Action: replay
refresh 2 as=3 u=jane : 200 | X-Action: forward
call 3

=== TEST: after a reload
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
reload
refresh 1 as=9 u=jane : 200 | /"access_token":"at-canary-2"/ | X-Action: replay
refresh 1 as=9 u=jane client=other : 400 | type=urn:oauth-gateway:other-client
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: in flag mode as well
--- config
    location = /token {
        oauth_token_endpoint p flag;
        add_header X-Action $oauth_action always;
        proxy_pass http://provider;
    }
--- steps
connect 1 u=jane
refresh 1 as=2 u=jane
refresh 1 as=9 u=jane : 200 | /"access_token":"at-canary-2"/ | X-Action: replay | !OAuth-Connection-Status
refresh 1 as=9 u=jane client=other fail=1 : 400 | -type | X-Action: flag | OAuth-Connection-Status: other-client
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
POST /token?t=9&u=jane&fail=1

=== TEST: allow and deny speak before a replay does
--- config
    location = /token {
        deny all;
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location = /open { oauth_token_endpoint p; rewrite ^ /token break; proxy_pass http://provider; }
--- steps
connect 1 u=jane path=/open
refresh 1 as=2 u=jane path=/open
refresh 1 as=9 u=jane : 403 | /^(?!.*canary)/

=== TEST: replay is inherited
--- provider
    user    $oauth_response_user;
    replay  0;
--- http_config
    oauth_provider q from p { contact us; }
    oauth_provider r from p { replay 1m; }
--- config
    location = /q { oauth_token_endpoint q; rewrite ^ /token break; proxy_pass http://provider; }
    location = /r { oauth_token_endpoint r; rewrite ^ /token break; proxy_pass http://provider; }
--- steps
connect 1 path=/q
refresh 1 as=2 path=/q
refresh 1 as=9 path=/q : 400 | type=urn:oauth-gateway:rotated
connect 3 path=/r
refresh 3 as=4 path=/r
refresh 3 as=9 path=/r : 200 | /"access_token":"at-canary-4"/

=== TEST: replay without a time
--- provider
    replay;
--- message
invalid number of arguments in "replay"

=== TEST: replay that is no time
--- provider
    replay soon;
--- message
invalid time "soon" in "replay"

=== TEST: replay takes no negative time
--- provider
    replay -1s;
--- message
invalid time "-1s" in "replay"

=== TEST: replay twice
--- provider
    replay 1s;
    replay 2s;
--- message
"replay" directive is duplicate
