/*
 * What is slow or stuck delays only those who wait for it: a disk whose syncs
 * take seconds, a writer that was stopped while it holds the store's lock, a
 * provider that dribbles, and thousands that wait for one refresh.  Calls are
 * judged meanwhile as fast as before, nothing waits for ever, and memory stays
 * bounded.  E2E_WAITERS and E2E_STALL (in ms) set the size.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Control } from '../fault/shim.js';
import { Canary } from './lib/canary.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep, until } from './lib/http.js';
import { StandIn } from './providers/stand-in.js';


const WAITERS = Number(process.env.E2E_WAITERS ?? 2000);
const STALL = Number(process.env.E2E_STALL ?? 2000);
const ROUNDS = 2;
const CALLS = 150;
const EXCHANGES = 8;

/* ms between two bytes of an answer; all of it takes less than a waiter may */
const DRIBBLE = 40;

/* At least so many calls must come back while something is stuck. */
const ENOUGH = 5;

/*
 * ms by which the median call may be slower while something is stuck: a small
 * part of any stall, but a busy machine does not reach it.
 */
const SLOWER = 100;

/* A caller that waits holds a connection and its request, in bytes. */
const WAITER = 64 * 1024;

const port = ports(16);
const root = fileURLToPath(new URL('../..', import.meta.url));
const client = { id: 'app', secret: 'secret-of-stuck-app' };
const headers = { authorization: basic(client.id, client.secret) };


/* A provider that knows the worker of a token request, and may dribble. */
class Slow extends StandIn {
    pids = [];
    dribble = 0;
    held = [];


    async handle(req, res) {
        if (req.headers['x-pid']) {
            this.pids.push(Number(req.headers['x-pid']));
        }

        return super.handle(req, res);
    }


    sendTokens(res, answer) {
        if (!this.dribble) {
            super.sendTokens(res, answer);
            return;
        }

        const text = JSON.stringify(answer);

        res.writeHead(200, { 'content-type': 'application/json',
                             'content-length': text.length });

        let sent = 0;
        const timer = setInterval(() => {
            res.write(text[sent++]);

            if (sent === text.length) {
                clearInterval(timer);
                res.end();
            }
        }, this.dribble);

        res.on('close', () => clearInterval(timer));
    }
}


function median(list) {
    return list.toSorted((a, b) => a - b)[list.length >> 1];
}


function rss(pids) {
    return pids.reduce((n, pid) => n + 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(
        fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]), 0);
}


describe('stuck', () => {
    let provider;
    let gateway;
    let control;
    let live;
    const canary = new Canary();

    before(async () => {
        const users = Object.fromEntries(Array.from({ length: 40 }, (_, i) =>
            [`user-${i}`, { password: `password-of-user-${i}`,
                            tenant: 'acme' }]));

        provider = await new Slow({
            canary, clients: { [client.id]: client.secret }, users,
            limits: [{ n: 1, per: ['user', 'client'] }], rotate: true,
            killOnReuse: true,
        }).listen(await port());

        const at = await port();

        gateway = new Gateway({
            name: 'stuck', port: at, connections: 2 * WAITERS + 1024,
            config: dir => urlMode({
                dir, port: at, upstream: provider.url, paths: provider.paths,
                server: 'proxy_set_header X-Pid $pid;',
                policy: `user $oauth_response_user;
                         issued_at $oauth_response_issued_at;
                         limit 1 per user client;`,
            }),
        });

        const shim = path.join(gateway.dir, 'shim.so');

        control = new Control(path.join(gateway.dir, 'control'));
        fs.chmodSync(control.file, 0o666);
        execFileSync('gcc', ['-O2', '-fPIC', '-shared', '-o', shim, path.join(
            root, 't', 'fault', 'shim.c'), '-lpthread']);
        await gateway.start({
            shell: `export LD_PRELOAD=${shim} FAULT_CONTROL=${control.file} `
                   + `FAULT_DIR=${gateway.store}`,
        });
        live = (await connect(0)).json();
    });


    after(async () => {
        control.close();
        await provider.close();
        await gateway.finish(canary);
    });


    function connect(i) {
        const username = `user-${i}`;

        return request(`${gateway.url}/token`, {
            headers, form: { grant_type: 'password', username,
                             password: provider.users[username].password },
        });
    }


    function refresh(token) {
        return request(`${gateway.url}/token`, {
            headers, form: { grant_type: 'refresh_token',
                             refresh_token: token },
        });
    }


    /** ms that each of some calls takes, one after the other, for a while. */
    async function calls(most = Infinity) {
        const times = [];
        const end = Date.now() + most;

        while (times.length < CALLS && Date.now() < end) {
            const start = process.hrtime.bigint();
            const answer = await call(`${gateway.url}/api/x`,
                                      live.access_token);

            times.push(Number(process.hrtime.bigint() - start) / 1e6);
            assert.equal(answer.headers['x-verdict'], 'active');
        }

        return times;
    }


    function compare(t, calm, stuck) {
        const p = (list, q) => list.toSorted((a, b) => a - b)[
            Math.floor(list.length * q)];
        const line = (name, rounds) => `${name}: median ${
            median(rounds.map(r => p(r, 0.5))).toFixed(2)} ms, p99 ${
            median(rounds.map(r => p(r, 0.99))).toFixed(2)} ms`;

        t.diagnostic(line('calm', calm));
        t.diagnostic(line('stuck', stuck));
        assert.ok(median(stuck.map(median)) - median(calm.map(median))
                  < SLOWER, 'calls are slower');
    }


    async function assertRecorded(answers) {
        for (const answer of answers) {
            assert.equal(answer.status, 200, answer.text);
            assert.equal(answer.headers['oauth-connection-status'], undefined);

            const { headers: h } = await call(`${gateway.url}/api/x`,
                                              answer.json().access_token);

            assert.equal(h['x-verdict'], 'active');
        }
    }


    test('a sync takes seconds', { timeout: 120000 }, async t => {
        const calm = [];
        const stuck = [];

        for (let round = 0; round < ROUNDS; round++) {
            calm.push(await calls());

            const before = control.get('stalled');

            control.set('stall', STALL);

            const start = Date.now();
            const waiting = Array.from({ length: EXCHANGES },
                                       (_, i) => connect(1 + i));

            await until(() => control.get('stalled') > before);
            stuck.push(await calls(STALL / 2));
            assert.ok(stuck.at(-1).length >= ENOUGH, 'calls wait, too');
            assert.ok(Date.now() - start < STALL, 'the stall was over before');
            control.set('stall', 0);

            const answers = await Promise.all(waiting);

            assert.ok(Date.now() - start >= STALL * 0.9);
            await assertRecorded(answers);
        }

        compare(t, calm, stuck);
    });


    for (const [name, signal] of [['goes on', 'SIGCONT'],
                                  ['is killed', 'SIGKILL']])
    {
        test(`a stopped writer holds the lock, and ${name}`,
             { timeout: 60000 }, async t => {
            const calm = await calls();
            const before = control.get('stalled');

            provider.pids.length = 0;
            control.set('stall', STALL);

            const first = connect(10).catch(e => e);

            await until(() => control.get('stalled') > before);
            control.set('stall', 0);

            const [pid] = provider.pids;

            process.kill(pid, 'SIGSTOP');

            let over = false;
            const waiting = Array.from({ length: EXCHANGES },
                                       (_, i) => connect(11 + i));
            const all = Promise.all(waiting).finally(() => over = true);

            await sleep(STALL);

            const stuck = await calls();

            assert.ok(!over, 'nobody waited for the lock');

            if (signal === 'SIGKILL') {
                gateway.killWorker(pid);
            } else {
                process.kill(pid, signal);
            }

            await assertRecorded(await all);

            const answer = await first;

            if (signal === 'SIGKILL') {
                assert.ok(answer instanceof Error);
            } else {
                await assertRecorded([answer]);
            }

            compare(t, [calm], [stuck]);
        });
    }


    test(`${WAITERS} wait for a refresh that dribbles`, { timeout: 120000 },
         async t => {
        const { refresh_token: token } = (await connect(30)).json();
        const calm = await calls();
        const seen = provider.counts.token;
        const before = rss(gateway.workerPids());

        provider.dribble = DRIBBLE;

        let open = 0;
        const waiting = Array.from({ length: WAITERS }, async (_, i) => {
            await sleep(i / 5);
            open++;

            return refresh(token);
        });
        const all = Promise.all(waiting);

        await until(() => open === WAITERS, 60000);

        /* what this process does to open so many is no delay of the other */
        await sleep(2000);

        const stuck = await calls();
        const grown = rss(gateway.workerPids()) - before;
        const answers = await all;

        provider.dribble = 0;
        t.diagnostic(`${WAITERS} waiters, ${Math.round(grown / 1024)} KB, ${
            Math.round(grown / WAITERS)} bytes each`);
        assert.equal(provider.counts.token, seen + 1);

        const tokens = new Set(answers.map(a => {
            assert.equal(a.status, 200, a.text);

            return a.json().access_token;
        }));

        assert.equal(tokens.size, 1);
        assert.ok(grown < WAITERS * WAITER, `${grown} bytes`);
        compare(t, [calm], [stuck]);
    });
});
