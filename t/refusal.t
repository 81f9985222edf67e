# What a refusal says, to programs and to people, and how to change its form.
use lib 't';
use OAuthGateway;

run_tests();

__DATA__

=== TEST: every member of the problem document
--- provider
    user     $oauth_response_user;
    tenant   $oauth_response_tenant;
    limit    1 per user client;
    contact  "the integration team, <team@example.com>";
    link     https://wiki.example/oauth?a=1&b=2;
--- steps
connect 1 u=jane o=acme owner=alpha
call 1 : 200 | connection>first
connect 2 u=jane o=acme owner=beta
call 2 : 200 | connection>second
call 1 : 409 | type=urn:oauth-gateway:superseded | title~\w | status=409
:        409 | detail~\w | message~\w
:        409 | provider=p | user=jane | tenant=acme | connection=<first>
:        409 | owner=alpha | contested=false
:        409 | connected_at~^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$
:        409 | superseded_at~^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$
:        409 | superseded_by.connection=<second> | superseded_by.owner=beta
:        409 | superseded_by.connected_at~^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$
:        409 | limit.n=1 | limit.per=["user","client"] | limit.held=1
:        409 | reconnect_ends.connection=<second> | reconnect_ends.owner=beta
:        409 | contact=the integration team, <team@example.com>
:        409 | link=https://wiki.example/oauth?a=1&b=2
:        409 | Content-Type: application/problem\+json | Cache-Control: no-store
:        409 | X-Should-Retry: false | !WWW-Authenticate | !Retry-After

=== TEST: message is detail
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409 | detail>text | message=<text>

=== TEST: the detail tells what happened, that a retry is useless, what to do
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    contact  "the integration team";
    link     https://wiki.example/oauth;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 409 | detail~jane | detail~beta | detail~\d{4}-\d\d-\d\d
:        409 | detail~(?i)(retry|retrying|again) | detail~(?i)reconnect
:        409 | detail~(?i)integration user

=== TEST: no contact and no link, no members
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 409 | -contact | -link | -owner | -superseded_by.owner | -tenant

=== TEST: text from outside is escaped
--- provider
    user   $oauth_response_user;
    owner  $arg_who;
    limit  1 per user client;
--- steps
connect 1 u=jane
connect 2 u=jane who=a%22%5C%0d%0aX-Evil:%201%3Cb%3E
call 1 : 409 | type=urn:oauth-gateway:superseded | !X-Evil
refresh 1 as=9 : 400 | error=invalid_grant | !X-Evil
:        400 | error_description~^[\x20\x21\x23-\x5b\x5d-\x7e]*$

=== TEST: text from outside is escaped in the mark
--- provider
    user   $oauth_response_user;
    owner  $oauth_request_who;
    limit  1 per user client;
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p flag; proxy_pass http://provider; }
--- steps
connect 1 u=jane +who=alpha
connect 2 u=jane +who={{é x 2}}"\x
call 1 : 200 | OAuth-Connection-Status: superseded; connection="[^"]+"; superseded-by="[^"]+"
connect 3 u=john +who=alpha
connect 4 u=john +who=b"\c
call 3 : 200 | OAuth-Connection-Status: owner="b\\"\\\\c"

=== TEST: another status
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  403;
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 403 | status=403 | type=urn:oauth-gateway:superseded
:        403 | Content-Type: application/problem\+json | !WWW-Authenticate
:        403 | Cache-Control: no-store | X-Should-Retry: false

=== TEST: 401 carries the challenge of RFC 6750
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  401;
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 401 | status=401 | type=urn:oauth-gateway:superseded
:        401 | WWW-Authenticate: Bearer .*error="invalid_token"
:        401 | WWW-Authenticate: error_description="[\x20\x21\x23-\x5b\x5d-\x7e]*"

=== TEST: another type and body
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  403 application/json '[{"errorCode":"SUPERSEDED","message":$oauth_detail_json}]';
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 403 | Content-Type: application/json | Cache-Control: no-store
:        403 | X-Should-Retry: false | 0.errorCode=SUPERSEDED
:        403 | 0.message~beta | /^\[\{"errorCode".*\}\]$/

=== TEST: a status of success with a body that says no
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  200 application/json '{"ok":false,"error":"superseded","why":"$oauth_superseded_by_owner"}';
--- steps
connect 1 u=jane
connect 2 u=jane owner=beta
call 1 : 200 | -authorization | why=beta | Content-Type: application/json
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: plain text
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  410 text/plain "$oauth_detail";
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 410 | Content-Type: text/plain | /^[^{].*beta/

=== TEST: the whole document in another envelope
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  403 application/json '{"fault":$oauth_problem}';
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 403 | fault.type=urn:oauth-gateway:superseded | fault.superseded_by.owner=beta

=== TEST: a refusal of calls does not change that of token requests
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    refusal  403 text/plain no;
--- steps
connect 1 u=jane
connect 2 u=jane
call 1 : 403 | /^no$/
refresh 1 as=9 : 400 | error=invalid_grant | Content-Type: application/json

=== TEST: a superseded refresh token is refused as RFC 6749 says
--- provider
    user     $oauth_response_user;
    limit    1 per user client;
    contact  team;
    link     https://wiki.example/;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
refresh 1 as=9 : 400 | error=invalid_grant | error_description~beta
:        400 | Content-Type: application/json | Cache-Control: no-store
:        400 | type=urn:oauth-gateway:superseded | superseded_by.owner=beta
:        400 | owner=alpha | user=jane | contact=team | link=https://wiki.example/
:        400 | !Retry-After | error_description~^[\x20\x21\x23-\x5b\x5d-\x7e]*$
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: token_refusal in another form
--- provider
    user           $oauth_response_user;
    limit          1 per user client;
    token_refusal  200 application/json '{"ok":false,"error":"invalid_refresh_token","detail":$oauth_detail_json}';
--- steps
connect 1 u=jane
connect 2 u=jane owner=beta
refresh 1 as=9 : 200 | -access_token | ok=false | error=invalid_refresh_token
:        200 | detail~beta
call 1 : 409 | type=urn:oauth-gateway:superseded
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane

=== TEST: a malformed token request keeps the form of RFC 6749
--- steps
POST /token
| Content-Type: application/x-www-form-urlencoded
> grant_type=refresh_token&refresh_token=rt-canary-1&refresh_token=rt-canary-2
: 400 | error=invalid_request | error_description~refresh_token
: 400 | Content-Type: application/json | Cache-Control: no-store
--- provider_saw

=== TEST: contested, a ping-pong is told
--- provider
    user       $oauth_response_user;
    limit      1 per user client;
    contested  2 10m;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta
call 1 : 409 | contested=false
connect 3 u=jane owner=alpha
call 1 : 409 | contested=true
call 2 : 409 | contested=true

=== TEST: contested, an owner that comes back to itself is no ping-pong
--- provider
    user       $oauth_response_user;
    limit      1 per user client;
    contested  2 10m;
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=alpha
connect 3 u=jane owner=alpha
connect 4 u=jane owner=alpha
call 1 : 409 | contested=false
