/*
 * A gateway under the shim, a provider that keeps its own truth, and a runner
 * that remembers what it was given.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Canary } from '../e2e/lib/canary.js';
import { urlMode } from '../e2e/lib/config.js';
import { Gateway } from '../e2e/lib/gateway.js';
import { basic, call, request, sleep, until } from '../e2e/lib/http.js';
import { StandIn } from '../e2e/providers/stand-in.js';
import { Control } from './shim.js';


const root = fileURLToPath(new URL('../..', import.meta.url));
const SHIM = process.env.FAULT_SHIM
    ?? path.join(root, 'build/core/plain/t/fault/shim.so');

const client = { id: 'app', secret: 'secret-of-fault-app' };
const USERS = 40;

/*
 * ms in which the service is back after the end of a fault: two tries of a
 * gateway that tries again every 500 ms.  Only a machine that does nothing
 * else can promise it, so the long form alone asks for it; on any machine
 * recovered() gives up in the end.
 */
const BACK = 1000;

export const LONG = Boolean(process.env.FAULT_LONG);


export class World {
    /** `ports` as of e2e/lib/http.js; `prepare(dir)` runs before the start. */
    static async make({ name, ports, workers = 1, store = '',
                        prepare = () => {} }) {
        const world = new World();
        const users = Object.fromEntries(Array.from({ length: USERS },
            (_, i) => [`user-${i}`, { password: `password-of-user-${i}`,
                                      tenant: 'acme' }]));

        world.users = users;
        world.next = 0;
        world.given = [];
        world.slowest = 0;
        world.canary = new Canary();
        world.provider = await new StandIn({
            canary: world.canary, clients: { [client.id]: client.secret },
            users, limits: [{ n: 1, per: ['user', 'client'] }], rotate: true,
        }).listen(await ports());

        const port = await ports();
        const { url, paths } = world.provider;

        world.gateway = new Gateway({
            name, port, workers,
            config: dir => urlMode({
                dir, port, upstream: url, paths, store,
                policy: `user $oauth_response_user;
                         issued_at $oauth_response_issued_at;
                         limit 1 per user client;`,
                server: `
                    location = /flagged {
                        oauth_token_endpoint acme flag;
                        proxy_pass ${url}/token;
                    }`,
            }),
        });
        prepare(world.gateway);

        const control = path.join(world.gateway.dir, 'control');

        world.control = new Control(control);
        world.shell = `export LD_PRELOAD=${SHIM} FAULT_CONTROL=${control} `
                      + `FAULT_DIR=${world.gateway.store}`;
        await world.gateway.start(world);

        return world;
    }


    /** Forgets all, and starts as if it were the first time. */
    async startAnew(fault) {
        await this.gateway.stop();
        fs.rmSync(this.gateway.store, { recursive: true });
        this.given = [];
        this.control.arm(fault);
        await this.gateway.start(this);
    }


    get pids() {
        return this.gateway.workerPids();
    }


    user() {
        return `user-${this.next++ % USERS}`;
    }


    /**
     * One exchange.  A delivered answer is remembered with its mark; what was
     * cut or refused is an answer without tokens.
     */
    async exchange(form, at = '/token') {
        let answer;

        try {
            answer = await request(`${this.gateway.url}${at}`, {
                form,
                headers: { authorization: basic(client.id, client.secret) },
            });

        } catch (e) {
            return { status: 0, error: e };
        }

        if (answer.status !== 200) {
            return { status: answer.status, text: answer.text };
        }

        const { access_token: access, refresh_token: refresh } = answer.json();
        const marked = /^unrecorded/.test(
            answer.headers['oauth-connection-status'] ?? '');
        const given = { status: 200, access, refresh, marked };

        this.given.push(given);

        return given;
    }


    connect(at) {
        const user = this.user();

        return this.exchange({ grant_type: 'password', username: user,
                               password: this.users[user].password }, at);
    }


    refresh({ refresh }, at) {
        return this.exchange({ grant_type: 'refresh_token',
                               refresh_token: refresh }, at);
    }


    /** An API call: its verdict; a live token must get through. */
    async judge(given) {
        const lives = this.provider.truth.accessLives(given.access);
        const answer = await call(`${this.gateway.url}/api/x`, given.access);

        if (lives) {
            assert.equal(answer.status, 200,
                         `a live token was refused: ${answer.text}`);
        }

        return answer.headers['x-verdict'];
    }


    /** What was given without a mark is on record. */
    async check(given = this.given, what = '') {
        for (const one of given) {
            const verdict = await this.judge(one);

            assert.ok(verdict);
            assert.ok(one.marked || verdict !== 'unknown',
                      `delivered without a mark, and not on record ${what}`);
        }
    }


    /** Until an exchange is recorded again; ms since now. */
    async recovered(ms = 5000) {
        const start = performance.now();

        for (;;) {
            const given = await this.connect();

            if (given.status === 200 && !given.marked) {
                const took = performance.now() - start;

                this.slowest = Math.max(this.slowest, took);
                return took;
            }

            assert.ok(performance.now() - start < ms,
                      `no service ${ms} ms after the fault: `
                      + JSON.stringify(given));
            await sleep(10);
        }
    }


    /** Says how long the service was away at most, and judges it. */
    wasBack(t) {
        t.diagnostic(`back after ${this.slowest.toFixed()} ms at most`);
        assert.ok(this.slowest > 0, 'there was no fault');

        if (LONG) {
            assert.ok(this.slowest <= BACK, `back after ${this.slowest} ms`);
        }
    }


    /** No worker has ended since `pids` were asked for. */
    sameWorkers(pids) {
        assert.deepEqual(this.pids, pids, 'a worker has ended');
    }


    async killWorker() {
        const pids = this.pids;

        this.gateway.killWorker(pids[0]);
        await until(() => this.pids.length === this.gateway.workers
                          && !this.pids.includes(pids[0]),
                    10000, 'a new worker');
    }


    /**
     * Alarms of the log that are no part of a fault: nothing but the store's
     * own words may be there.
     */
    async finish(expected) {
        await this.gateway.stop();

        const alarms = this.gateway.alarms().filter(l => !expected.test(l));

        await this.provider.close();
        this.control.close();
        this.canary.assertAbsent(this.gateway.errorLog,
                                 this.gateway.accessLog, this.gateway.store);

        assert.deepEqual(alarms.slice(0, 5), [], 'alarms in the error log');
        fs.rmSync(this.gateway.dir, { recursive: true, force: true });
    }
}
