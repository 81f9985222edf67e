/*
 * A worker dies of SIGKILL during exchanges, again and again: a token whose
 * answer reached its client whole is known ever after.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep, until } from './lib/http.js';
import { Random } from './lib/random.js';
import { StandIn } from './providers/stand-in.js';


const ROUNDS = Number(process.env.E2E_KILLS ?? 200);
const AT_ONCE = 6;

const port = ports(8);
const client = { id: 'app', secret: 'secret-of-kill-app' };


test('kill -9 of a worker during exchanges', { timeout: 300000 }, async t => {
    const random = Random.fromEnvironment();

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const canary = new Canary();
    const users = Object.fromEntries(Array.from({ length: 50 },
        (_, i) => [`user-${i}`, { password: `password-of-user-${i}`,
                                  tenant: 'acme' }]));
    const provider = await new StandIn({
        canary, clients: { [client.id]: client.secret }, users,
        limits: [{ n: 1, per: ['user', 'client'] }],
        delay: () => random.int(4),
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'kill', port: at, workers: 2,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            policy: `user $oauth_response_user;
                     issued_at $oauth_response_issued_at;
                     limit 1 per user client;`,
        }),
    }).start();

    const authorization = basic(client.id, client.secret);
    const whole = [];
    let broken = 0;
    let kills = 0;

    const exchange = async () => {
        const user = `user-${random.int(50)}`;

        try {
            const answer = await request(`${gateway.url}/token`, {
                form: { grant_type: 'password', username: user,
                        password: users[user].password },
                headers: { authorization },
            });

            if (answer.status === 200) {
                whole.push(answer.json().access_token);
            } else {
                broken++;
            }

        } catch {
            broken++;
        }
    };

    for (let round = 0; round < ROUNDS; round++) {
        const running = Array.from({ length: AT_ONCE }, async () => {
            await sleep(random.int(12));
            await exchange();
        });

        await sleep(random.int(18));

        const pids = gateway.workerPids();

        if (pids.length) {
            try {
                gateway.killWorker(random.pick(pids));
                kills++;

            } catch (e) {
                assert.equal(e.code, 'ESRCH');
            }
        }

        await Promise.all(running);
        await until(() => gateway.workerPids().length === gateway.workers,
                    10000, 'workers after a kill');
    }

    t.diagnostic(`${kills} kills, ${whole.length} whole answers, `
                 + `${broken} broken off`);
    assert.ok(kills >= ROUNDS * 0.9);
    assert.ok(broken > ROUNDS / 10, 'the kills broke hardly any exchange');
    assert.ok(whole.length > ROUNDS);

    const verdicts = {};
    let liveRefused = 0;

    for (const token of whole) {
        const r = await call(`${gateway.url}/api/x`, token);
        const verdict = r.headers['x-verdict'];

        verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;

        if (r.status === 409 && provider.truth.accessLives(token)) {
            liveRefused++;
        }
    }

    t.diagnostic(JSON.stringify(verdicts));
    assert.deepEqual(Object.keys(verdicts).filter(
        v => v !== 'active' && v !== 'superseded'), []);
    assert.equal(liveRefused, 0);

    /* And the gateway still records. */
    const count = whole.length;

    await exchange();
    assert.equal(whole.length, count + 1);
    assert.equal((await call(`${gateway.url}/api/x`, whole.at(-1)))
        .headers['x-verdict'], 'active');

    await provider.close();
    await gateway.finish(canary);
});
