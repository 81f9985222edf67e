/*
 * jsforce, unmodified, through the gateway in URL mode.  What matters most:
 * one refused call, then it stops, and its user is told why.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { consent, failure, jsforce } from './lib/clients.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { ports, sleep } from './lib/http.js';
import { Salesforce, sfId } from './providers/salesforce.js';


const port = ports(3);
const client = { id: '3MVG9.app', secret: 'secret-of-jsforce-app' };
const users = {
    'ann@acme.com': { password: 'password-of-ann+token', tenant: 'acme' },
    'bob@acme.com': { password: 'password-of-bob+token', tenant: 'acme' },
};

const NATIVE = status => `refusal ${status} "application/json;charset=UTF-8"
    '[{"message":$oauth_detail_json,"errorCode":"CONNECTION_SUPERSEDED"}]';`;


async function setUp({ limit = 'limit 1 per user client;', policy = '',
                       truth = [{ n: 1, per: ['user', 'client'] }],
                       ...provider } = {}) {
    const canary = new Canary();
    const at = await port();
    const sf = await new Salesforce({
        canary, clients: { [client.id]: client.secret }, users,
        limits: truth, ...provider,
    }).listen(await port());
    const gateway = await new Gateway({
        name: 'jsforce', port: at,
        config: dir => urlMode({
            dir, port: at, upstream: sf.url, name: 'salesforce',
            paths: sf.paths,
            http: `
    oauth_json $sf_id response /id;
    map $sf_id $sf_user { "~/(?<u>[^/]+)$" $u; }
    map $sf_id $sf_org { "~/(?<o>[^/]+)/[^/]+$" $o; }`,
            policy: `user $sf_user;
                     tenant $sf_org;
                     login $oauth_request_username;
                     issued_at $oauth_response_issued_at;
                     expires_in $oauth_response_expires_in 2h;
                     response_set instance_url http://127.0.0.1:${at};
                     ${limit} ${policy}`,
        }),
    }).start();
    const connection = owner => {
        const conn = new jsforce.Connection({
            oauth2: {
                loginUrl: gateway.url, clientId: client.id,
                clientSecret: client.secret,
                redirectUri: 'http://localhost/cb',
            },
        });

        conn.oauth2._transport = transport(conn.oauth2._transport, owner);

        return conn;
    };

    return {
        canary, sf, gateway,
        connection,
        async byPassword(user, owner) {
            const conn = connection(owner);

            await conn.login(user, users[user].password);
            assert.equal(conn.instanceUrl, gateway.url);

            return conn;
        },
        async byCode(user, owner) {
            const conn = connection(owner);
            const back = await consent(conn.oauth2.getAuthorizationUrl({}),
                                       user);

            await conn.authorize(new URL(back).searchParams.get('code'));
            assert.equal(conn.instanceUrl, gateway.url);

            return conn;
        },
        async tearDown() {
            await sf.close();
            await gateway.finish(canary);
        },
    };
}


/* The network labels the runner: jsforce itself sends no owner. */
function transport(inner, owner) {
    return !owner ? inner : {
        httpRequest: (req, options) => inner.httpRequest({
            ...req, headers: { ...req.headers, 'x-oauth-owner': owner },
        }, options),
    };
}


const query = conn => conn.query('SELECT Name FROM Account');


/**
 * The call fails, once: no request reaches the provider, not even later.
 * Gives the error that the user sees.
 */
async function refusedOnce(t, conn) {
    const before = JSON.stringify(t.sf.counts);
    let requests = 0;
    const { httpRequest } = conn._transport;

    conn._transport.httpRequest = function (...args) {
        requests++;
        return httpRequest.apply(this, args);
    };

    const e = await failure(query(conn));

    await sleep(300);
    assert.equal(JSON.stringify(t.sf.counts), before,
                 'the provider saw something');
    assert.equal(requests, 1, 'jsforce tried again');

    return e;
}


for (const grant of ['byPassword', 'byCode']) {
    test(`two connections of one user, ${grant}`, async () => {
        const t = await setUp();
        const first = await t[grant]('ann@acme.com', 'invoices');

        assert.equal((await query(first)).records[0].Name, 'Acme');

        const second = await t[grant]('ann@acme.com', 'orders');
        const e = await refusedOnce(t, first);

        assert.equal(e.errorCode, 'ERROR_HTTP_409');

        const problem = JSON.parse(e.message);

        assert.equal(problem.type, 'urn:oauth-gateway:superseded');
        assert.equal(problem.owner, 'invoices');
        assert.equal(problem.superseded_by.owner, 'orders');
        assert.equal(problem.user, sfId('005', 'ann@acme.com'));
        assert.equal(problem.tenant, sfId('00D', 'acme'));

        assert.equal((await query(second)).records[0].Name, 'Acme');
        assert.equal(t.sf.counts.dead, 0);
        assert.equal(t.sf.counts.owner, 0);
        await t.tearDown();
    });


    test(`two users of one company do not disturb each other, ${grant}`,
         async () => {
        const t = await setUp();
        const ann = await t[grant]('ann@acme.com');
        const bob = await t[grant]('bob@acme.com');

        await query(ann);
        await query(bob);
        assert.equal(t.sf.counts.dead, 0);
        await t.tearDown();
    });


    test(`one connection per company, ${grant}`, async () => {
        const t = await setUp({
            limit: 'limit 1 per tenant client;',
            truth: [{ n: 1, per: ['tenant', 'client'] }],
        });
        const ann = await t[grant]('ann@acme.com', 'ann-recipe');
        const bob = await t[grant]('bob@acme.com', 'bob-recipe');
        const problem = JSON.parse((await refusedOnce(t, ann)).message);

        assert.equal(problem.superseded_by.owner, 'bob-recipe');
        assert.deepEqual(problem.limit.per, ['tenant', 'client']);
        await query(bob);
        assert.equal(t.sf.counts.dead, 0);
        await t.tearDown();
    });
}


test('five approvals: the sixth ends the oldest alone', async () => {
    const t = await setUp({
        limit: 'limit 5 per user client;',
        truth: [{ n: 5, per: ['user', 'client'] }],
    });
    const all = [];

    for (let i = 0; i < 6; i++) {
        all.push(await t.byCode('ann@acme.com', `recipe-${i}`));
    }

    const problem = JSON.parse((await refusedOnce(t, all[0])).message);

    assert.equal(problem.superseded_by.owner, 'recipe-5');
    assert.equal(problem.limit.n, 5);

    for (const conn of all.slice(1)) {
        await query(conn);
    }

    assert.equal(t.sf.counts.dead, 0);
    await t.tearDown();
});


for (const rotate of [false, true]) {
    test(`refresh, rotation ${rotate ? 'on' : 'off'}`, async () => {
        const t = await setUp({ rotate });
        const first = await t.byCode('ann@acme.com', 'invoices');
        const session = first.accessToken;

        t.sf.truth.expireAccess(session);
        assert.equal((await query(first)).records[0].Name, 'Acme');
        assert.notEqual(first.accessToken, session);
        assert.equal(t.sf.counts.grants.refresh_token, 1);
        assert.equal(t.sf.counts.dead, 1, 'the session ended by itself');

        const second = await t.byCode('ann@acme.com', 'orders');

        await refusedOnce(t, first);

        const e = await failure(first.oauth2.refreshToken(
            t.sf.truth.connectionOf(first.accessToken).refreshToken));

        assert.equal(e.name, 'invalid_grant');
        assert.match(e.message, /orders/);
        assert.equal(t.sf.counts.grants.refresh_token, 1,
                     'the provider saw the refused refresh');

        t.sf.truth.expireAccess(second.accessToken);
        await query(second);
        await t.tearDown();
    });
}


test('a session that ends again right after its refresh', async () => {
    const t = await setUp();
    const conn = await t.byCode('ann@acme.com', 'invoices');

    for (let i = 1; i <= 3; i++) {
        const session = conn.accessToken;

        t.sf.truth.expireAccess(session);
        assert.equal((await query(conn)).records[0].Name, 'Acme');
        assert.notEqual(conn.accessToken, session);

        /* A kept answer with a dead token may be met once, not for long. */
        assert.ok(t.sf.counts.dead <= 3 * i, `${t.sf.counts.dead} calls`);
    }

    await t.tearDown();
});


test('the form of Salesforce: code and sentence reach the user', async () => {
    const t = await setUp({ policy: NATIVE(409) });
    const first = await t.byPassword('ann@acme.com', 'invoices');

    await t.byPassword('ann@acme.com', 'orders');

    const e = await refusedOnce(t, first);

    assert.equal(e.errorCode, 'CONNECTION_SUPERSEDED');
    assert.match(e.message, /orders/);
    assert.doesNotMatch(e.message, /[{}]/, 'a sentence, not a document');
    await t.tearDown();
});


test('even with 401 a refused refresh ends the matter', async () => {
    const t = await setUp({ policy: NATIVE(401) });
    const first = await t.byCode('ann@acme.com', 'invoices');

    await t.byCode('ann@acme.com', 'orders');

    const before = JSON.stringify(t.sf.counts);
    const e = await failure(query(first));

    await sleep(300);
    assert.match(e.message, /^Unable to refresh session due to: .*orders/);
    assert.equal(JSON.stringify(t.sf.counts), before);
    await t.tearDown();
});
