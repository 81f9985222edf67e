/*
 * Two exchanges of one slot at the same time, and a provider that names no
 * issue time: nobody can know yet whom the provider kept.  A live token is
 * never refused, and the provider's answers settle the matter.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { assertSuperseded, urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, until } from './lib/http.js';
import { Random } from './lib/random.js';
import { StandIn } from './providers/stand-in.js';


const PAIRS = 100;

const port = ports(10);
const client = { id: 'app', secret: 'secret-of-overlap-app' };


test('overlapping exchanges without issue times', async t => {
    const random = Random.fromEnvironment();

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const canary = new Canary();
    const users = Object.fromEntries(Array.from({ length: PAIRS },
        (_, i) => [`user-${i}`, { password: `password-of-user-${i}`,
                                  tenant: 'acme' }]));
    const provider = await new StandIn({
        canary, clients: { [client.id]: client.secret }, users,
        limits: [{ n: 1, per: ['user', 'client'] }], issuedAt: false,
        delay: () => 10 + random.int(20),
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'overlap', port: at,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            policy: `user $oauth_response_user;
                     limit 1 per user client;`,
        }),
    }).start();

    const connect = async user => {
        const answer = await request(`${gateway.url}/token`, {
            form: { grant_type: 'password', username: user,
                    password: users[user].password },
            headers: { authorization: basic(client.id, client.secret) },
        });

        assert.equal(answer.status, 200);

        return answer.json().access_token;
    };
    const api = token => call(`${gateway.url}/api/x`, token);
    let lateLoser = 0;

    for (const user of Object.keys(users)) {
        let last;
        const note = async promise => {
            const token = await promise;

            last = token;

            return token;
        };
        const tokens = await Promise.all([note(connect(user)),
                                          note(connect(user))]);
        const live = tokens.find(x => provider.truth.accessLives(x));
        const dead = tokens.find(x => x !== live);

        assert.ok(!provider.truth.accessLives(dead));
        lateLoser += last === dead;

        /* Each is called once, in either order; the provider decides. */
        for (const token of random.int(2) ? [live, dead] : [dead, live]) {
            const answer = await api(token);

            if (token === live) {
                assert.equal(answer.status, 200,
                             `a live token was refused: ${answer.text}`);
            } else {
                assert.ok([401, 409].includes(answer.status));
            }
        }

        await until(async () => (await api(dead)).status === 409, 3000,
                    'the end of the matter');
        assertSuperseded(await api(dead), { user });

        const answer = await api(live);

        assert.equal(answer.status, 200);
        assert.equal(answer.headers['x-verdict'], 'active');
    }

    t.diagnostic(`${lateLoser} of ${PAIRS} losers were answered last`);
    assert.ok(lateLoser > PAIRS / 10 && lateLoser < PAIRS * 0.9);
    await provider.close();
    await gateway.finish(canary);
});
