/*
 * The disk fails under a real gateway, at each of its calls in turn: no
 * worker ends, no live token is refused, an answer is on record or says that
 * it is not, and with the end of the fault the service is back.
 *
 * FAULT_LONG takes every way to fail.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { ports, until } from '../e2e/lib/http.js';
import { EIO, ENOSPC, OPEN, SHORT, SYNC, TRUNCATE, WRITE } from './shim.js';
import { LONG, World } from './world.js';


const NTH_MAX = 60;

/* calls that must come back while the disk stalls */
const ENOUGH = 5;

/* ms by which calls may be slower beside a slow disk; see world.js on time */
const SLOWER = LONG ? 1 : 100;

const WORDS = { [EIO]: 'EIO', [ENOSPC]: 'ENOSPC', [SHORT]: 'short write' };
const ALARMS = /oauth gateway (cannot (write to|open) its store|lost \d+ rec)/;

const port = ports(20);


/** Arms, runs `operation`, and judges what came of it, for each n. */
async function everyCall(t, world, { calls, error, on, operation }) {
    let before = await world.connect();
    let n = 1;

    assert.equal(before.marked, false);

    for (;; n++) {
        assert.ok(n < NTH_MAX, 'the operation has no end');

        const pids = world.pids;
        const since = world.given.length;

        world.control.arm({ calls, nth: n, error, on });
        await operation(before);

        if (world.control.get('failed') === 0) {
            break;
        }

        /* the guard goes on, and in flag mode so do exchanges */
        await world.judge(before);
        const flagged = await world.connect('/flagged');

        assert.equal(flagged.status, 200, JSON.stringify(flagged));
        await world.check(world.given.slice(since).filter(g => g.marked));

        world.control.disarm();
        await world.recovered();
        world.sameWorkers(pids);
        await world.check(world.given.slice(since));

        before = world.given.at(-1);
    }

    world.control.disarm();
    t.diagnostic(`${WORDS[error]}${on ? ' from then on' : ''}: ${n - 1} calls `
                 + 'failed in turn');
    assert.ok(n > 3, 'hardly a call was made to fail');
}


const OPERATIONS = {
    connect: world => () => world.connect(),
    refresh: world => before => world.refresh(before),
};


test('every call that fails', { timeout: 600000 }, async t => {
    const world = await World.make({ name: 'io', ports: port });

    for (const [name, operation] of Object.entries(OPERATIONS)) {
        for (const error of [EIO, ENOSPC, SHORT]) {
            for (const on of [false, true]) {

                const some = name === 'connect' ? on === (error !== EIO)
                                                : error === SHORT && !on;

                if (!LONG && !some) {
                    continue;
                }

                await t.test(`${name}: ${WORDS[error]}${on ? ' on' : ''}`,
                    s => everyCall(s, world, {
                        calls: WRITE | SYNC, error, on,
                        operation: operation(world),
                    }));
            }
        }
    }

    await world.check();
    t.diagnostic(`${world.given.length} answers, of them `
                 + `${world.given.filter(g => g.marked).length} marked`);
    assert.ok(world.given.some(g => g.marked));
    world.wasBack(t);
    await world.finish(ALARMS);
});


test('a worker starts on a disk that fails', { timeout: 120000 }, async t => {
    const world = await World.make({ name: 'start', ports: port });
    const before = await world.connect();
    let n = 1;

    for (; n < NTH_MAX; n++) {
        world.control.arm({ calls: OPEN | TRUNCATE | WRITE | SYNC, nth: n,
                            error: n % 2 ? EIO : ENOSPC, on: true });
        await world.killWorker();

        /* the worker opens its store before it takes connections */
        await world.judge(before);

        const failed = world.control.disarm();

        await world.recovered();
        await world.check();

        if (failed === 0) {
            break;
        }
    }

    t.diagnostic(`${n - 1} calls failed in turn`);
    assert.ok(n > 2 && n < NTH_MAX);
    world.wasBack(t);
    await world.finish(ALARMS);
});


test('a first start on a disk that fails', { timeout: 300000 }, async t => {
    const world = await World.make({ name: 'first', ports: port });

    for (const error of LONG ? [EIO, ENOSPC, SHORT] : [SHORT]) {
        let n = 1;

        for (; n < NTH_MAX; n++) {
            await world.startAnew({ calls: OPEN | TRUNCATE | WRITE | SYNC,
                                    nth: n, error, on: true });

            const failed = world.control.get('failed');
            const flagged = await world.connect('/flagged');

            assert.equal(flagged.status, 200, JSON.stringify(flagged));
            world.control.disarm();
            await world.recovered();
            await world.check();

            if (failed === 0) {
                break;
            }
        }

        t.diagnostic(`${WORDS[error]}: ${n - 1} calls failed in turn`);
        assert.ok(n > 5 && n < NTH_MAX);
    }

    world.wasBack(t);
    await world.finish(ALARMS);
});


test('the disk is full', { timeout: 120000 }, async t => {
    let disk = null;
    const world = await World.make({
        name: 'full', ports: port,
        prepare: gateway => {
            disk = gateway.store;
            fs.mkdirSync(disk);
            mount(disk);
        },
    });

    t.after(() => spawnSync('umount', ['-l', disk]));

    const ballast = path.join(disk, 'ballast');
    const kept = await world.connect();

    for (let round = 0; round < (LONG ? 20 : 3); round++) {
        const pids = world.pids;
        const since = world.given.length;
        let answer;
        let count = 0;

        fill(ballast, round * 4096);

        do {
            answer = await world.connect();
            count++;
        } while (answer.status === 200 && count < 3000);

        assert.equal(answer.status, 503, 'the disk did not become full');
        await world.judge(kept);
        assert.equal((await world.connect('/flagged')).marked, true);

        fs.rmSync(ballast);
        await world.recovered();
        world.sameWorkers(pids);
        await world.check(world.given.slice(since));
    }

    world.wasBack(t);
    await world.check();
    await world.gateway.stop();
    spawnSync('umount', [disk]);
    await world.finish(ALARMS);
});


function mount(dir) {
    const { uid, gid } = userOf('www-data');
    const r = spawnSync('mount', ['-t', 'tmpfs', '-o',
                                  `size=${LONG ? 16 : 3}m,mode=0700,`
                                  + `uid=${uid},gid=${gid}`,
                                  'oauth-fault', dir], { encoding: 'utf8' });

    assert.equal(r.status, 0, r.stderr);
}


function userOf(name) {
    const line = fs.readFileSync('/etc/passwd', 'utf8').split('\n')
        .find(l => l.startsWith(`${name}:`)).split(':');

    return { uid: line[2], gid: line[3] };
}


/** Takes all room but `leave` bytes. */
function fill(file, leave) {
    const fd = fs.openSync(file, 'w');
    const page = Buffer.alloc(4096);

    try {
        for (;;) {
            fs.writeSync(fd, page);
        }

    } catch (e) {
        assert.equal(e.code, 'ENOSPC');
    }

    fs.ftruncateSync(fd, Math.max(0, fs.fstatSync(fd).size - leave));
    fs.closeSync(fd);
}


test('a sync that takes long', { timeout: 60000 }, async t => {
    const world = await World.make({ name: 'stall', ports: port });
    const stall = LONG ? 5000 : 1500;
    const live = await world.connect();
    const calm = await latencies(world, live, 200);

    world.control.set('stall', stall);

    const start = performance.now();
    const pending = world.connect().then(
        given => ({ ...given, took: performance.now() - start }));

    await until(() => world.control.get('stalled') > 0);

    const stalled = await latencies(world, live, 200, stall / 2);

    const { took, ...answer } = await pending;

    world.control.set('stall', 0);

    assert.ok(took >= stall, `released after ${took} ms, before the disk`);
    assert.equal(answer.marked, false);
    t.diagnostic(`guard p50 ${calm.p50.toFixed(2)} ms, p99 `
                 + `${calm.p99.toFixed(2)}; while the disk stalls p50 `
                 + `${stalled.p50.toFixed(2)}, p99 ${stalled.p99.toFixed(2)}`);
    assert.ok(stalled.n >= ENOUGH, 'the guard waited');
    assert.ok(stalled.p50 < calm.p50 + SLOWER, 'the guard is slower');

    await world.check();
    await world.finish(ALARMS);
});


test('a sync that does not return', { timeout: 60000 }, async t => {
    const world = await World.make({ name: 'hang', ports: port,
                                     store: 'wait=1s' });
    const { control, provider } = world;
    const kept = await world.connect();
    const family = await world.connect();
    const pids = world.pids;

    control.set('hang', 1);

    /* the disk comes back when we say so: what ends before did not wait */

    const first = world.connect();

    await until(() => control.get('stalled') > 0, 10000, 'a sync');

    const held = await Promise.all([first, world.connect(),
                                    world.refresh(family)]);

    for (const answer of held) {
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.marked, true);
    }

    const seen = provider.counts.token;
    const refused = await world.connect();

    assert.equal(refused.status, 503, refused.text);
    assert.equal(provider.counts.token, seen, 'the provider saw it');

    const flagged = await world.connect('/flagged');

    assert.equal(flagged.status, 200, flagged.text);
    assert.equal(flagged.marked, true);
    assert.equal(await world.judge(kept), 'active');

    control.set('hang', 0);
    await world.recovered();
    world.sameWorkers(pids);

    /* marked, and yet their records were kept, and are written now */

    for (const answer of [...held, flagged]) {
        assert.equal(await world.judge(answer), 'active');
    }

    assert.ok(world.gateway.alarms().some(l => /has not answered/.test(l)));
    t.diagnostic(`back after ${world.slowest.toFixed()} ms`);
    await world.check();
    await world.finish(ALARMS);
});


/** Of `n` calls, one after the other, in at most `ms`. */
async function latencies(world, live, n, ms = Infinity) {
    const all = [];
    const end = performance.now() + ms;

    while (all.length < n && performance.now() < end) {
        const start = performance.now();

        await world.judge(live);
        all.push(performance.now() - start);
    }

    all.sort((a, b) => a - b);

    return {
        n: all.length, p50: all[all.length >> 1],
        p99: all[Math.floor(all.length * 0.99)],
    };
}


test('each worker has a store of its own', { timeout: 60000 }, async () => {
    const world = await World.make({ name: 'own', ports: port, workers: 2 });
    const { pid } = world.gateway.child;
    const maps = of => fs.readFileSync(`/proc/${of}/maps`, 'utf8');

    assert.doesNotMatch(maps(pid), /data\.mdb/,
                        'the store was opened before the fork');

    for (const worker of world.pids) {
        assert.match(maps(worker), /data\.mdb/);
    }

    for (let i = 0; i < 50; i++) {
        await world.connect();
    }

    await world.check();
    await world.finish(ALARMS);
});
