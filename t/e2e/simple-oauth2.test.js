/* simple-oauth2, unmodified, through the gateway. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Canary } from './lib/canary.js';
import { AuthorizationCode, ClientCredentials, consent, failure,
         ResourceOwnerPassword } from './lib/clients.js';
import { assertInvalidGrant, assertSuperseded,
         urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request } from './lib/http.js';
import { StandIn } from './providers/stand-in.js';


const port = ports(1);
const client = { id: 'app', secret: 'secret-of-simple-oauth2' };
const users = {
    ann: { password: 'password-of-ann', tenant: 'acme' },
    bob: { password: 'password-of-bob', tenant: 'acme' },
    eve: { password: 'password-of-eve', tenant: 'other' },
};

const SCENARIOS = {
    user: { limit: 'user client', who: ['ann', 'ann'] },
    tenant: { limit: 'tenant client', who: ['ann', 'bob'] },
};


async function setUp({ limit, ...provider }) {
    const canary = new Canary();
    const standIn = await new StandIn({
        canary, clients: { [client.id]: client.secret }, users,
        limits: [{ n: 1, per: limit.split(' ') }], ...provider,
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'simple', port: at,
        config: dir => urlMode({
            dir, port: at, upstream: standIn.url, paths: standIn.paths,
            policy: `user $oauth_response_user;
                     tenant $oauth_response_tenant;
                     issued_at $oauth_response_issued_at;
                     limit 1 per ${limit};`,
        }),
    }).start();

    return {
        canary, standIn, gateway,
        options: (more = {}) => ({
            client,
            auth: { tokenHost: gateway.url, tokenPath: '/token' },
            http: { headers: { 'x-oauth-owner': more.owner ?? 'recipe' } },
            options: more.options,
        }),
        api: t => call(`${gateway.url}/api/x`, t.token.access_token),
        async tearDown() {
            await standIn.close();
            await gateway.finish(canary);
        },
    };
}


async function byCode(options, user) {
    const oauth = new AuthorizationCode({
        ...options, auth: { ...options.auth, authorizePath: '/authorize' },
    });
    const redirect_uri = 'http://localhost/cb';
    const back = await consent(oauth.authorizeURL({ redirect_uri }), user);

    return oauth.getToken({
        code: new URL(back).searchParams.get('code'), redirect_uri,
    });
}


for (const [name, { limit, who }] of Object.entries(SCENARIOS)) {
    for (const [kind, options, provider] of [
        ['form body, Basic', {}, {}],
        ['form body, secret in the body', { authorizationMethod: 'body' }, {}],
        ['JSON body, Basic', { bodyFormat: 'json' }, {}],
        ['JSON body, secret in the body',
         { bodyFormat: 'json', authorizationMethod: 'body' }, {}],
        ['rotation', {}, { rotate: true, killOnReuse: true }],
    ]) {
        test(`same ${name}, authorization code, ${kind}`, async () => {
            const t = await setUp({ limit, ...provider });

            const opened = await byCode(
                t.options({ owner: 'first', options }), who[0]);

            assert.equal((await t.api(opened)).status, 200);

            const first = await opened.refresh();
            /* simple-oauth2 forgets a refresh token that is not repeated */
            const keeper = first.token.refresh_token ? first : opened;

            const good = await t.api(first);

            assert.equal(good.status, 200);
            assert.equal(good.headers['x-verdict'], 'active');

            const second = await byCode(
                t.options({ owner: 'second', options }), who[1]);
            const refused = await t.api(first);

            assertSuperseded(refused, {
                owner: 'first', by: 'second', provider: 'acme',
                user: 'ann', tenant: 'acme',
                limit: { n: 1, per: limit.split(' ') },
            });
            assert.equal((await t.api(second)).status, 200);

            const before = t.standIn.counts.token;
            const e = await failure(keeper.refresh());

            assert.equal(e.data.payload.error, 'invalid_grant');
            assert.match(e.data.payload.error_description, /second/);
            assert.equal(t.standIn.counts.token, before,
                         'the provider saw the refused refresh');

            assert.equal((await (second.refresh().then(t.api))).status, 200);
            assert.equal(t.standIn.counts.dead, 0);
            assert.equal(t.standIn.counts.owner, 0,
                         'the owner header left the house');

            await t.tearDown();
        });
    }
}


describe('other grants', () => {
    let t;

    before(async () => {
        t = await setUp({ limit: 'user client' });
    });

    after(() => t.tearDown());


    test('password', async () => {
        const oauth = new ResourceOwnerPassword(t.options());
        const connect = () => oauth.getToken({
            username: 'eve', password: users.eve.password,
        });
        const first = await connect();

        assert.equal((await t.api(first)).status, 200);

        const second = await connect();

        assertSuperseded(await t.api(first), { user: 'eve' });
        assert.equal((await t.api(second)).status, 200);
        assert.equal(t.standIn.counts.dead, 0);
    });


    test('client credentials take no slot', async () => {
        const oauth = new ClientCredentials(t.options());
        const first = await oauth.getToken({});
        const second = await oauth.getToken({});

        for (const token of [first, second]) {
            const answer = await t.api(token);

            assert.equal(answer.status, 200);
            assert.equal(answer.headers['x-verdict'], 'active');
        }
    });


    test('a token that nobody saw issued passes', async () => {
        const direct = await request(`${t.standIn.url}/token`, {
            form: { grant_type: 'password', username: 'bob',
                    password: users.bob.password },
            headers: { authorization: basic(client.id, client.secret) },
        });
        const answer = await call(`${t.gateway.url}/api/x`,
                                  direct.json().access_token);

        assert.equal(answer.status, 200);
        assert.equal(answer.headers['x-verdict'], 'unknown');
    });


    test('a wrong password is the provider\'s to refuse', async () => {
        const e = await failure(new ResourceOwnerPassword(t.options())
            .getToken({ username: 'ann', password: 'not-the-password' }));

        assert.equal(e.data.payload.error, 'invalid_grant');
        assert.equal(e.data.payload.error_description,
                     'authentication failure');
    });


    test('a refused refresh has the form of RFC 6749', async () => {
        const connect = () => byCode(t.options({ owner: 'desk' }), 'bob');
        const first = await connect();

        await connect();

        const body = assertInvalidGrant(await request(
            `${t.gateway.url}/token`, {
                form: { grant_type: 'refresh_token',
                        refresh_token: first.token.refresh_token },
                headers: { authorization: basic(client.id, client.secret) },
            }));

        assert.equal(body.type, 'urn:oauth-gateway:superseded');
        assert.equal(body.superseded_by.owner, 'desk');
    });
});


test('form-encoded answers are recorded', async () => {
    const t = await setUp({ limit: 'user client', form: true });
    const connect = async () => {
        const answer = await request(`${t.gateway.url}/token`, {
            form: { grant_type: 'password', username: 'ann',
                    password: users.ann.password, client_id: client.id,
                    client_secret: client.secret },
        });

        assert.match(answer.headers['content-type'],
                     /^application\/x-www-form-urlencoded/);

        return new URLSearchParams(answer.text).get('access_token');
    };
    const api = token => call(`${t.gateway.url}/api/x`, token);
    const first = await connect();

    assert.equal((await api(first)).headers['x-verdict'], 'active');
    await connect();
    assertSuperseded(await api(first));
    await t.tearDown();
});
