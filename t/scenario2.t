# Scenario 2, the same enterprise account: other credentials of one tenant
# end the first connection.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(provider => <<'END') if !defined $block->provider;
        user    $oauth_response_user;
        tenant  $oauth_response_tenant;
        limit   1 per tenant client;
END
});

run_tests();

__DATA__

=== TEST: another user of the tenant supersedes
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=john o=acme owner=beta
call 1 : 409 | type=urn:oauth-gateway:superseded | tenant=acme | user=jane
:        409 | owner=alpha | superseded_by.owner=beta | limit.n=1
:        409 | limit.per=["tenant","client"]
call 2
--- provider_saw
POST /token?t=1&u=jane&o=acme
POST /token?t=2&u=john&o=acme
GET /api/x

=== TEST: the same user of another tenant ends nothing
--- steps
connect 1 u=jane o=acme
connect 2 u=jane o=umbrella
call 1
call 2

=== TEST: an unknown tenant supersedes nobody
--- steps
connect 1 u=jane
connect 2 u=john
call 1
call 2

=== TEST: the client tells two connections of a tenant apart
--- steps
connect 1 u=jane o=acme client=one
connect 2 u=john o=acme client=two
call 1
call 2

=== TEST: without client in the limit, any client supersedes
--- provider
    tenant  $oauth_response_tenant;
    limit   1 per tenant;
--- steps
connect 1 u=jane o=acme client=one
connect 2 u=john o=acme client=two
call 1 : 409 | limit.per=["tenant"]
call 2

=== TEST: flag passes and marks
--- config
    location = /token {
        oauth_token_endpoint p;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p flag; proxy_pass http://provider; }
--- steps
connect 1 u=jane o=acme owner=alpha
connect 2 u=john o=acme owner=beta
call 1 : 200 | OAuth-Connection-Status: superseded; .*owner="beta"
call 2 : 200 | !OAuth-Connection-Status
