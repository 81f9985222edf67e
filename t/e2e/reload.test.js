/*
 * Exchanges and calls go on while the configuration is reloaded every 300 ms:
 * no request fails, no record is lost.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep } from './lib/http.js';
import { StandIn } from './providers/stand-in.js';


const SECONDS = Number(process.env.E2E_RELOAD_SECONDS ?? 10);
const EVERY = 300;
const RUNNERS = 6;

const port = ports(6);
const client = { id: 'app', secret: 'secret-of-reload-app' };


test('reload under load', { timeout: 120000 }, async t => {
    const canary = new Canary();
    const users = Object.fromEntries(Array.from({ length: RUNNERS },
        (_, i) => [`user-${i}`, { password: `password-of-user-${i}`,
                                  tenant: 'acme' }]));
    const provider = await new StandIn({
        canary, clients: { [client.id]: client.secret }, users,
        limits: [{ n: 2, per: ['user', 'client'] }], rotate: true,
        delay: () => Math.floor(Math.random() * 20),
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'reload', port: at, workers: 2,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            policy: `user $oauth_response_user;
                     issued_at $oauth_response_issued_at;
                     limit 2 per user client;`,
        }),
    }).start();

    const authorization = basic(client.id, client.secret);
    const token = form => request(`${gateway.url}/token`, {
        form, headers: { authorization },
    });
    const failed = [];
    const issued = [];
    const tally = { exchanges: 0, calls: 0, reloads: 0 };
    const end = Date.now() + SECONDS * 1000;

    const runner = async user => {
        let current = null;

        for (let i = 0; Date.now() < end; i++) {
            const answer = await token(current && i % 3
                ? { grant_type: 'refresh_token',
                    refresh_token: current.refresh_token }
                : { grant_type: 'password', username: user,
                    password: users[user].password });

            tally.exchanges++;

            if (answer.status !== 200) {
                failed.push(`token ${answer.status} ${answer.text}`);
                current = null;
                continue;
            }

            current = answer.json();
            issued.push(current.access_token);

            for (let n = 0; n < 3; n++) {
                const r = await call(`${gateway.url}/api/x`,
                                     current.access_token);

                tally.calls++;

                if (r.status !== 200 || r.headers['x-verdict'] !== 'active') {
                    failed.push(`call ${r.status} ${r.headers['x-verdict']}`);
                }
            }
        }
    };

    const reloader = (async () => {
        while (Date.now() < end) {
            await gateway.reload({ wait: false });
            tally.reloads++;
            await sleep(EVERY);
        }
    })();

    const results = await Promise.allSettled([
        ...Object.keys(users).map(runner), reloader,
    ]);

    t.diagnostic(JSON.stringify(tally));
    assert.deepEqual(results.filter(r => r.status === 'rejected')
        .map(r => String(r.reason)), []);
    assert.deepEqual(failed, []);
    assert.ok(tally.reloads >= SECONDS * 1000 / EVERY * 0.7);
    assert.ok(tally.exchanges > 5 * SECONDS);

    const wrong = [];

    for (const access of issued) {
        const r = await call(`${gateway.url}/api/x`, access);
        const lives = provider.truth.accessLives(access);
        const verdict = r.headers['x-verdict'];

        if (verdict !== (lives ? 'active' : 'superseded')) {
            wrong.push(`${verdict}, provider says ${lives}`);
        }
    }

    assert.deepEqual(wrong, []);
    assert.equal(provider.counts.dead, 0);
    await provider.close();
    await gateway.finish(canary);
});
