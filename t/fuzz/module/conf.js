/*
 * A gateway in which every directive stands, in front of one provider that
 * answers as it likes.  "strict" is the provider about which something is
 * asserted: its locations refuse, and nobody else names it.
 */


export function configuration({ dir, workers, user }) {
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        n => `    ${n}_temp_path ${dir}/temp/${n};`).join('\n');

    return `${user}
master_process on;
worker_processes ${workers};
pid ${dir}/nginx.pid;
error_log ${dir}/error.log warn;

events { worker_connections 2048; }

http {
${temp}
    log_format all '$request $status $oauth_verdict $oauth_action '
        '$oauth_provider $oauth_connection $oauth_user $oauth_tenant '
        '$oauth_owner $oauth_client $oauth_grant $oauth_scope '
        '$oauth_contested $oauth_superseded_by $oauth_superseded_by_owner '
        '$oauth_superseded_at $oauth_detail $oauth_detail_json '
        '$oauth_problem $oauth_request_grant_type $oauth_response_scope '
        '$oauth_userinfo_sub $oauth_id_token_sub $oauth_access_token_sub '
        '$oauth_assertion_iss $oauth_client_assertion_iss';
    access_log ${dir}/access.log all buffer=64k;

    client_header_timeout 1s;
    client_body_timeout 1s;
    client_body_buffer_size 4k;
    send_timeout 1s;
    keepalive_requests 100000;
    lingering_timeout 100ms;
    large_client_header_buffers 4 8k;
    proxy_connect_timeout 1s;
    proxy_send_timeout 1s;
    proxy_read_timeout 1s;
    proxy_buffer_size 4k;
    proxy_buffers 4 4k;
    proxy_busy_buffers_size 8k;
    proxy_set_header Host $http_host;

    oauth_store ${dir}/store max_size=8g sync=off retention=60s;
    oauth_key_file ${dir}/store.key;
    oauth_json $deep_user response /authed_user/id;
    oauth_json $deep_token response /authed_user/access_token;
    oauth_json $info_user userinfo /user/id;
    oauth_json $asked_scope request /scope;
    oauth_json $claim_org id_token /org/0;
    oauth_json $inner access_token /a/b;
    oauth_json $said assertion /sub;
    oauth_json $client_said client_assertion /iss;

    map $http_x_mode $mode {
        default reject; flag flag; heal heal; odd odd; none "";
    }
    map $http_x_takeover $takeover { default reject; flag flag; pass pass; }
    map $uri $realm { "~^/[a-z]+/company/(?<id>[0-9]+)" $id; }
    map $upstream_http_www_authenticate $is_dead { ~invalid_token 1; }

    oauth_provider strict {
        user $oauth_response_user;
        limit 1 per user;
        contact "nobody";
    }

    oauth_provider rich {
        user $oauth_id_token_sub $oauth_response_user $deep_user $info_user;
        tenant $oauth_response_tenant $claim_org $realm;
        login $oauth_request_username $said $oauth_assertion_sub;
        owner $http_x_oauth_owner $http_user_agent;
        client $oauth_request_client_id $client_said;
        issued_at $oauth_response_issued_at;
        access_token $oauth_response_access_token;
        access_token $deep_token;
        refresh_token $oauth_response_refresh_token;
        expires_in $oauth_response_expires_in 2h;
        refresh_expires_in $oauth_response_refresh_expires_in;
        limit 1 per user client;
        limit 3 per tenant $asked_scope;
        limit 5 per client scope;
        exempt client_credentials;
        takeover $takeover;
        integration_users u1 u2 u3 l1 l2;
        other_users flag;
        replay 1s;
        grace 1s;
        refresh_ends_access on;
        dead 401 $is_dead;
        contested 2 5s;
        idle 5s;
        response_set instance_url $http_x_url;
        response_set refresh_token $http_x_refresh;
        refusal 403 application/json '[{"message":$oauth_detail_json}]';
        token_refusal 200 application/json '{"ok":false}';
        contact "Somebody \\"quoted\\"";
        link https://example.com/?a=b;
    }

    oauth_provider healing from rich {
        takeover pass;
        other_users $http_x_mode;
        refusal 401;
        token_refusal 400 application/json
            '{"error":"invalid_grant","why":$oauth_detail_json}';
        grace always;
        replay 60s;
        exempt none;
        idle 400d;
        integration_users $http_x_user;
    }

    server {
        listen unix:${dir}/http;
        listen unix:${dir}/http2 http2;
        server_name localhost;
        proxy_pass_request_headers on;

        location = /strict/token {
            oauth_token_endpoint strict;
            proxy_read_timeout 60s;
            proxy_pass http://unix:${dir}/provider;
        }

        location /strict/ {
            oauth_guard strict;
            proxy_read_timeout 60s;
            proxy_pass http://unix:${dir}/provider;
        }

        location = /rich/token {
            oauth_token_endpoint rich $mode;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://unix:${dir}/provider;
        }

        location = /rich/revoke {
            oauth_revocation_endpoint rich;
            proxy_pass http://unix:${dir}/provider;
        }

        location = /rich/me {
            oauth_guard rich $mode;
            oauth_userinfo_endpoint rich;
            oauth_broken $mode;
            oauth_unknown $mode;
            error_page 403 409 /said;
            proxy_pass http://unix:${dir}/provider;
        }

        location = /rich/form {
            oauth_guard rich flag;
            oauth_token_from form=token;
            oauth_details off;
            proxy_pass http://unix:${dir}/provider;
        }

        location = /rich/many {
            oauth_guard rich reject;
            oauth_token_from $http_x_token $arg_token $cookie_token;
            proxy_pass http://unix:${dir}/provider;
        }

        location /rich/ {
            oauth_guard rich $mode;
            oauth_broken reject;
            satisfy any;
            allow all;
            deny all;
            gzip on;
            gzip_types *;
            gzip_min_length 0;
            proxy_request_buffering off;
            proxy_http_version 1.1;
            proxy_pass http://unix:${dir}/provider;
        }

        location = /healing/token {
            oauth_token_endpoint healing heal;
            proxy_pass http://unix:${dir}/provider;
        }

        location = /healing/revoke {
            oauth_revocation_endpoint healing token;
            proxy_pass http://unix:${dir}/provider;
        }

        location /healing/ {
            oauth_guard healing heal;
            oauth_broken pass;
            oauth_unknown flag;
            mirror /mirrored;
            auth_request /check/healing;
            proxy_buffering off;
            proxy_pass http://unix:${dir}/provider;
        }

        location = /check/healing {
            oauth_check healing flag status=200;
        }

        location = /check/rich {
            oauth_check rich reject;
            oauth_unknown reject;
        }

        location = /mirrored {
            internal;
            oauth_guard rich flag;
            proxy_pass http://unix:${dir}/provider;
        }

        location = /said {
            internal;
            return 200 "$oauth_verdict $oauth_detail_json\\n";
        }

        location /status/ {
            oauth_status;
            oauth_status_write on;
        }

        location = /metrics { oauth_status metrics; }
        location = /health { oauth_status health; }
    }
}
`;
}
