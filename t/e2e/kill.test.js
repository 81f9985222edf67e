/*
 * Workers die at random, by SIGKILL and now and then by SIGSEGV, while runners
 * connect, refresh, call and heal: what was answered is known ever after, no
 * live token is refused, and no rotation that was answered reaches the
 * provider again.
 *
 * The same runners must notice a gateway that answers before its record is
 * written.  E2E_KILLS sets the number of kills, E2E_SEED repeats their choice.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ports, sleep } from './lib/http.js';
import { Random } from './lib/random.js';
import { Storm } from './lib/storm.js';


const KILLS = Number(process.env.E2E_KILLS ?? 200);
const WORKERS = 4;
const LANES = 12;

/* ms from one kill to the next, in the mean */
const EVERY = 25;

const port = ports(8);
const root = fileURLToPath(new URL('../..', import.meta.url));


/* Kills `n` times, or until `enough`; gives the number of each signal. */
async function kill(storm, n, enough = () => false) {
    const { gateway, random } = storm;
    const killed = { SIGKILL: 0, SIGSEGV: 0 };

    while (killed.SIGKILL + killed.SIGSEGV < n && !enough()) {
        await sleep(random.int(2 * EVERY));

        const pids = gateway.workerPids();

        if (pids.length <= WORKERS / 2) {
            continue;
        }

        const signal = random.int(20) === 0 ? 'SIGSEGV' : 'SIGKILL';

        try {
            gateway.killWorker(random.pick(pids), signal);
            killed[signal]++;

        } catch (e) {
            assert.equal(e.code, 'ESRCH');
        }
    }

    return killed;
}


async function storm(t, options) {
    const random = Random.fromEnvironment();

    t.diagnostic(`E2E_SEED=${random.seed}`);

    return new Storm({
        name: 'kill', port, random, lanes: LANES, workers: WORKERS,
        main: 'worker_rlimit_core 0;', delay: () => random.int(4), ...options,
    }).start();
}


test(`${KILLS} kills`, { timeout: 120000 + KILLS * 2000 }, async t => {
    const s = await storm(t);
    const running = s.run();
    const start = Date.now();
    const killed = await kill(s, KILLS);

    /* where the machine is slow it takes more of them to see everything */
    const more = await kill(s, 4 * KILLS, () => !s.seldom(KILLS / 40).length);
    const ms = Date.now() - start;

    s.stop();
    await running;

    const { failed } = s;

    await s.finish();
    t.diagnostic(`${JSON.stringify(killed)} and ${JSON.stringify(more)} in ${
        ms} ms, ${s.report()}`);
    assert.deepEqual(s.violations.slice(0, 20), []);
    assert.ok(failed.length > KILLS / 10, 'the kills broke hardly anything');
    assert.deepEqual(s.seldom(KILLS / 40), []);
});


test('an answer before its record is noticed', { timeout: 300000 },
     async t => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'oauth-e2e-broken-'));

    try {
        const module = execFileSync(
            path.join(root, 't', 'broken', 'make'),
            ['released-before-commit', dir], { encoding: 'utf8' }).trim();

        /* workers that the gateway runs as must reach it */
        fs.chmodSync(dir, 0o755);

        const s = await storm(t, { module });
        const running = s.run();
        const killed = await kill(s, 2000, () => s.violations.length > 0);

        s.stop();
        await running;
        await s.finish();
        t.diagnostic(`${JSON.stringify(killed)}, ${s.report()}`);
        t.diagnostic(s.violations[0] ?? 'no violation');
        assert.ok(s.violations.length > 0, 'nothing was noticed');

    } finally {
        fs.rmSync(dir, { recursive: true, force: true });
    }
});
