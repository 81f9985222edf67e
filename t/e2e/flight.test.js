/*
 * A herd of callers refreshes with the same token at the same moment, through
 * all workers.  The provider rotates refresh tokens, and ends the connection
 * when it sees a rotated one again: a single exchange too many is the end.
 */

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';

import { Canary } from './lib/canary.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep, until } from './lib/http.js';
import { Random } from './lib/random.js';
import { StandIn } from './providers/stand-in.js';


const ROUNDS = Number(process.env.E2E_FLIGHT_ROUNDS ?? 100);
const CALLERS = Number(process.env.E2E_FLIGHT_CALLERS ?? 1000);
const WORKERS = 4;

/* The lease of a flight, and the bound on a caller's wait, in ms. */
const LEASE = 5000;
const WAIT = 30000;

const port = ports(100);
const client = { id: 'app', secret: 'secret-of-flight-app' };
const user = { password: 'password-of-ann', tenant: 'acme' };
const authorization = basic(client.id, client.secret);


/* The stand-in, with a look at who asks and when. */
class Watched extends StandIn {
    constructor(options) {
        super(options);
        this.on = {};
        this.refreshes = 0;
    }


    async token(req, url, res) {
        this.worker = Number(req.headers['x-worker']);

        if (this.on.arrival) {
            this.refreshes++;
            await this.on.arrival(this.worker, res);
        }

        if (!res.destroyed) {
            await super.token(req, url, res);
        }
    }


    async byRefresh(client, parameters) {
        if (!this.on.arrival) {
            this.refreshes++;
        }

        const answer = await super.byRefresh(client, parameters);

        this.on.issue?.(this.worker);

        return answer;
    }


    sendTokens(res, answer) {
        super.sendTokens(res, answer);
        this.on.answer?.(this.worker);
    }
}


async function setUp(random) {
    const canary = new Canary();
    const provider = await new Watched({
        canary, clients: { [client.id]: client.secret }, users: { ann: user },
        rotate: true, killOnReuse: true, delay: () => random.int(50),
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'flight', port: at, workers: WORKERS,
        connections: 4 * CALLERS,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            listen: 'reuseport backlog=4096',
            policy: `user $oauth_response_user;
                     limit 1 per user client;`,
            server: `proxy_set_header X-Worker $pid;
                     add_header X-Worker $pid always;`,
        }),
    }).start();
    const agent = new http.Agent({ keepAlive: true, maxSockets: CALLERS,
                                   maxFreeSockets: CALLERS });

    return {
        canary, provider, gateway, agent,
        async connect() {
            const answer = await request(`${gateway.url}/token`, {
                form: { grant_type: 'password', username: 'ann',
                        password: user.password },
                headers: { authorization },
            });

            assert.equal(answer.status, 200);

            return answer.json();
        },
        refresh: token => request(`${gateway.url}/token`, {
            form: { grant_type: 'refresh_token', refresh_token: token },
            headers: { authorization }, agent, timeout: LEASE + WAIT + 5000,
        }),
        api: tokens => call(`${gateway.url}/api/x`, tokens.access_token),
        async tearDown() {
            agent.destroy();
            await provider.close();
            await gateway.finish(canary);
        },
    };
}


/** What a set of answers has in common, or fails. */
function same(answers, pick, what) {
    const values = new Map();

    answers.forEach(a => values.set(pick(a), (values.get(pick(a)) ?? 0) + 1));
    assert.equal(values.size, 1, `different ${what}: ${
        [...values].map(([k, n]) => `${n} of ${k}`).join(', ')}`);

    return pick(answers[0]);
}


describe('identical refreshes at once', () => {
    test(`${CALLERS} callers, ${ROUNDS} rounds, ${WORKERS} workers`,
         { timeout: 900000 }, async t => {
        const random = Random.fromEnvironment();

        t.diagnostic(`E2E_SEED=${random.seed}`);

        const g = await setUp(random);
        const workers = {};
        let current = await g.connect();
        let slowest = 0;

        for (let round = 0; round < ROUNDS; round++) {
            const presented = current.refresh_token;
            const before = g.provider.refreshes;
            const start = Date.now();
            const answers = await Promise.all(Array.from(
                { length: CALLERS }, () => g.refresh(presented)));

            slowest = Math.max(slowest, Date.now() - start);

            assert.equal(g.provider.refreshes - before, 1);
            assert.equal(same(answers, a => a.status, 'statuses'), 200,
                         answers[0].text);

            const bodies = answers.map(a => a.json());

            for (const name of ['access_token', 'refresh_token', 'token_type',
                                'user', 'issued_at'])
            {
                assert.ok(same(bodies, b => b[name], name));
            }

            for (const b of bodies) {
                assert.ok(b.expires_in <= 3600 && b.expires_in > 3500,
                          b.expires_in);
            }

            answers.forEach(({ headers: h }) => {
                workers[h['x-worker']] = (workers[h['x-worker']] ?? 0) + 1;
            });

            current = bodies[0];
            assert.notEqual(current.refresh_token, presented);
            assert.ok(g.provider.truth.refreshLives(current.refresh_token));
        }

        t.diagnostic(`slowest round ${slowest} ms, answers by worker: `
                     + Object.values(workers).join(' '));
        assert.equal(Object.keys(workers).length, WORKERS);
        assert.equal(g.provider.refreshes, ROUNDS);
        assert.equal(g.provider.counts.refused, 0);
        assert.equal((await g.api(current)).headers['x-verdict'], 'active');
        await g.tearDown();
    });


    test('and the worker that owns the flight is killed',
         { timeout: 900000 }, async t => {
        const random = Random.fromEnvironment();

        t.diagnostic(`E2E_SEED=${random.seed}`);

        const g = await setUp(random);
        const tally = { alive: 0, lost: 0, exchanges: {}, broken: 0 };
        let current = await g.connect();
        let slowest = 0;

        for (let round = 0; round < ROUNDS; round++) {
            const presented = current.refresh_token;
            let kills = 0;

            const kill = pid => {
                if (kills === 0 && g.gateway.workerPids().includes(pid)) {
                    kills++;
                    g.gateway.killWorker(pid);
                }
            };

            g.provider.refreshes = 0;
            g.provider.on = [
                /* before the provider has done anything: it never will */
                { arrival: async (pid, res) => {
                    if (kills === 0) {
                        const gone = new Promise(
                            resolve => res.once('close', resolve));

                        kill(pid);
                        await gone;
                    }
                } },
                /* between the issue and the answer: nobody ever gets that */
                { issue: kill },
                /* about the time of the commit and the release */
                { answer: pid => setTimeout(kill, random.int(12), pid) },
                /* any worker, at any time */
                { arrival: async () => {
                    setTimeout(kill, random.int(80),
                               random.pick(g.gateway.workerPids()));
                } },
            ][round % 4];

            /* As a runner does: again, if its connection breaks. */
            const caller = async () => {
                const start = Date.now();

                for (;;) {
                    try {
                        const answer = await g.refresh(presented);

                        return { answer, ms: Date.now() - start };

                    } catch (e) {
                        assert.notEqual(e.message, 'timeout');
                        tally.broken++;
                        await sleep(20);
                    }
                }
            };
            const callers = await Promise.all(Array.from(
                { length: CALLERS }, caller));
            const answers = callers.map(c => c.answer);

            slowest = callers.reduce((n, c) => Math.max(n, c.ms), slowest);

            const n = g.provider.refreshes;

            tally.exchanges[n] = (tally.exchanges[n] ?? 0) + 1;
            assert.ok(n === 1 || n === 2, `${n} exchanges`);

            const status = same(answers, a => a.status, 'statuses');
            const bodies = answers.map(a => a.json());

            if (status === 200) {
                tally.alive++;
                same(bodies, b => b.access_token, 'access tokens');
                same(bodies, b => b.refresh_token, 'refresh tokens');
                current = bodies[0];

            } else {
                assert.equal(status, 400, answers[0].text);
                assert.equal(same(bodies, b => b.error, 'errors'),
                             'invalid_grant');

                /* the loss is real */
                assert.equal(g.provider.truth.connectionOf(presented).state,
                             'reused');
                assert.equal(round % 4 === 0, false);
                tally.lost++;
            }

            await until(() => kills === 1, 1000, 'the kill of this round');
            g.provider.on = {};
            await until(() => {
                const pids = g.gateway.workerPids();

                return pids.length === WORKERS
                       && !pids.some(p => g.gateway.killed.has(p));
            }, 10000, 'workers after a kill');

            if (status !== 200) {
                current = await g.connect();
            }

            assert.ok(g.provider.truth.refreshLives(current.refresh_token));
            assert.equal((await g.api(current)).headers['x-verdict'],
                         'active');
        }

        t.diagnostic(`${JSON.stringify(tally)}, slowest caller ${slowest} ms`);
        assert.ok(slowest < LEASE + WAIT);
        assert.ok(g.gateway.killed.size >= ROUNDS * 0.9);

        /* both ends of the story have been seen */
        assert.ok(tally.alive >= ROUNDS / 4 && tally.lost > 0);
        assert.ok(tally.exchanges[2] > 0 && tally.exchanges[1] > 0);
        await g.tearDown();
    });
});
