/*
 * Clients that hang up in the middle of an exchange: whatever the provider
 * issued is recorded all the same.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep, until } from './lib/http.js';
import { Random } from './lib/random.js';
import { StandIn } from './providers/stand-in.js';


const EXCHANGES = 300;
const AT_ONCE = 6;
const USERS = 30;

const port = ports(7);
const client = { id: 'app', secret: 'secret-of-hangup-app' };


test('clients hang up', { timeout: 120000 }, async t => {
    const random = Random.fromEnvironment();

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const canary = new Canary();
    const users = Object.fromEntries(Array.from({ length: USERS },
        (_, i) => [`user-${i}`, { password: `password-of-user-${i}`,
                                  tenant: 'acme' }]));
    const provider = await new StandIn({
        canary, clients: { [client.id]: client.secret }, users,
        limits: [{ n: 1, per: ['user', 'client'] }],
        delay: () => random.int(21),
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'hangup', port: at,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            policy: `user $oauth_response_user;
                     issued_at $oauth_response_issued_at;
                     limit 1 per user client;`,
        }),
    }).start();

    const authorization = basic(client.id, client.secret);
    const exchange = (user, onRequest) => request(`${gateway.url}/token`, {
        form: { grant_type: 'password', username: user,
                password: users[user].password },
        headers: { authorization },
        onRequest,
    });

    /* How long an exchange takes here, to hang up around that. */
    const start = Date.now();

    for (let i = 0; i < 10; i++) {
        assert.equal((await exchange('user-0')).status, 200);
    }

    const usual = (Date.now() - start) / 10;
    let left = EXCHANGES;
    let answered = 0;
    let hungUp = 0;

    const hangUp = async () => {
        const user = `user-${random.int(USERS)}`;
        const ms = random.next() * usual * 2.5;

        try {
            await exchange(user, req => setTimeout(
                () => req.destroy(new Error('hang-up')), ms));
            answered++;

        } catch (e) {
            assert.equal(e.message, 'hang-up');
            hungUp++;
        }
    };

    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        while (left-- > 0) {
            await hangUp();
        }
    }));
    await until(() => provider.inFlight === 0);
    await sleep(500);

    const issued = [...provider.truth.access.keys()];

    t.diagnostic(`${hungUp} hung up, ${answered} answered, `
                 + `${issued.length} tokens issued`);
    assert.ok(hungUp > EXCHANGES / 4, 'few hung up');
    assert.ok(issued.length > answered + 20,
              'few hung up after the provider had issued');

    const wrong = [];

    for (const token of issued) {
        const r = await call(`${gateway.url}/api/x`, token);
        const verdict = r.headers['x-verdict'];
        const lives = provider.truth.accessLives(token);

        if (verdict !== (lives ? 'active' : 'superseded')) {
            wrong.push(`${verdict}, provider says ${lives}`);
        }
    }

    assert.deepEqual(wrong, []);
    assert.equal(provider.counts.dead, 0);
    await provider.close();
    await gateway.finish(canary);
});
