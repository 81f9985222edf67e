/*
 * A replay outlives nginx: the same answer again after a restart and a reload,
 * also for a caller that hung up before its answer came, and never for
 * somebody else.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';

import { Canary } from './lib/canary.js';
import { assertInvalidGrant, urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep, until } from './lib/http.js';
import { StandIn } from './providers/stand-in.js';


const port = ports(105);
const clients = { app: 'secret-of-restart-app', other: 'secret-of-other-app' };
const users = { ann: { password: 'password-of-ann', tenant: 'acme' } };


async function setUp({ policy = '' } = {}) {
    const canary = new Canary();
    const provider = await new StandIn({
        canary, clients, users, rotate: true, killOnReuse: true,
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'restart', port: at,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            policy: `user $oauth_response_user;
                     limit 1 per user client;
                     ${policy}`,
        }),
    }).start();
    const token = (form, { id = 'app', ...more } = {}) => request(
        `${gateway.url}/token`, {
            form, headers: { authorization: basic(id, clients[id]) }, ...more,
        });

    return {
        canary, provider, gateway,
        async connect() {
            const answer = await token({
                grant_type: 'password', username: 'ann',
                password: users.ann.password,
            });

            assert.equal(answer.status, 200);

            return answer.json();
        },
        refresh: (t, more) => token({
            grant_type: 'refresh_token', refresh_token: t.refresh_token,
        }, more),
        api: t => call(`${gateway.url}/api/x`, t.access_token),
        async tearDown() {
            await provider.close();
            await gateway.finish(canary);
        },
    };
}


/** The retry gets what the first caller got or would have got. */
async function assertReplayed(t, presented, issued) {
    const seen = t.provider.counts.token;
    const answer = await t.refresh(presented);

    assert.equal(answer.status, 200, answer.text);
    assert.equal(t.provider.counts.token, seen);

    const { expires_in: remaining, ...given } = answer.json();
    const { expires_in: lifetime, ...rest } = issued;

    assert.deepEqual(given, rest);
    assert.ok(remaining <= lifetime && remaining > lifetime - 60, remaining);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal((await t.api(given)).headers['x-verdict'], 'active');

    return given;
}


for (const [name, again] of Object.entries({
    'a restart': g => g.restart(),
    'a crash of everything': g => g.restart('SIGKILL'),
    'a reload': g => g.reload(),
})) {
    describe(`after ${name}`, () => {
        test('the same answer again', async () => {
            const t = await setUp();
            const first = await t.connect();
            const second = (await t.refresh(first)).json();

            await again(t.gateway);
            await assertReplayed(t, first, second);

            /* and once more, by now as old as a second or two */
            await sleep(1100);

            const third = await t.refresh(first);

            assert.ok(third.json().expires_in < second.expires_in);

            /* the newest one still refreshes; the oldest is past replays */
            const next = (await t.refresh(second)).json();

            await again(t.gateway);
            await assertReplayed(t, second, next);
            assertInvalidGrant(await t.refresh(first));
            assert.equal(t.provider.counts.token, 3);
            await t.tearDown();
        });


        test('also when the first caller hung up', async () => {
            const t = await setUp();
            const first = await t.connect();
            let issued;

            t.provider.delay = () => 100;

            const { byRefresh } = t.provider;

            t.provider.byRefresh = async (...args) => {
                issued = await byRefresh.apply(t.provider, args);

                return issued;
            };

            await assert.rejects(t.refresh(first, {
                onRequest: req => until(() => issued).then(
                    () => req.destroy(new Error('hang-up'))),
            }), /hang-up/);
            t.provider.delay = () => 0;

            /* a worker that is asked to leave waits for its exchange */
            if (name === 'a crash of everything') {
                await until(() => fs.readFileSync(t.gateway.errorLog, 'utf8')
                    .includes('was refreshed'));
            }

            await again(t.gateway);
            await assertReplayed(t, first, issued);
            await t.tearDown();
        });
    });
}


test('other credentials get nothing, and the provider sees nothing',
     async () => {
    const t = await setUp();
    const first = await t.connect();
    const second = (await t.refresh(first)).json();

    await t.gateway.restart();

    const seen = t.provider.counts.token;
    const refused = await t.refresh(first, { id: 'other' });

    assertInvalidGrant(refused);
    assert.ok(!refused.text.includes(second.access_token));
    assert.equal(t.provider.counts.token, seen);
    await assertReplayed(t, first, second);
    await t.tearDown();
});


test('the window ends while nginx is down', async () => {
    const t = await setUp({ policy: 'replay 2s;' });
    const first = await t.connect();
    const second = (await t.refresh(first)).json();

    await t.gateway.stop();
    await sleep(2100);
    await t.gateway.start();

    const body = assertInvalidGrant(await t.refresh(first));

    assert.equal(body.type, 'urn:oauth-gateway:rotated');
    assert.equal(t.provider.counts.token, 2);
    assert.equal((await t.refresh(second)).status, 200);
    await t.tearDown();
});
