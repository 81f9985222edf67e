/*
 * What the provider's answers teach the gateway: somebody connected outside of
 * it, a limit is wrong, a session has ended.  Each is recorded once.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { assertInvalidGrant, urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep, until } from './lib/http.js';
import { StandIn } from './providers/stand-in.js';


const port = ports(104);
const client = { id: 'app', secret: 'secret-of-learning-app' };
const users = { ann: { password: 'password-of-ann', tenant: 'acme' } };
const headers = { authorization: basic(client.id, client.secret) };


async function setUp({ limits, limit = '1', mode = '', broken = '',
                       ...options } = {}) {
    const canary = new Canary();
    const provider = await new StandIn({
        canary, clients: { [client.id]: client.secret }, users,
        limits: limits ?? [{ n: 1, per: ['user', 'client'] }],
        rotate: true, killOnReuse: true, ...options,
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'learning', port: at,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            guard: mode,
            policy: `user $oauth_response_user;
                     tenant $oauth_response_tenant;
                     issued_at $oauth_response_issued_at;
                     limit 100 per tenant client;
                     limit ${limit} per user client;`,
            server: `
        ${broken}
        location = /flag/token {
            oauth_token_endpoint acme flag;
            proxy_pass ${provider.url}/token;
        }`,
        }),
    }).start();
    const connect = async base => {
        const answer = await request(`${base}/token`, {
            form: { grant_type: 'password', username: 'ann',
                    password: users.ann.password },
            headers,
        });

        assert.equal(answer.status, 200);

        return answer.json();
    };

    return {
        canary, provider, gateway,
        connect: () => connect(gateway.url),
        outside: () => connect(provider.url),
        api: t => call(`${gateway.url}/api/x`, t.access_token),
        refresh: (t, prefix = '') => request(`${gateway.url}${prefix}/token`, {
            form: { grant_type: 'refresh_token',
                    refresh_token: t.refresh_token },
            headers,
        }),
        /** Lines of the error log that hold `text`. */
        logged: text => fs.readFileSync(gateway.errorLog, 'utf8')
            .split('\n').filter(l => l.includes(text)),
        written: () => transactions(path.join(gateway.store, 'data.mdb')),
        async tearDown() {
            await provider.close();
            await gateway.finish(canary);
        },
    };
}


/**
 * How many transactions have changed a store: the greater number of its two
 * meta pages (MDB_meta.mm_txnid).
 */
function transactions(file) {
    const [page, at] = [4096, 144];
    const fd = fs.openSync(file, 'r');
    const meta = Buffer.alloc(2 * page);

    fs.readSync(fd, meta, 0, meta.length, 0);
    fs.closeSync(fd);

    return Math.max(...[at, page + at].map(
        n => Number(meta.readBigUInt64LE(n))));
}


/** The number of transactions, once no more come: events follow answers. */
async function settled(t) {
    let last, now = t.written();

    do {
        last = now;
        await sleep(300);
        now = t.written();
    } while (now !== last);

    return now;
}


/** The verdict on a token, once it is that; a commit may be on its way. */
async function becomes(t, token, verdict) {
    let answer;

    await until(async () => {
        answer = await t.api(token);

        return answer.headers['x-verdict'] === verdict;
    }, 5000, `the verdict "${verdict}"`);

    return answer;
}


test('somebody connects outside the gateway: broken, and its repair',
     async () => {
    const t = await setUp();
    const first = await t.connect();

    assert.equal((await t.api(first)).status, 200);
    await t.outside();

    /* the provider says so, and the runner is told the provider's words */
    const refused = await t.refresh(first);

    assert.equal(refused.status, 400);
    assert.deepEqual(refused.json(), {
        error: 'invalid_grant', error_description: 'expired refresh token',
    });

    const marked = await becomes(t, first, 'broken');

    assert.equal(marked.status, 401);
    assert.match(marked.headers['oauth-connection-status'],
                 /^broken; connection="\d+"/);

    const broken = t.logged('is broken');

    assert.equal(broken.length, 1);
    assert.match(broken[0], /user "ann"/);

    /* a herd does not hammer the provider */
    const { token } = t.provider.counts;
    const herd = await Promise.all(Array.from({ length: 20 },
                                              () => t.refresh(first)));

    herd.forEach(assertInvalidGrant);
    assert.equal(t.provider.counts.token, token);

    /* it is told once, and not written down again; nor is each call's mark */
    const written = await settled(t);

    for (let i = 0; i < 10; i++) {
        await t.api(first);
    }

    /* the other one of two workers may tell of the mark, once as well */
    await sleep(200);
    assert.ok(t.written() <= written + 1);

    /* the provider changes its mind */
    t.provider.truth.connectionOf(first.refresh_token).state = 'live';
    await until(async () => (await t.refresh(first)).status === 200, 15000,
                'the memory of the refusal to fade');

    const repaired = (await t.refresh(first)).json();

    await becomes(t, repaired, 'active');
    await becomes(t, first, 'active');
    assert.equal(t.logged('is repaired').length, 1);
    assert.equal(t.logged('is broken').length, 1);
    await t.tearDown();
});


test('a broken connection is refused where "oauth_broken reject" stands',
     async () => {
    const t = await setUp({ broken: 'oauth_broken reject;' });
    const first = await t.connect();

    await t.outside();
    await t.refresh(first);

    /* nobody has waited for that to be recorded */
    await until(() => t.logged('is broken').length, 5000, 'the record');

    const refused = await t.api(first);

    assert.equal(refused.status, 409);
    assert.equal(refused.json().type, 'urn:oauth-gateway:broken');
    assert.equal(t.provider.counts.dead, 0);
    await t.tearDown();
});


test('without a refresh token a dead answer breaks the connection',
     async () => {
    const t = await setUp({ rotate: false });
    const { newRefresh } = t.provider;

    t.provider.newRefresh = () => undefined;

    const first = await t.connect();

    t.provider.newRefresh = newRefresh;
    assert.equal(first.refresh_token, undefined);
    await t.outside();
    assert.equal((await t.api(first)).status, 401);
    await becomes(t, first, 'broken');
    assert.equal(t.logged('is broken').length, 1);
    await t.tearDown();
});


test('a limit that is too low is contradicted, and the log names it',
     async () => {
    const t = await setUp({
        mode: 'flag', limits: [{ n: 5, per: ['user', 'client'] }],
    });
    const first = await t.connect();
    const second = await t.connect();
    const before = t.written();
    const answer = await t.api(first);

    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-verdict'], 'superseded');
    assert.match(answer.headers['oauth-connection-status'],
                 /^superseded; connection="\d+"; superseded-by="\d+"/);

    await becomes(t, first, 'active');

    const [line, ...more] = t.logged('that limit is probably wrong');

    assert.equal(more.length, 0);
    assert.match(line, /user "ann"/);
    assert.match(line, /limit 2 of its provider \("limit 1 per/);

    /* one for the contradiction, one for the event of the mark */
    const after = await settled(t);

    assert.ok(after > before && after <= before + 2);

    /* both live, and stay so; nothing more is written */
    await becomes(t, second, 'active');

    for (let i = 0; i < 10; i++) {
        await t.api(first);
        await t.api(second);
    }

    await sleep(200);
    assert.equal(t.written(), after);
    assert.equal(t.logged('that limit is probably wrong').length, 1);
    await t.tearDown();
});


test('so it is by a refresh that the provider accepts', async () => {
    const t = await setUp({ limits: [{ n: 5, per: ['user', 'client'] }] });
    const first = await t.connect();

    await t.connect();
    assertInvalidGrant(await t.refresh(first));
    assert.equal(t.logged('that limit is probably wrong').length, 0);

    const answer = await t.refresh(first, '/flag');

    assert.equal(answer.status, 200);
    assert.match(answer.headers['oauth-connection-status'], /^superseded/);

    const next = answer.json();

    assert.equal((await t.api(next)).headers['x-verdict'], 'active');
    assert.equal((await t.api(first)).headers['x-verdict'], 'active');
    assert.equal((await t.refresh(next)).status, 200);
    assert.equal(t.logged('that limit is probably wrong').length, 1);
    await t.tearDown();
});


test('a dead answer marks an access token, once', async () => {
    const t = await setUp();
    const first = await t.connect();

    assert.equal((await t.api(first)).status, 200);
    t.provider.truth.expireAccess(first.access_token);

    /* many at once, and more behind them */
    const before = t.written();
    const answers = await Promise.all(Array.from({ length: 20 },
                                                 () => t.api(first)));

    assert.ok(answers.every(a => a.status === 401));
    await becomes(t, first, 'expired');
    await sleep(200);

    const after = t.written();

    assert.equal(after, before + 1);

    for (let i = 0; i < 20; i++) {
        assert.equal((await t.api(first)).status, 401);
    }

    await sleep(200);
    assert.equal(t.written(), after);
    assert.equal(t.logged('the provider calls dead').length, 1);
    assert.equal(t.logged('is broken').length, 0);

    /* the connection lives: the refresh that the 401 brings about cures it */
    const next = (await t.refresh(first)).json();

    assert.equal((await t.api(next)).headers['x-verdict'], 'active');
    await t.tearDown();
});
