
# The connections page and what it asks for first: headers, methods, policy.
# What it does in a browser is in t/e2e/page.test.js.
use lib 't';
use OAuthGateway;
use Digest::SHA ();

add_block_preprocessor(sub {
    my ($block) = @_;

    if (!defined $block->config && !defined $block->message) {
        $block->set_value(config => ($block->names // '') . <<'END');
        location = /token {
            oauth_token_endpoint p;
            proxy_pass http://provider;
        }
        location /status/ {
            oauth_status;
        }
        location /bare {
            oauth_status;
            oauth_status_write on;
        }
        location = /metrics {
            oauth_status metrics;
        }
END
    }
});

# a page's scripts or styles are those that the policy names, and no others
sub named ($$)
{
    my ($page, $what) = @_;
    my $tag = $what eq 'script' ? 'script type="module"' : $what;
    my @found = $page =~ m{<\Q$tag\E>(.*?)</$what>}gs;
    my ($hash) = $page =~ /$what-src 'sha256-([^']+)'/;

    return @found == 1 && ($page =~ /<$what/g) == 1
           && Digest::SHA::sha256_base64($found[0]) . '=' eq $hash;
}

run_tests();

__DATA__

=== TEST: the page, with its headers
--- steps
GET /status/
:   200 | Content-Type: text/html; charset=utf-8 | Cache-Control: no-store | X-Content-Type-Options: nosniff
:   200 | Referrer-Policy: no-referrer | Vary: Accept | Cross-Origin-Opener-Policy: same-origin
:   200 | Cross-Origin-Resource-Policy: same-origin | Content-Length: \d{5} | !ETag | !Last-Modified | !Set-Cookie
:   200 | /^<!DOCTYPE html>/ | /<\/html>\n$/ | Content-Security-Policy: default-src 'none'; script-src 'sha256-[^']{44}'; style-src 'sha256-[^']{44}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'

=== TEST: what may run is named by its hash, and stands in the page once
--- config
    location /status/ {
        oauth_status;
    }
    listen unix:$TEST_NGINX_SERVER_ROOT/html/status.sock;
--- steps
GET /status/ : 200
--- check
my $page = curl 'status.sock', 'http://localhost/status/';
ok main::named($page, 'script'), 'the script';
ok main::named($page, 'style'), 'the style';
unlike $page, qr/\bon\w+="|\bstyle="|\bsrc="|javascript:/, 'nothing inline';
unlike $page, qr{https?://(?!www\.w3\.org/2000/svg)[\w.]}, 'nothing from outside';
unlike $page, qr/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/, 'text is never read as HTML';

=== TEST: with and without a slash at the end
--- steps
GET /status/ : 200 | /Connections/
GET /status : 404
GET /bare : 200 | /Connections/
GET /bare/ : 200 | /Connections/
GET /barely : 404
GET /status/?view=slots&owner=a : 200 | /Connections/
GET /status/index.html : 404
GET /status/page.js : 404

=== TEST: HEAD
--- steps
HEAD /status/ : 200 | Content-Type: text/html | Content-Length: \d{5} | Content-Security-Policy: script-src | /^$/

=== TEST: no other method
--- steps
POST /status/
> a=b
: 405 | Allow: GET, HEAD | type=urn:oauth-gateway:method-not-allowed
DELETE /status/ : 405 | Allow: GET, HEAD
PUT /bare
> a=b
: 405

=== TEST: it is never stored, so no condition makes it shorter
--- steps
GET /status/
| If-None-Match: *
: 200 | /<!DOCTYPE html>/
GET /status/
| If-Modified-Since: Thu, 01 Jan 2037 00:00:00 GMT
: 200 | /<!DOCTYPE html>/
GET /status/
| Range: bytes=0-9
: 200 | /^<!DOCTYPE html>.*<\/html>\n$/

=== TEST: a server's charset and gzip leave it whole
--- config
    charset koi8-r;
    gzip on;
    location /status/ {
        oauth_status;
    }
--- steps
GET /status/
| Accept-Encoding: gzip
: 200 | Content-Type: text/html; charset=utf-8 | /<\/html>\n$/

=== TEST: a browser asks for HTML, the script does not
--- steps
GET /status/
| Accept: text/html,application/xhtml+xml,*/*;q=0.8
: 200 | Content-Type: text/html
GET /status/
| Accept: text/html,application/json
: 200 | Content-Type: text/html
GET /status/
| Accept: */*
: 200 | Content-Type: text/html
GET /status/
| Accept: application/json
: 200 | Content-Type: application/json | Vary: Accept | Cache-Control: no-store | X-Content-Type-Options: nosniff | !Content-Security-Policy
GET /status/
| Accept: Application/JSON;q=1
: 200 | Content-Type: application/json

=== TEST: what the page must know first
--- provider
    user     $oauth_response_user;
    tenant   $oauth_response_tenant;
    limit    2 per user client;
    limit    1 per tenant $http_x_region;
    contact  "the \"team\" <a>";
    link     https://platform.example/c;
--- steps
GET /status/
| Accept: application/json
:   200 | write=false | last_event=0 | at~^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$ | providers.0.name=p
:   200 | providers.0.contact=the "team" <a> | providers.0.link=https://platform.example/c
:   200 | providers.0.limits.0.n=2 | providers.0.limits.0.per.0=user | providers.0.limits.0.per.1=client
:   200 | providers.0.limits.1.n=1 | providers.0.limits.1.per.0=tenant | providers.0.limits.1.per.1=$http_x_region
connect 1 u=jane
GET /status/
| Accept: application/json
: 200 | last_event=1
GET /bare
| Accept: application/json
: 200 | write=true

=== TEST: a provider that tells little
--- provider
    user     $oauth_response_user;
--- steps
GET /status/
| Accept: application/json
: 200 | -providers.0.contact | -providers.0.link | -providers.0.limits.0

=== TEST: the host must be ours
--- names
    server_name gateway.example;
--- steps
GET /status/
| Host: evil.example
: 403 | type=urn:oauth-gateway:foreign-host | !Content-Security-Policy
GET /status/
| Host: gateway.example
: 200 | Content-Type: text/html

=== TEST: a resource of its own has no page
--- steps
GET /metrics : 200 | Content-Type: text/plain
GET /metrics/ : 404

=== TEST: the story of a connection, newest first
--- steps
connect 1 u=jane owner=alpha
refresh 1 as=2 u=jane
connect 3 u=jane owner=beta
GET /status/connections?owner=beta : 200 | items.0.id>winner
GET /status/connections/1/events : 200 | items.0.type=superseded | items.1.type=refreshed | items.2.type=connected | -items.3 | -next
:   200 | items.0.connection=1 | items.0.other.owner=beta | items.0.other.connection=<winner> | Cache-Control: no-store
GET /status/connections/1/events?limit=2 : 200 | items.1.type=refreshed | -items.2 | next>more
GET /status/connections/1/events?limit=2&after=2 : 200 | items.0.type=connected | -items.1 | -next
GET /status/connections/3/events : 200 | items.0.type=superseded | items.1.type=connected | -items.2
HEAD /status/connections/1/events : 200 | /^$/

=== TEST: stories that there are not, and parameters
--- steps
connect 1 u=jane
GET /status/connections/2/events : 404 | type=urn:oauth-gateway:not-found
GET /status/connections/0/events : 404
GET /status/connections/x/events : 404
GET /status/connections/1/events/ : 200
GET /status/connections/1/event : 404
GET /status/connections/1/events?limit=1000 : 200
GET /status/connections/1/events?limit=1001 : 400 | type=urn:oauth-gateway:invalid-parameter
GET /status/connections/1/events?limit=0 : 400
GET /status/connections/1/events?after=x : 400
GET /status/connections/1/events?owner=a : 400
GET /status/connections/1/events?limit=1&limit=1 : 400
POST /status/connections/1/events
> a=b
: 405 | Allow: GET, HEAD

=== TEST: whom a reconnect would end
--- provider
    user     $oauth_response_user;
    tenant   $oauth_response_tenant;
    limit    1 per user client;
    limit    2 per tenant client;
--- steps
connect 1 u=jane o=acme owner=alpha
GET /status/connections/1 : 200 | reconnect_ends.connection=1 | reconnect_ends.owner=alpha
connect 2 u=jane o=acme owner=beta
GET /status/connections?owner=beta : 200 | items.0.id>beta
GET /status/connections/1 : 200 | reconnect_ends.connection=<beta> | reconnect_ends.owner=beta
connect 3 u=john o=other owner=gamma
GET /status/connections?owner=gamma : 200 | items.0.id>gamma | items.0.state=live
GET /status/connections/1 : 200 | reconnect_ends.connection=<beta>

=== TEST: nobody where there is room
--- provider
    user     $oauth_response_user;
    limit    2 per user client;
--- steps
connect 1 u=jane owner=alpha
GET /status/connections/1 : 200 | -reconnect_ends
