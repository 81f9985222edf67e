# More than one user with live connections to one tenant: told in the log.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(provider => <<'PROVIDER') if !defined $block->provider;
        user    $oauth_response_user;
        tenant  $oauth_response_tenant $company_of_path;
        limit   1 per user client;
PROVIDER

    $block->set_value(http_config => <<'MAP');
        map $uri $company_of_path {
            ~^/api/company/(?<company>\w+)  $company;
        }
MAP
});

sub told
{
    my ($log) = slurp "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log";

    return scalar(() = $log =~ /is not the only user's in its tenant/g);
}

run_tests();

__DATA__

=== TEST: the second user is told with the first
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=john o=acme owner=beta
call 1
call 2
--- log_like
\[notice\] .*connection "\d+" provider "p" user "john" tenant "acme" owner "beta" is not the only user's in its tenant: connection "\d+" provider "p" user "jane" tenant "acme" owner "alpha", use one integration user per enterprise account
--- check
Test::More::is(main::told(), 1, 'told once');

=== TEST: once: reconnects and refreshes bring nobody new
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=john o=acme owner=beta
connect 3 u=john o=acme owner=beta
connect 4 u=jane o=acme owner=alpha
refresh 4 as=5 u=jane o=acme
refresh 3 as=6 u=john o=acme
--- check
Test::More::is(main::told(), 1, 'told once');

=== TEST: a third user is news
--- steps
connect 1 u=jane o=acme
connect 2 u=john o=acme
connect 3 u=eve o=acme
--- check
Test::More::is(main::told(), 2, 'told twice');

=== TEST: one user as often as it likes, and users of other tenants
--- steps
connect 1 u=jane o=acme
connect 2 u=jane o=acme client=other
connect 3 u=john o=else
connect 4 u=eve
--- log_unlike
only user's in its tenant

=== TEST: another client is another matter
--- steps
connect 1 u=jane o=acme
connect 2 u=john o=acme client=other
--- log_unlike
only user's in its tenant

=== TEST: where one takes the other's place there are not two
--- provider
    user    $oauth_response_user;
    tenant  $oauth_response_tenant;
    limit   1 per tenant client;
--- steps
connect 1 u=jane o=acme
connect 2 u=john o=acme
call 1 : 409 | superseded_by.connection~^\d+$
--- log_like
was superseded
--- log_unlike
only user's in its tenant

=== TEST: what was revoked does not count
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
--- steps
connect 1 u=jane o=acme
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1&client_id=app
: 200
connect 2 u=john o=acme
--- log_unlike
only user's in its tenant

=== TEST: exempt grants are of no person
--- steps
connect 1 u=jane o=acme
connect 2 u=robot o=acme grant=client_credentials
--- log_unlike
only user's in its tenant

=== TEST: a tenant that a call binds
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=john owner=beta
call 2 /api/x
call 2 /api/company/acme/items
sleep 0.3
call 2 /api/company/acme/items
--- log_like
user "john" tenant "acme" owner "beta" is not the only user's in its tenant: .*user "jane" tenant "acme" owner "alpha"
--- check
Test::More::is(main::told(), 1, 'told once');

=== TEST: what the ledger knows outlives a reload
--- steps
connect 1 u=jane o=acme
reload
connect 2 u=john o=acme
--- check
Test::More::is(main::told(), 1, 'told once');
