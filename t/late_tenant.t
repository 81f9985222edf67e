# R8: a tenant that only the path of a call names is bound then.
use lib 't';
use OAuthGateway;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(provider => <<'END') if !defined $block->provider;
        user    $oauth_response_user;
        tenant  $oauth_response_tenant $company_of_path;
        limit   1 per tenant client;
END

    $block->set_value(http_config => <<'END' . ($block->http_config // ''));
        map $uri $company_of_path {
            ~^/api/company/(?<company>\d+)  $company;
        }
END
});

run_tests();

__DATA__

=== TEST: the younger one stays
--- steps
connect 1 u=jane owner=alpha
connect 2 u=john owner=beta
call 1 /api/company/7/items
call 2 /api/company/7/items
sleep 0.3
call 1 /api/company/7/items : 409 | tenant=7 | superseded_by.owner=beta
call 2 /api/company/7/items

=== TEST: whoever calls first
--- steps
connect 1 u=jane owner=alpha
connect 2 u=john owner=beta
call 2 /api/company/7/items
sleep 0.3
call 1 /api/company/7/items
sleep 0.3
call 1 /api/company/7/items : 409 | tenant=7 | superseded_by.owner=beta
call 2 /api/company/7/items

=== TEST: another company is another tenant
--- steps
connect 1 u=jane
connect 2 u=john
call 1 /api/company/7/items
call 2 /api/company/8/items
sleep 0.3
call 1 /api/company/7/items
call 2 /api/company/8/items

=== TEST: a path without a company binds nothing
--- steps
connect 1 u=jane
connect 2 u=john
call 1 /api/user
call 2 /api/user
sleep 0.3
call 1
call 2

=== TEST: a call that the provider refused binds nothing
--- mock
    location ~ ^/api/company/\d+/no$ { return 403 '{"no":1}'; }
--- steps
connect 1 u=jane
connect 2 u=john
call 1 /api/company/7/no : 403
call 2 /api/company/7/no : 403
sleep 0.3
call 1 /api/company/7/items
sleep 0.3
call 1 /api/company/7/items

=== TEST: a tenant that is known is not bound again
--- steps
connect 1 u=jane o=acme
connect 2 u=john
call 1 /api/company/7/items
call 2 /api/company/7/items
sleep 0.3
call 1 /api/company/7/items
call 2 /api/company/7/items

=== TEST: a connect after the binding supersedes
--- steps
connect 1 u=jane owner=alpha
call 1 /api/company/7/items
sleep 0.3
connect 2 u=john o=7 owner=beta
call 1 /api/company/7/items : 409 | superseded_by.owner=beta

=== TEST: two bindings in the order of their calls
--- provider
    user    $oauth_response_user;
    tenant  $company_of_path;
    limit   2 per tenant;
--- steps
connect 1 u=jane
connect 2 u=john
connect 3 u=jill
call 3 /api/company/7/items
call 2 /api/company/7/items
sleep 0.3
call 2 /api/company/7/items
call 1 /api/company/7/items
sleep 0.3
call 1 /api/company/7/items : 409
call 2 /api/company/7/items
call 3 /api/company/7/items

=== TEST: the user can come late as well
--- provider
    user    $oauth_response_user $http_x_user;
    limit   1 per user client;
--- steps
connect 1
connect 2
call 1 /api/x @X-User=jane
sleep 0.3
call 2 /api/x @X-User=jane
sleep 0.3
call 1 /api/x : 409 | user=jane
call 2 /api/x

=== TEST: a reload keeps what was bound
--- steps
connect 1 u=jane
connect 2 u=john
call 1 /api/company/7/items
call 2 /api/company/7/items
sleep 0.3
reload
call 1 /api/company/7/items : 409

=== TEST: the owner and the client stay what they were
--- steps
connect 1 u=jane owner=alpha
connect 2 u=john owner=beta
call 1 /api/company/7/items owner=thief
call 2 /api/company/7/items owner=thief
sleep 0.3
call 1 /api/company/7/items : 409 | owner=alpha | superseded_by.owner=beta
