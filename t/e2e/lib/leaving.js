/* How long workers stay that were asked to leave. */

import { sleep } from './http.js';


/* ms */
const EVERY = 50;


export class Leaving {
    constructor(gateway) {
        this.gateway = gateway;
        this.since = new Map();
        this.left = 0;
        this.longest = 0;
        this.timer = setInterval(() => this.look(), EVERY);
        this.timer.unref();
    }


    look() {
        const now = Date.now();
        const leaving = new Set(this.gateway.processes()
            .filter(p => p.title === 'worker process is shutting down')
            .map(p => p.pid));

        leaving.forEach(pid => {
            if (!this.since.has(pid)) {
                this.since.set(pid, now);
            }

            this.longest = Math.max(this.longest, now - this.since.get(pid));
        });

        for (const pid of this.since.keys()) {
            if (!leaving.has(pid)) {
                this.since.delete(pid);
                this.left++;
            }
        }
    }


    /** Waits until all have left, at most so many ms. */
    async done(ms) {
        const end = Date.now() + ms;

        do {
            await sleep(EVERY);
            this.look();
        } while (this.since.size && Date.now() < end);

        clearInterval(this.timer);
    }


    report() {
        return `${this.left} workers left, the slowest after ${
            this.longest} ms, ${this.since.size} are still there`;
    }
}
