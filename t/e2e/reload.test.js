/*
 * The gateway is reloaded again and again under load, and asked to leave with
 * exchanges in flight: no request fails, no record is lost, and no worker
 * stays longer than its last request.  E2E_RELOADS sets the number of reloads.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { urlMode } from './lib/config.js';
import { Canary } from './lib/canary.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep, until } from './lib/http.js';
import { Leaving } from './lib/leaving.js';
import { Random } from './lib/random.js';
import { Storm } from './lib/storm.js';
import { StandIn } from './providers/stand-in.js';


const RELOADS = Number(process.env.E2E_RELOADS ?? 15);

/* ms; with more reloads, a second */
const EVERY = RELOADS > 50 ? 1000 : 400;

/*
 * What a provider takes at most, and what a worker may stay beyond: an event
 * stream ends within a second, a commit's timer asks once in a second, and
 * the machine is busy.
 */
const DELAY = 300;
const STAY = DELAY + 5000;

const port = ports(6);
const client = { id: 'app', secret: 'secret-of-reload-app' };


test(`${RELOADS} reloads under load`, { timeout: 60000 + RELOADS * 9000 },
     async t => {
    const random = Random.fromEnvironment();
    const s = await new Storm({
        name: 'reload', port, random,
        delay: () => random.int(4) === 0 ? random.int(DELAY) : random.int(20),
    }).start();
    const leaving = new Leaving(s.gateway);

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const running = s.run();

    for (let i = 0; s.goesOn(i, RELOADS); i++) {
        await s.gateway.reload();
        await sleep(EVERY);
    }

    s.stop();
    await running;
    await leaving.done(STAY);

    const failed = s.failed.slice(0, 20);

    await s.finish();
    t.diagnostic(`${leaving.report()}, ${s.report()}`);
    assert.deepEqual(failed, []);
    assert.deepEqual(s.violations.slice(0, 20), []);
    assert.ok(leaving.left >= RELOADS * s.gateway.workers * 0.9);
    assert.equal(leaving.since.size, 0);
    assert.ok(leaving.longest < STAY, `${leaving.longest} ms`);
    assert.deepEqual(s.seldom(RELOADS / 4), []);
});


test('exchanges in flight end well when the gateway leaves', async t => {
    const canary = new Canary();
    const users = Object.fromEntries(Array.from({ length: 20 }, (_, i) =>
        [`user-${i}`, { password: `password-of-user-${i}`, tenant: 'acme' }]));
    const provider = await new StandIn({
        canary, clients: { [client.id]: client.secret }, users,
        limits: [{ n: 1, per: ['user', 'client'] }], delay: () => 700,
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'quit', port: at,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            policy: `user $oauth_response_user;
                     limit 1 per user client;`,
        }),
    }).start();
    const exchanges = Object.entries(users).map(([username, { password }]) =>
        request(`${gateway.url}/token`, {
            form: { grant_type: 'password', username, password },
            headers: { authorization: basic(client.id, client.secret) },
        }));

    await until(() => provider.truth.access.size === exchanges.length);
    await gateway.stop();

    const tokens = [];

    for (const exchange of exchanges) {
        const answer = await exchange;

        assert.equal(answer.status, 200, answer.text);
        tokens.push(answer.json().access_token);
    }

    await gateway.start();

    for (const token of tokens) {
        const answer = await call(`${gateway.url}/api/x`, token);

        assert.equal(answer.headers['x-verdict'], 'active');
    }

    t.diagnostic(`${tokens.length} exchanges`);
    await provider.close();
    await gateway.finish(canary);
});
