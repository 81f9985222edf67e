/*
 * Memory ends in a worker, at each of its allocations in turn: it does not
 * crash, no live token is refused, what is delivered without a mark is on
 * record, and the next request is served.
 *
 * FAULT_LONG takes every operation, for one allocation and from then on.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, ports } from '../e2e/lib/http.js';
import { LONG, World } from './world.js';


const NTH_MAX = 2000;

/* Some allocations are made now and then only. */
const QUIET = 3;

const ALARMS = new RegExp('(alloc|memalign)\\(.*\\) failed'
                          + '|oauth gateway cannot write to its store'
                          + '|could not (add|allocate) new|12: ');

const port = ports(21);


const OPERATIONS = {
    connect: world => world.connect(),
    flagged: world => world.connect('/flagged'),
    refresh: (world, before) => world.refresh(before),
    guard: (world, before) => guard(world, before),
    superseded: (world, before, dead) => guard(world, dead),
};


/* Anything may come of it but the refusal of a live token. */
async function guard(world, given) {
    const lives = world.provider.truth.accessLives(given.access);

    try {
        const answer = await call(`${world.gateway.url}/api/x`, given.access);

        assert.ok(!lives || answer.status !== 409, answer.text);

    } catch (e) {
        assert.ok(!(e instanceof assert.AssertionError), e);
    }
}


async function everyAllocation(t, world, operation, on) {
    const [pid] = world.pids;
    let quiet = 0;
    let failed = 0;
    let n = 1;

    for (; quiet < QUIET; n++) {
        assert.ok(n < NTH_MAX, 'the operation has no end');

        world.next = 0;
        const dead = await served(world);

        world.next = 0;
        const before = await served(world);
        const since = world.given.length;

        world.control.starve({ pid, nth: n, on });
        await operation(world, before, dead);

        const some = world.control.feed();

        quiet = some ? 0 : quiet + 1;
        failed += some ? 1 : 0;

        /* the guard at once, exchanges when the store was probed */
        await world.judge(world.given[since] ?? before);
        await world.recovered();
        world.sameWorkers([pid]);
        await world.check(world.given.slice(since), `allocation ${n}`);
    }

    t.diagnostic(`${failed} allocations failed in turn`);
    assert.ok(failed > 5, 'hardly an allocation was made');
}


/* A probe of the store may still be due. */
async function served(world) {
    await world.recovered();

    return world.given.at(-1);
}


for (const [name, operation] of Object.entries(OPERATIONS)) {
    for (const on of [false, true]) {

        if (!LONG && (on || !['connect', 'guard'].includes(name))) {
            continue;
        }

        test(`${name}: no memory${on ? ' from then on' : ''}`,
            { timeout: 900000 }, async t => {

            const world = await World.make({ name: 'alloc', ports: port });

            await everyAllocation(t, world, operation, on);
            world.wasBack(t);
            await world.finish(ALARMS);
        });
    }
}
