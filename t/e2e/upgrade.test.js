/*
 * The binary is replaced under load, again and again, by USR2 and QUIT: two
 * masters run side by side, with one store.  No request fails, no record is
 * lost, and no refresh made twice.  E2E_UPGRADES sets their number.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';

import { Canary } from './lib/canary.js';
import { urlMode } from './lib/config.js';
import { Daemon } from './lib/daemon.js';
import { basic, ports, request, sleep, until } from './lib/http.js';
import { Random } from './lib/random.js';
import { Storm } from './lib/storm.js';
import { StandIn } from './providers/stand-in.js';


const UPGRADES = Number(process.env.E2E_UPGRADES ?? 5);

/* ms */
const EVERY = 500;

/* ms that a provider takes which is still busy after an upgrade */
const SLOW = 2500;

const port = ports(14);
const client = { id: 'app', secret: 'secret-of-upgrade-app' };
const user = { password: 'password-of-ann', tenant: 'acme' };


test(`${UPGRADES} upgrades under load`, { timeout: 60000 + UPGRADES * 20000 },
     async t => {
    const random = Random.fromEnvironment();
    const s = await new Storm({
        name: 'upgrade', port, random, Kind: Daemon,
        delay: () => random.int(4) === 0 ? random.int(300) : random.int(20),
    }).start();

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const running = s.run();
    const first = s.gateway.master;
    const masters = new Set([first]);

    for (let i = 0; s.goesOn(i, UPGRADES); i++) {
        await sleep(EVERY);
        await s.gateway.upgrade();
        masters.add(s.gateway.master);
    }

    s.stop();
    await running;

    const failed = s.failed.slice(0, 20);

    await s.finish();
    t.diagnostic(`${masters.size - 1} upgrades, ${s.report()}`);
    assert.deepEqual(failed, []);
    assert.deepEqual(s.violations.slice(0, 20), []);
    assert.deepEqual(s.seldom(UPGRADES / 4), []);
});


describe('what the old master flies the new one waits for', () => {
    test('a refresh', async t => {
        const w = await setUp();
        const first = await w.connect('ann', 'alpha');
        const both = await w.across(() => w.refresh(first.refresh_token));

        assert.deepEqual(both.map(a => a.status), [200, 200]);
        assert.equal(both[0].json().access_token,
                     both[1].json().access_token);
        assert.equal(w.provider.counts.grants.refresh_token, 1);
        assert.ok(w.provider.truth.accessLives(both[1].json().access_token));

        await w.tearDown();
    });


    test('a connect that another owner would end', async t => {
        const w = await setUp();

        /* the login becomes known, and its connection ends */
        const { refresh_token: token } = await w.connect('ann', 'alpha');

        assert.equal((await w.revoke(token)).status, 200);

        const owners = ['alpha', 'beta'];
        const both = await w.across(() => w.ask('ann', owners.shift()));

        assert.deepEqual(both.map(a => a.status), [200, 409]);
        assert.equal(w.provider.counts.grants.password, 2);
        assert.ok(w.provider.truth.accessLives(both[0].json().access_token));

        await w.tearDown();
    });


    test('not longer than its worker lives', async t => {
        const w = await setUp();
        const first = await w.connect('ann', 'alpha');
        const start = Date.now();
        const kill = pid => w.gateway.killWorker(pid);
        const [lost, found] = await w.across(
            () => w.refresh(first.refresh_token).catch(e => e), kill);

        assert.ok(lost instanceof Error);
        assert.equal(w.provider.counts.grants.refresh_token, 2);

        /* the first exchange rotated it: what that means is told */
        assert.equal(found.status, 400);
        assert.equal(found.json().error, 'invalid_grant');
        assert.ok(Date.now() - start < 3 * SLOW);

        await w.tearDown();
    });
});


/* A slow provider, and a gateway with one worker that prevents takeovers. */
async function setUp() {
    const canary = new Canary();
    const provider = await new StandIn({
        canary, clients: { [client.id]: client.secret }, users: { ann: user },
        limits: [{ n: 1, per: ['user', 'client'] }],
        rotate: true, killOnReuse: true,
    }).listen(await port());
    const at = await port();
    const gateway = await new Daemon({
        name: 'two-masters', port: at, workers: 1,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            policy: `user $oauth_response_user;
                     login $oauth_request_username;
                     owner $http_x_owner;
                     limit 1 per user client;
                     takeover reject;`,
            server: `location = /revoke {
                         oauth_revocation_endpoint acme;
                         proxy_pass ${provider.url};
                     }`,
        }),
    }).start();
    const authorization = basic(client.id, client.secret);
    const ask = (username, owner) => request(`${gateway.url}/token`, {
        form: { grant_type: 'password', username, password: user.password },
        headers: { authorization, 'x-owner': owner },
    });

    return {
        provider, gateway, ask,


        async connect(username, owner) {
            const answer = await ask(username, owner);

            assert.equal(answer.status, 200, answer.text);

            return answer.json();
        },


        refresh: token => request(`${gateway.url}/token`, {
            form: { grant_type: 'refresh_token', refresh_token: token },
            headers: { authorization },
        }),


        revoke: token => request(`${gateway.url}/revoke`, {
            form: { token }, headers: { authorization },
        }),


        /* One call that the old worker has taken, and one for the new. */
        async across(call, meanwhile = () => {}) {
            const [old] = gateway.workerPids();

            provider.delay = () => SLOW;

            const first = call();

            await until(() => provider.inFlight === 1);

            const leaving = gateway.upgrade();

            await until(() => /gracefully shutting down/.test(
                fs.readFileSync(gateway.errorLog, 'utf8')), 5000,
                        'the old worker to leave');

            const second = call();

            /* it is there, and waits, while the first is under way */
            await sleep(200);
            assert.equal(provider.inFlight, 1);
            meanwhile(old);

            const both = await Promise.all([first, second]);

            await leaving;

            return both;
        },


        async tearDown() {
            await provider.close();
            await gateway.finish(canary);
        },
    };
}
