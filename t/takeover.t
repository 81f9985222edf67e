# A connect that would end another owner's connection, before it is sent.
use lib 't';
use OAuthGateway;

our $jane = jwt({ iss => 'app', sub => 'jane@acme.example' });
our $john = jwt({ iss => 'app', sub => 'john@acme.example' });
$ENV{TEST_NGINX_CONF} = "$ENV{PWD}/conf/providers";

our $bearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

our $usual = <<'END';
    user      $oauth_response_user;
    tenant    $oauth_response_tenant;
    login     $oauth_request_username $oauth_assertion_sub;
    owner     $http_x_oauth_owner;
    limit     1 per user client;
END

add_block_preprocessor(sub {
    my ($block) = @_;

    if (!defined $block->provider) {
        my $takeover = $block->takeover // 'takeover reject;';

        $block->set_value(provider => $usual . $takeover);
    }

    if (!defined $block->config) {
        $block->set_value(config => <<'END');
        location = /token {
            oauth_token_endpoint p;
            add_header X-Action $oauth_action always;
            proxy_pass http://provider;
        }
        location = /flag {
            oauth_token_endpoint p flag;
            add_header X-Action $oauth_action always;
            proxy_pass http://provider/token;
        }
        location = /quiet {
            oauth_token_endpoint p;
            oauth_details off;
            proxy_pass http://provider/token;
        }
        location /api {
            oauth_guard p;
            proxy_set_header X-Connection $oauth_connection;
            proxy_set_header X-Verdict $oauth_verdict;
            proxy_pass http://provider;
        }
END
    }
});

run_tests();

__DATA__

=== TEST: pass is the default
--- takeover
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme : 200 | X-Action: forward | !OAuth-Connection-Status
call 1 : 409 | type=urn:oauth-gateway:superseded
call 2

=== TEST: pass
--- takeover
takeover pass;
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme : 200 | X-Action: forward | !OAuth-Connection-Status
call 1 : 409

=== TEST: flag sends it, and marks the answer
--- takeover
takeover flag;
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme : 200 | access_token=at-canary-2 | X-Action: flag | OAuth-Connection-Status: takeover
call 1 : 409 | superseded_by.owner=beta
call 2
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=jane
GET /api/x

=== TEST: reject: the provider sees nothing, and the holder lives on
--- steps
connect 1 u=jane o=acme owner=alpha grant=password +username=j@acme
call 1 : 200 | connection>first
connect 2 u=jane o=acme owner=beta grant=password +username=j@acme : 409 | error=connection_conflict | status=409
:         409 | Content-Type: application/json | Cache-Control: no-store | X-Action: reject | !Retry-After
:         409 | type=urn:oauth-gateway:takeover | owner=beta | user=jane | tenant=acme | provider=p
:         409 | held_by.connection=<first> | held_by.owner=alpha | held_by.connected_at~^\d{4}-\d\d-\d\dT
:         409 | limit.n=1 | limit.held=1 | contested=false | limit.per.0=user | limit.per.1=client | -access_token | -connection
:         409 | error_description~would end connection .* of owner 'alpha'.*give owner 'beta' an integration user
call 1 : 200 | verdict=active | connection=<first>
refresh 1 as=3 u=jane owner=alpha
--- provider_saw
POST /token?t=1&u=jane&o=acme
GET /api/x
GET /api/x
POST /token?t=3&u=jane
--- log_like
refused a token request for "p": takeover
--- log_unlike
was superseded

=== TEST: the same owner connects again as often as it likes
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=alpha grant=password +username=j@acme : 200 | X-Action: forward | !OAuth-Connection-Status
connect 3 u=jane owner=alpha grant=password +username=j@acme : 200 | X-Action: forward
call 3
connect 4 u=jane owner=beta grant=password +username=j@acme : 409 | held_by.owner=alpha

=== TEST: owners differ by case, and none is a part of another
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=Alpha grant=password +username=j@acme : 409 | owner=Alpha
connect 2 u=jane owner=alph grant=password +username=j@acme : 409 | owner=alph
connect 2 u=jane owner=alphaa grant=password +username=j@acme : 409 | owner=alphaa

=== TEST: an unknown owner is not the owner of a known one's connection
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane grant=password +username=j@acme : 409 | error=connection_conflict | -owner | held_by.owner=alpha
:         409 | error_description~this request names no owner
call 1

=== TEST: nor a known one that of an unknown one's
--- steps
connect 1 u=jane grant=password +username=j@acme
connect 2 u=jane owner=alpha grant=password +username=j@acme : 409 | owner=alpha | held_by.connection~^\d+$ | -held_by.owner
:         409 | error_description~of an unknown owner
call 1

=== TEST: nor are two unknown ones the same
--- steps
connect 1 u=jane grant=password +username=j@acme
connect 2 u=jane grant=password +username=j@acme : 409 | -owner | -held_by.owner
call 1

=== TEST: the user stands in the request: no exchange has to teach it
--- provider
    user      $oauth_request_username;
    owner     $http_x_oauth_owner;
    limit     1 per user client;
    takeover  reject;
--- steps
connect 1 owner=alpha grant=password +username=jane
connect 2 owner=beta grant=password +username=john
connect 3 owner=beta grant=password +username=jane : 409 | user=jane | held_by.owner=alpha
connect 4 owner=beta grant=password +username=jane client=other
call 1
call 2

=== TEST: a login that nobody has used passes, and is learnt by that
--- steps
connect 1 u=jane owner=alpha
call 1
connect 2 u=jane owner=beta grant=password +username=j@acme : 200 | X-Action: forward
call 1 : 409 | superseded_by.owner=beta
connect 3 u=jane owner=alpha grant=password +username=j@acme : 409 | held_by.owner=beta
call 2
--- provider_saw
POST /token?t=1&u=jane
GET /api/x
POST /token?t=2&u=jane
GET /api/x

=== TEST: two logins of one user
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=alpha grant=password +username=jane.doe
connect 3 u=jane owner=beta grant=password +username=j@acme : 409 | user=jane
connect 3 u=jane owner=beta grant=password +username=jane.doe : 409 | user=jane

=== TEST: a login that has moved to another user
--- steps
connect 1 u=jane owner=alpha grant=password +username=desk
connect 2 u=john owner=alpha grant=password +username=desk
call 1
call 2
connect 3 u=jane owner=beta
call 1 : 409
connect 4 u=john owner=gamma grant=password +username=desk : 409 | user=john | held_by.owner=alpha
call 2
call 3

=== TEST: what was learnt outlives a reload
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
reload
connect 2 u=jane owner=beta grant=password +username=j@acme : 409 | held_by.owner=alpha

=== TEST: a login of one provider says nothing of another's
--- http_config
    oauth_provider q {
        user      $oauth_response_user;
        login     $oauth_request_username;
        owner     $http_x_oauth_owner;
        limit     1 per user client;
        takeover  reject;
    }
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /q { oauth_token_endpoint q; proxy_pass http://provider/token; }
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme path=/q
connect 3 u=jane owner=beta grant=password +username=j@acme : 409 | provider=p | held_by.owner=alpha
connect 3 u=jane owner=alpha grant=password +username=j@acme path=/q : 409 | provider=q | held_by.owner=beta

=== TEST: JWT bearer, the assertion's subject
--- provider eval
$::usual . 'exempt none; takeover reject;'
--- steps eval
my $grant = "grant=$::bearer";

<<"END";
connect 1 u=jane owner=alpha $grant +assertion=$::jane
connect 2 u=jane owner=beta $grant +assertion=$::jane : 409 | error=connection_conflict | held_by.owner=alpha
connect 2 u=john owner=beta $grant +assertion=$::john
connect 3 u=jane owner=alpha $grant +assertion=$::jane
call 2
call 3
END
--- provider_saw
POST /token?t=1&u=jane
POST /token?t=2&u=john
POST /token?t=3&u=jane
GET /api/x
GET /api/x

=== TEST: an exempt grant opens no slot, and is no takeover
--- steps eval
my $grant = "grant=$::bearer";

<<"END";
connect 1 u=jane owner=alpha grant=password +username=jane\@acme.example
connect 2 u=jane owner=beta $grant +assertion=$::jane : 200 | X-Action: forward | !OAuth-Connection-Status
call 1
call 2
END

=== TEST: the tenant stands in the query string, as with Zoom
--- http_config
    include $TEST_NGINX_CONF/zoom.conf;

    oauth_provider z from zoom {
        owner     $http_x_oauth_owner;
        takeover  reject;
    }
--- config
    location = /token { oauth_token_endpoint z; proxy_pass http://provider; }
    location /api { oauth_guard z; proxy_pass http://provider; }
--- steps
connect 1 account_id=acme owner=alpha grant=account_credentials
connect 2 account_id=acme owner=beta grant=account_credentials : 409 | tenant=acme | held_by.owner=alpha | limit.per.0=tenant | -user
connect 2 account_id=acme owner=beta grant=account_credentials +index=1
connect 3 account_id=other owner=beta grant=account_credentials
connect 4 account_id=acme owner=alpha grant=account_credentials
call 4
call 2
call 3

=== TEST: while there is room nobody is taken over
--- provider
    user      $oauth_response_user;
    login     $oauth_request_username;
    owner     $http_x_oauth_owner;
    limit     2 per user client;
    takeover  reject;
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme : 200 | X-Action: forward
connect 3 u=jane owner=gamma grant=password +username=j@acme : 409 | held_by.owner=alpha | limit.n=2
connect 3 u=jane owner=beta grant=password +username=j@acme : 409 | held_by.owner=alpha
connect 3 u=jane owner=alpha grant=password +username=j@acme : 200 | X-Action: forward
call 2
call 3

=== TEST: several limits: a later one would end another owner's
--- provider
    user      $oauth_response_user;
    tenant    $oauth_response_tenant;
    login     $oauth_request_username;
    owner     $http_x_oauth_owner;
    limit     1 per user client;
    limit     2 per tenant client;
    takeover  reject;
--- steps
connect 1 u=jane o=acme owner=alpha grant=password +username=j@acme
connect 2 u=john o=acme owner=beta grant=password +username=jo@acme
connect 3 u=eve o=acme owner=gamma
call 1 : 409
connect 4 u=jane o=acme owner=alpha grant=password +username=j@acme : 409 | user=john | tenant=acme | held_by.owner=beta | limit.n=2 | limit.per.0=tenant
connect 4 u=john o=acme owner=beta grant=password +username=jo@acme
call 3
call 4

=== TEST: what has ended is nobody's: revoked
--- config
    location = /token { oauth_token_endpoint p; proxy_pass http://provider; }
    location = /revoke { oauth_revocation_endpoint p; proxy_pass http://provider; }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme : 409
POST /revoke
| Content-Type: application/x-www-form-urlencoded
> token=rt-canary-1&client_id=app
: 200
connect 2 u=jane owner=beta grant=password +username=j@acme
call 2

=== TEST: what has ended is nobody's: expired
--- steps
connect 1 u=jane e=1 r=none owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme : 409
sleep 1.2
connect 2 u=jane owner=beta grant=password +username=j@acme
call 2

=== TEST: a refresh takes nobody over, whoever sends it
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
refresh 1 as=2 u=jane owner=beta +username=j@acme : 200 | X-Action: forward
call 2

=== TEST: who is not known before the exchange is not stopped
--- steps
connect 1 u=jane owner=alpha
connect 2 u=jane owner=beta : 200 | X-Action: forward | !OAuth-Connection-Status
call 1 : 409 | superseded_by.owner=beta

=== TEST: flag at the token endpoint is a ceiling
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme path=/flag
connect 2 u=jane owner=beta grant=password +username=j@acme path=/flag : 200 | X-Action: flag | OAuth-Connection-Status: takeover
call 1 : 409
connect 3 u=jane owner=alpha grant=password +username=j@acme : 409 | held_by.owner=beta

=== TEST: a variable: a header says yes, checked by a map
--- http_config
    map $http_x_takeover $takeover {
        default      reject;
        secret-yes   pass;
        mark         flag;
    }
--- takeover
takeover $takeover;
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme : 409 | held_by.owner=alpha
connect 2 u=jane owner=beta grant=password +username=j@acme @X-Takeover=yes : 409
connect 2 u=jane owner=beta grant=password +username=j@acme @X-Takeover=secret-yes : 200 | X-Action: forward | !OAuth-Connection-Status
call 1 : 409 | superseded_by.owner=beta
connect 3 u=jane owner=alpha grant=password +username=j@acme @X-Takeover=mark : 200 | X-Action: flag | OAuth-Connection-Status: takeover
call 3

=== TEST: a variable that is empty or no mode flags
--- http_config
    map $http_x_takeover $takeover { default $http_x_takeover; }
--- takeover
takeover $takeover;
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme : 200 | X-Action: flag
connect 3 u=jane owner=alpha grant=password +username=j@acme @X-Takeover=maybe : 200 | X-Action: flag
connect 4 u=jane owner=beta grant=password +username=j@acme @X-Takeover=reject : 409

=== TEST: without details neither holder nor requester is named
--- steps
connect 1 u=jane o=acme owner=alpha grant=password +username=j@desk
connect 2 u=jane owner=beta grant=password +username=j@desk path=/quiet : 409 | error=connection_conflict | type=urn:oauth-gateway:takeover
:         409 | -held_by | -owner | -user | -tenant | -limit
connect 2 u=jane owner=beta grant=password +username=j@desk path=/quiet : 409 | /^(?!.*(?:alpha|beta|jane|acme|\d\d:\d\d|names no owner)).*connection_conflict/
connect 2 u=jane grant=password +username=j@desk path=/quiet : 409 | error_description~names no owner
call 1

=== TEST: token_refusal has the last word on the form
--- provider eval
$::usual . 'takeover reject; token_refusal 200 application/json \'{"ok":false,"why":$oauth_detail_json}\';'
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme : 200 | ok=false | why~of owner 'alpha' | -access_token
call 1

=== TEST: who may not come in is told nothing
--- config
    location = /token {
        oauth_token_endpoint p;
        auth_basic "x";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/users;
        proxy_pass http://provider;
    }
--- provider
    user      $oauth_response_user;
    login     $oauth_request_username;
    owner     $remote_user;
    limit     1 per user client;
    takeover  reject;
--- user_files
>>> users
alpha:{PLAIN}one
beta:{PLAIN}two
--- steps
connect 1 u=jane grant=password +username=j@acme @Authorization=Basic%20YWxwaGE6b25l
connect 2 u=jane grant=password +username=j@acme @Authorization=Basic%20YWxwaGE6dHdv : 401 | /^(?!.*conflict)/
connect 2 u=jane grant=password +username=j@acme @Authorization=Basic%20YmV0YTp0d28= : 409 | owner=beta | held_by.owner=alpha
connect 2 u=jane grant=password +username=j@acme @Authorization=Basic%20YmV0YTp0d28= owner=alpha : 409 | owner=beta
connect 2 u=jane grant=password +username=j@acme @Authorization=Basic%20YWxwaGE6b25l

=== TEST: the owner that auth_request found
--- mock
    location = /who {
        add_header X-Who $http_x_badge;
        return 204;
    }
--- config
    location = /who {
        internal;
        proxy_pass http://provider;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
    }
    location = /token {
        oauth_token_endpoint p;
        auth_request /who;
        auth_request_set $who $upstream_http_x_who;
        proxy_pass http://provider;
    }
    location /api { oauth_guard p; proxy_pass http://provider; }
--- provider
    user      $oauth_response_user;
    login     $oauth_request_username;
    owner     $who $http_x_oauth_owner;
    limit     1 per user client;
    takeover  reject;
--- steps
connect 1 u=jane grant=password +username=j@acme @X-Badge=alpha
connect 2 u=jane grant=password +username=j@acme @X-Badge=beta : 409 | owner=beta | held_by.owner=alpha
connect 2 u=jane grant=password +username=j@acme @X-Badge=beta owner=alpha : 409 | owner=beta | held_by.owner=alpha
connect 2 u=jane grant=password +username=j@acme @X-Badge=alpha owner=beta
call 2

=== TEST: without an explicit owner it is refused
--- provider
    user      $oauth_response_user;
    limit     1 per user client;
    takeover  reject;
--- message
oauth_provider "p" has "takeover", but does not say who the owner is

=== TEST: also where it flags
--- provider
    user      $oauth_response_user;
    takeover  flag;
--- message
"p" has "takeover", but does not say who the owner is

=== TEST: also by a variable
--- provider
    user      $oauth_response_user;
    takeover  $arg_takeover;
--- message
"p" has "takeover", but does not say who the owner is

=== TEST: a default that was inherited is not explicit
--- provider
    user      $oauth_response_user;
    limit     1 per user client;
--- http_config
    oauth_provider q from p { takeover reject; }
--- message
"q" has "takeover", but does not say who the owner is

=== TEST: nor one that was inherited twice
--- provider
    user      $oauth_response_user;
--- http_config
    oauth_provider q from p { }
    oauth_provider r from q { takeover reject; }
--- message
"r" has "takeover", but does not say who the owner is

=== TEST: an explicit one is inherited
--- takeover
--- http_config
    oauth_provider q from p { takeover reject; }
--- config
    location = /token { oauth_token_endpoint q; proxy_pass http://provider; }
--- steps
connect 1 u=jane owner=alpha grant=password +username=j@acme
connect 2 u=jane owner=beta grant=password +username=j@acme : 409 | held_by.owner=alpha

=== TEST: pass needs no owner
--- provider
    user      $oauth_response_user;
    takeover  pass;
--- steps
connect 1 u=jane

=== TEST: a word that is no mode
--- takeover
takeover heal;
--- message
invalid.*"heal"

=== TEST: twice
--- takeover
takeover flag; takeover flag;
--- message
duplicate
