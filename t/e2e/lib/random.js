/* A seeded generator, so that a random run can be repeated. */

import { randomBytes } from 'node:crypto';


/** mulberry32 */
export class Random {
    constructor(seed) {
        this.seed = seed >>> 0;
        this.state = this.seed;
    }


    /** The seed of E2E_SEED, or a fresh one. */
    static fromEnvironment() {
        const given = process.env.E2E_SEED;

        return new Random(given ? Number(given)
                                : randomBytes(4).readUInt32LE());
    }


    next() {
        this.state = (this.state + 0x6d2b79f5) | 0;

        let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);

        t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;

        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    }


    /** An integer in [0, n). */
    int(n) {
        return Math.floor(this.next() * n);
    }


    pick(list) {
        return list[this.int(list.length)];
    }


    /** A generator of its own, for a lane of the run. */
    fork() {
        return new Random(this.int(0x100000000));
    }
}
