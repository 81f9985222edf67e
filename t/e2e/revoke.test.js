/*
 * Revocation (RFC 7009) by real clients: it ends the connection, or one access
 * token of it, at once and for good, inside every window.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { AuthorizationCode, consent, failure, jsforce,
         loadIntuit } from './lib/clients.js';
import { assertInvalidGrant, urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request } from './lib/http.js';
import { QuickBooks } from './providers/quickbooks.js';
import { Salesforce } from './providers/salesforce.js';
import { StandIn } from './providers/stand-in.js';


const port = ports(103);
const client = { id: 'app', secret: 'secret-of-revoke-app' };
const users = { ann: { password: 'password-of-ann', tenant: '4620816365' } };
const redirect_uri = 'http://localhost/cb';


/* simple-oauth2 takes no answer that is not JSON. */
class Acme extends StandIn {
    sendRevoked(res) {
        this.send(res, 200, {});
    }
}


/* At these providers an access token is revoked alone. */
function revokesAlone(provider) {
    const { truth } = provider;
    const whole = truth.revoke.bind(truth);

    truth.revoke = token => truth.access.has(token)
        ? truth.expireAccess(token) : whole(token);

    return provider;
}


/* `words` follow the provider's name in oauth_revocation_endpoint. */
async function setUp(Provider, { words = '', policy = '', http = '',
                                 ...options } = {}) {
    const canary = new Canary();
    const provider = await new Provider({
        canary, clients: { [client.id]: client.secret }, users, ...options,
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'revoke', port: at,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            http, policy,
            server: `
        location = ${provider.paths.revoke} {
            oauth_revocation_endpoint acme ${words};
            add_header X-Verdict $oauth_verdict always;
            proxy_pass ${provider.url};
        }`,
        }),
    }).start();

    return {
        canary, provider, gateway,
        api: (path, token) => call(gateway.url + path, token),
        refresh: token => request(gateway.url + provider.paths.token, {
            form: { grant_type: 'refresh_token', refresh_token: token },
            headers: { authorization: basic(client.id, client.secret) },
        }),
        revoke: (form, more = {}) => request(
            gateway.url + provider.paths.revoke, {
                form,
                headers: { authorization: basic(client.id, client.secret) },
                ...more,
            }),
        async tearDown() {
            await provider.close();
            await gateway.finish(canary);
        },
    };
}


async function setUpAcme(options) {
    const t = await setUp(Acme, {
        rotate: true, killOnReuse: true,
        policy: 'user $oauth_response_user; limit 1 per user client;',
        ...options,
    });
    const oauth = new AuthorizationCode({
        client,
        auth: { tokenHost: t.gateway.url, tokenPath: '/token',
                revokePath: '/revoke', authorizePath: '/authorize' },
    });

    t.connect = async () => {
        const back = await consent(oauth.authorizeURL({ redirect_uri }),
                                   'ann');

        return oauth.getToken({
            code: new URL(back).searchParams.get('code'), redirect_uri,
        });
    };

    return t;
}


/** The call is refused here, and the provider does not see it. */
async function assertCallRefused(t, path, token) {
    const { api } = t.provider.counts;
    const answer = await t.api(path, token);

    assert.equal(answer.status, 409, answer.text);
    assert.equal(answer.headers['x-verdict'], 'revoked');
    assert.equal(answer.json().type, 'urn:oauth-gateway:revoked');
    assert.equal(t.provider.counts.api, api);
}


/** So is the refresh. */
async function assertRefreshRefused(t, token, type = 'revoked') {
    const seen = t.provider.counts.token;
    const body = assertInvalidGrant(await t.refresh(token));

    assert.equal(body.type, `urn:oauth-gateway:${type}`);
    assert.equal(t.provider.counts.token, seen);
}


test('simple-oauth2 revokes a refresh token: the connection ends',
     async () => {
    const t = await setUpAcme();
    const first = await t.connect();
    const second = await first.refresh();

    assert.equal((await t.api('/api/x', second.token.access_token)).status,
                 200);

    /* inside the window it would be replayed */
    assert.equal((await t.refresh(first.token.refresh_token)).json()
        .access_token, second.token.access_token);

    await second.revoke('refresh_token');
    assert.equal(t.provider.counts.revoke, 1);

    await assertRefreshRefused(t, first.token.refresh_token);
    await assertRefreshRefused(t, second.token.refresh_token);
    await assertCallRefused(t, '/api/x', first.token.access_token);
    await assertCallRefused(t, '/api/x', second.token.access_token);
    assert.equal((await failure(second.refresh())).data.payload.error,
                 'invalid_grant');

    /* final: also after a restart, and whatever the user does next */
    await t.gateway.restart();
    await assertRefreshRefused(t, first.token.refresh_token);

    const anew = await t.connect();

    assert.equal((await t.api('/api/x', anew.token.access_token))
        .headers['x-verdict'], 'active');
    await assertRefreshRefused(t, first.token.refresh_token);
    await assertRefreshRefused(t, second.token.refresh_token);
    await t.tearDown();
});


test('simple-oauth2 revokes an access token: the connection lives',
     async () => {
    const t = await setUpAcme();

    revokesAlone(t.provider);

    const first = await t.connect();
    const second = await first.refresh();

    await second.revoke('access_token');
    await assertCallRefused(t, '/api/x', second.token.access_token);
    assert.equal((await t.api('/api/x', first.token.access_token)).status,
                 200);

    /* the window held an answer with the token that is revoked */
    await assertRefreshRefused(t, first.token.refresh_token, 'rotated');

    const third = await second.refresh();

    assert.equal((await t.api('/api/x', third.token.access_token))
        .headers['x-verdict'], 'active');
    await assertCallRefused(t, '/api/x', second.token.access_token);
    await t.tearDown();
});


test('revokeAll', async () => {
    const t = await setUpAcme();

    revokesAlone(t.provider);

    const token = await t.connect();

    await token.revokeAll();
    assert.equal(t.provider.counts.revoke, 2);
    await assertCallRefused(t, '/api/x', token.token.access_token);
    await assertRefreshRefused(t, token.token.refresh_token);
    await t.tearDown();
});


test('with "connection" an access token ends it all', async () => {
    const t = await setUpAcme({ words: 'connection' });
    const first = await t.connect();
    const second = await first.refresh();

    await first.revoke('access_token');

    for (const { token } of [first, second]) {
        await assertCallRefused(t, '/api/x', token.access_token);
        await assertRefreshRefused(t, token.refresh_token);
    }

    await t.tearDown();
});


test('with "token" a refresh token ends itself', async () => {
    const t = await setUpAcme({ words: 'token' });

    t.provider.truth.revoke = () => {};

    const { token } = await t.connect();

    await t.revoke({ token: token.refresh_token });
    await assertRefreshRefused(t, token.refresh_token);
    assert.equal((await t.api('/api/x', token.access_token))
        .headers['x-verdict'], 'active');
    await t.tearDown();
});


test('a revocation that fails ends nothing', async () => {
    const t = await setUpAcme();
    const first = await t.connect();
    const { revoke } = t.provider;

    t.provider.revoke = async (req, res) => {
        req.resume();
        t.provider.send(res, 503, { error: 'temporarily_unavailable' });
    };

    assert.equal((await t.revoke({ token: first.token.refresh_token }))
        .status, 503);
    assert.equal((await t.api('/api/x', first.token.access_token))
        .headers['x-verdict'], 'active');

    t.provider.revoke = revoke;

    /* neither does one of a token that nobody has seen */
    const answer = await t.revoke({ token: 'never-seen-before' });

    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-verdict'], 'unknown');

    const second = await first.refresh();

    assert.equal((await t.api('/api/x', second.token.access_token))
        .headers['x-verdict'], 'active');
    await t.tearDown();
});


test('jsforce logs out: the session ends, the connection does not',
     async () => {
    const t = await setUp(Salesforce, {
        http: `
    oauth_json $sf_id response /id;
    map $sf_id $sf_user { "~/(?<u>[^/]+)$" $u; }`,
        policy: `user $sf_user;
                 expires_in $oauth_response_expires_in 2h;
                 response_set instance_url $scheme://$http_host;
                 limit 5 per user client;`,
    });

    revokesAlone(t.provider);

    const oauth2 = {
        loginUrl: t.gateway.url, clientId: client.id,
        clientSecret: client.secret, redirectUri: redirect_uri,
    };
    const query = conn => conn.query('SELECT Name FROM Account');
    const path = '/services/data/v50.0/query';
    const conn = new jsforce.Connection({ oauth2 });
    const back = await consent(conn.oauth2.getAuthorizationUrl({}), 'ann');

    await conn.authorize(new URL(back).searchParams.get('code'));
    await query(conn);

    const { accessToken, refreshToken } = conn;

    await conn.logout();
    assert.equal(t.provider.counts.revoke, 1);
    await assertCallRefused(t, path, accessToken);

    /* who kept the refresh token goes on */
    const again = new jsforce.Connection({
        oauth2, accessToken: 'of-long-ago', refreshToken,
        instanceUrl: t.gateway.url,
    });

    assert.equal((await query(again)).totalSize, 1);
    assert.notEqual(again.accessToken, accessToken);
    await assertCallRefused(t, path, accessToken);

    /* logout(true) sends the refresh token */
    const last = again.accessToken;

    await again.logout(true);
    await assertCallRefused(t, path, last);
    await assertRefreshRefused(t, refreshToken);
    await t.tearDown();
});


test('intuit-oauth revokes with JSON', async () => {
    const t = await setUp(QuickBooks, {
        words: 'connection',
        http: `
    map $uri $qb_realm { "~^/v3/company/(?<r>\\d+)/" $r; }`,
        policy: 'tenant $qb_realm; limit 1 per tenant client;',
    });
    const { paths } = t.provider;
    const path = `/v3/company/${users.ann.tenant}/companyinfo/1`;

    const connect = async () => {
        const c = new (loadIntuit())({
            clientId: client.id, clientSecret: client.secret,
            environment: 'sandbox', redirectUri: redirect_uri,
        });

        c.setAuthorizeURLs({
            authorizeEndpoint: t.gateway.url + paths.authorize,
            tokenEndpoint: t.gateway.url + paths.token,
            revokeEndpoint: t.gateway.url + paths.revoke,
            userInfoEndpoint: t.gateway.url + paths.userinfo,
        });
        await c.createToken(await consent(
            c.authorizeUri({ scope: 'accounting', state: 's' }), 'ann'));

        return c;
    };

    for (const name of ['access_token', 'refresh_token']) {
        const c = await connect();
        const { access_token: access, refresh_token: refresh } = c.getToken();

        await c.makeApiCall({ url: t.gateway.url + path });
        await c.refresh();
        await c.revoke({ [name]: c.getToken()[name] });

        await assertCallRefused(t, path, access);
        await assertRefreshRefused(t, refresh);
    }

    assert.equal(t.provider.counts.revoke, 2);
    assert.equal(t.provider.counts.dead, 0);
    await t.tearDown();
});
