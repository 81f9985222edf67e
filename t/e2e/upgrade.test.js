/*
 * The binary is replaced under load, again and again, by USR2 and QUIT: two
 * masters run side by side, with one store.  No request fails, no record is
 * lost.  E2E_UPGRADES sets their number.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Daemon } from './lib/daemon.js';
import { ports, sleep } from './lib/http.js';
import { Random } from './lib/random.js';
import { Storm } from './lib/storm.js';


const UPGRADES = Number(process.env.E2E_UPGRADES ?? 5);

/* ms */
const EVERY = 500;

const port = ports(14);


test(`${UPGRADES} upgrades under load`, { timeout: 60000 + UPGRADES * 10000 },
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

    for (let i = 0; i < UPGRADES; i++) {
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

    for (const what of ['connects', 'refreshes', 'replays', 'healed',
                        'healRefreshes', 'refused', 'pages', 'events'])
    {
        assert.ok(s.tally[what] > UPGRADES / 4, `${what}: ${s.tally[what]}`);
    }
});
