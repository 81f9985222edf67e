/*
 * intuit-oauth, unmodified, through the gateway.  Its token request never
 * names the company: the gateway learns it from the path of the first call.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { consent, failure, loadIntuit } from './lib/clients.js';
import { assertSuperseded, urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { call, ports, until } from './lib/http.js';
import { QuickBooks } from './providers/quickbooks.js';


const port = ports(4);
const realm = '4620816365291234567';
const client = { id: 'ABcd.intuit.app', secret: 'secret-of-intuit-app' };
const users = {
    ann: { password: 'password-of-ann', tenant: realm },
    bob: { password: 'password-of-bob', tenant: realm },
    eve: { password: 'password-of-eve', tenant: '9130350001' },
};


async function setUp() {
    const canary = new Canary();
    const at = await port();
    const qb = await new QuickBooks({
        canary, clients: { [client.id]: client.secret }, users,
    }).listen(await port());
    const gateway = await new Gateway({
        name: 'intuit', port: at,
        config: dir => urlMode({
            dir, port: at, upstream: qb.url, name: 'quickbooks',
            paths: qb.paths,
            http: `
    map $uri $qb_realm { "~^/v3/company/(?<r>\\d+)/" $r; }`,
            policy: `tenant $qb_realm;
                     refresh_expires_in
                         $oauth_response_x_refresh_token_expires_in;
                     limit 1 per tenant client;`,
        }),
    }).start();
    const company = user => users[user].tenant;

    return {
        canary, qb, gateway,
        async connect(user) {
            const c = new (loadIntuit())({
                clientId: client.id, clientSecret: client.secret,
                environment: 'sandbox', redirectUri: 'http://localhost/cb',
            });

            c.setAuthorizeURLs({
                authorizeEndpoint: gateway.url + qb.paths.authorize,
                tokenEndpoint: gateway.url + qb.paths.token,
                revokeEndpoint: gateway.url + qb.paths.revoke,
                userInfoEndpoint: gateway.url + qb.paths.userinfo,
            });

            await c.createToken(await consent(
                c.authorizeUri({ scope: 'accounting', state: 's' }), user));
            assert.equal(c.getToken().realmId, company(user));

            return c;
        },
        info: (c, user) => c.makeApiCall({
            url: `${gateway.url}/v3/company/${company(user)}/companyinfo/1`,
        }),
        plain: (c, user) => call(
            `${gateway.url}/v3/company/${company(user)}/companyinfo/1`,
            c.getToken().access_token),
        async tearDown() {
            await qb.close();
            await gateway.finish(canary);
        },
    };
}


test('a second user of a company: the first is told', async () => {
    const t = await setUp();
    const ann = await t.connect('ann');

    assert.equal((await t.info(ann, 'ann')).json.CompanyInfo.CompanyName,
                 `Company ${realm}`);

    const same = ann.getToken().refresh_token;

    await ann.refresh();
    assert.equal(ann.getToken().refresh_token, same,
                 'QuickBooks repeats its refresh token');
    assert.equal((await t.plain(ann, 'ann')).headers['x-verdict'], 'active');

    const eve = await t.connect('eve');

    await t.info(eve, 'eve');

    const bob = await t.connect('bob');

    await t.info(bob, 'bob');

    /* The binding takes effect with its commit; that call was not held. */
    await until(async () => (await t.plain(ann, 'ann')).status === 409,
                5000, 'the binding of the company');

    const before = JSON.stringify(t.qb.counts);

    assertSuperseded(await t.plain(ann, 'ann'), {
        provider: 'quickbooks', tenant: realm,
        limit: { n: 1, per: ['tenant', 'client'] },
    });

    const e = await failure(t.info(ann, 'ann'));

    assert.equal(e.code, '409');
    assert.ok(await failure(ann.refresh()));
    assert.equal(JSON.stringify(t.qb.counts), before,
                 'the provider saw something');

    await t.info(bob, 'bob');
    await bob.refresh();
    await t.info(bob, 'bob');
    await t.info(eve, 'eve');
    await t.tearDown();
});


test('a dead connection is explained once the company is known', async () => {
    const t = await setUp();
    const ann = await t.connect('ann');

    await t.info(ann, 'ann');

    const bob = await t.connect('bob');

    /* Nothing names bob's company yet: the provider itself says no to ann. */
    assert.equal((await failure(t.info(ann, 'ann'))).code, '401');
    assert.ok(await failure(ann.refresh()));

    await t.info(bob, 'bob');
    await until(async () => (await t.plain(ann, 'ann')).status === 409,
                5000, 'the binding of the company');
    assertSuperseded(await t.plain(ann, 'ann'), { tenant: realm });
    await t.tearDown();
});


test('an older connection that binds late is itself superseded', async () => {
    const t = await setUp();
    const ann = await t.connect('ann');
    const bob = await t.connect('bob');

    await t.info(bob, 'bob');
    await until(async () => (await t.plain(bob, 'bob')).status === 200);

    /* ann's first call is answered 401: no binding may come of that. */
    assert.equal((await t.plain(ann, 'ann')).status, 401);
    assert.equal((await t.plain(bob, 'bob')).status, 200);
    assert.equal((await t.plain(bob, 'bob')).headers['x-verdict'], 'active');
    await t.tearDown();
});
