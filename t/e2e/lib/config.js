/* Parts of gateway configurations, and what a refusal must look like. */

import assert from 'node:assert/strict';


/**
 * The http block of a gateway in URL mode in front of one provider.
 *
 * policy   lines of the oauth_provider block
 * paths    the provider's paths: { token, api, revoke }
 * guard    further words after `oauth_guard NAME`
 * token    further words after `oauth_token_endpoint NAME`
 * server   further lines of the server block
 */
export function urlMode({ dir, port, upstream, name = 'acme', policy, paths,
                          guard = '', token = '', http = '', server = '',
                          store = '' }) {
    return `
    oauth_store ${dir}/store ${store};
    ${http}

    oauth_provider ${name} {
        ${policy}
    }

    server {
        listen 127.0.0.1:${port};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        ${server}

        location = ${paths.token} {
            oauth_token_endpoint ${name} ${token};
            proxy_pass ${upstream};
        }

        location ${paths.api} {
            oauth_guard ${name} ${guard};
            add_header X-Verdict $oauth_verdict always;
            proxy_pass ${upstream};
        }

        location / {
            proxy_pass ${upstream};
        }
    }
`;
}


const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;


/** Checks a refused API call's answer against the public interface. */
export function assertSuperseded(answer, expected = {}) {
    assert.equal(answer.status, 409, answer.text);
    assert.match(answer.headers['content-type'],
                 /^application\/problem\+json/);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['x-should-retry'], 'false');

    const problem = answer.json();

    assertProblem(problem, expected);
    assert.equal(problem.status, 409);

    return problem;
}


/** Checks the members of a problem document about a superseded connection. */
export function assertProblem(problem, { owner, by, provider, user, tenant,
                                         limit } = {}) {
    assert.equal(problem.type, 'urn:oauth-gateway:superseded');
    assert.equal(problem.message, problem.detail);
    assert.ok(problem.title);
    assert.ok(problem.detail.length > 40, problem.detail);
    assert.match(problem.connected_at, TIME);
    assert.match(problem.superseded_at, TIME);
    assert.match(problem.superseded_by.connected_at, TIME);
    assert.equal(typeof problem.connection, 'string');
    assert.equal(typeof problem.superseded_by.connection, 'string');
    assert.notEqual(problem.superseded_by.connection, problem.connection);
    assert.equal(typeof problem.contested, 'boolean');

    const { n, per, held } = problem.limit;

    assert.ok(held >= 0 && held <= n, JSON.stringify(problem.limit));
    assert.ok(Array.isArray(per));

    if (owner !== undefined) {
        assert.equal(problem.owner, owner);
    }

    if (by !== undefined) {
        assert.equal(problem.superseded_by.owner, by);
        assert.ok(problem.detail.includes(by), problem.detail);
    }

    if (provider !== undefined) {
        assert.equal(problem.provider, provider);
    }

    if (user !== undefined) {
        assert.equal(problem.user, user);
    }

    if (tenant !== undefined) {
        assert.equal(problem.tenant, tenant);
    }

    if (limit !== undefined) {
        assert.deepEqual({ n, per }, limit);
    }
}


/** Checks a token request refused by the gateway (RFC 6749, section 5.2). */
export function assertInvalidGrant(answer) {
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.equal(answer.headers['cache-control'], 'no-store');

    const body = answer.json();

    assert.equal(body.error, 'invalid_grant');
    assert.match(body.error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);

    return body;
}
