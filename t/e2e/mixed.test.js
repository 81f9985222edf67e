/*
 * Mixed load for a while: connects, refreshes, heals, calls, the API and its
 * events, in the first half with reloads.  No request fails, and after a while
 * neither memory nor descriptors grow: those of the master over the reloads,
 * those of the workers without.  E2E_MIXED_SECONDS sets the time.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ports, sleep } from './lib/http.js';
import { Random } from './lib/random.js';
import { Storm } from './lib/storm.js';
import { Vitals } from './lib/vitals.js';


const SECONDS = Number(process.env.E2E_MIXED_SECONDS ?? 6);
const HALF = SECONDS / 2;

/* of each half */
const WARM = HALF / 3;

/* ms between two reloads, two samples, and two steps of one runner */
const RELOAD = Math.max(1000, SECONDS * 10);
const SAMPLE = Math.max(50, SECONDS);
const PACE = 60;

/*
 * What may seem growth: an allocator's arenas fill once, in one thread later
 * than in another, and open connections are counted as they come.
 */
const GROWN_KB = 1024;
const GROWN_FDS = 8;

/*
 * What a worker remembers of a token is 1 KB, the first on its page another
 * three, with a tag on a page that may be new too; of so many tokens.
 */
const REMEMBERED_KB = 8;
const REMEMBERED = 4096 * 4;

/* of a runner's answers, at the end */
const AUDIT = 1500;

const port = ports(15);


test(`${SECONDS} s of mixed load`, { timeout: 120000 + SECONDS * 1500 },
     async t => {
    const random = Random.fromEnvironment();
    const s = await new Storm({
        name: 'mixed', port, random, delay: () => random.int(20),
    }).start();
    const vitals = new Vitals(s.gateway, SAMPLE);
    const elapsed = () => (Date.now() - vitals.start) / 1000;
    const remembered = () => s.gateway.workers * REMEMBERED_KB * Math.min(
        REMEMBERED, s.tally.connects + s.tally.refreshes);

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const running = s.run(() => random.int(2 * PACE));
    let reloads = 0;

    while (elapsed() < HALF - RELOAD / 1000) {
        await s.gateway.reload();
        reloads++;
        await sleep(RELOAD);
    }

    const quiet = elapsed();

    await sleep(WARM * 1000);

    const before = remembered();

    await sleep((SECONDS - elapsed()) * 1000);
    vitals.stop();

    const more = remembered() - before;

    const end = elapsed();

    s.stop();
    await running;

    const failed = s.failed.slice(0, 20);
    const growth = {};

    for (const [who, from, to] of [['master', WARM, quiet],
                                   ['worker', quiet + WARM, end]])
    {
        for (const what of ['KB', 'fds']) {
            const column = `${who} ${what}`;

            growth[column] = Math.round(vitals.growth(column, from, to));
        }
    }

    await s.finish({ audit: AUDIT });
    vitals.table().forEach(line => t.diagnostic(line));
    t.diagnostic(`${reloads} reloads, ${s.report()}`);
    t.diagnostic(`growth: ${JSON.stringify(growth)}, remembered: ${more} KB`);
    assert.deepEqual(failed, []);
    assert.deepEqual(s.violations.slice(0, 20), []);

    const bounds = {
        'master KB': GROWN_KB, 'worker KB': GROWN_KB + more,
        'master fds': GROWN_FDS, 'worker fds': GROWN_FDS,
    };

    for (const [column, n] of Object.entries(growth)) {
        assert.ok(n < bounds[column], `${column} grew by ${n}`);
    }

    for (const what of ['connects', 'refreshes', 'replays', 'healed',
                        'healRefreshes', 'refused', 'pages', 'events'])
    {
        assert.ok(s.tally[what] > 0, `no ${what}`);
    }
});
