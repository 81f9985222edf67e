/*
 * What a gateway's processes hold, sampled while it runs: memory of their own
 * (a mapped store is not theirs) and descriptors.
 */

import fs from 'node:fs';


const COLUMNS = ['s', 'workers', 'worker KB', 'worker fds', 'master KB',
                 'master fds', 'store KB'];


export class Vitals {
    constructor(gateway, every) {
        this.gateway = gateway;
        this.start = Date.now();
        this.samples = [];
        this.timer = setInterval(() => this.sample(), every);
        this.timer.unref();
    }


    sample() {
        const workers = this.gateway.workerPids();

        /* between two generations nothing compares */
        if (workers.length !== this.gateway.workers) {
            return;
        }

        const { master, store } = this.gateway;
        const sum = f => workers.reduce((n, pid) => n + f(pid), 0);

        try {
            this.samples.push({
                's': (Date.now() - this.start) / 1000,
                'workers': this.gateway.processes().length,
                'worker KB': sum(memory),
                'worker fds': sum(descriptors),
                'master KB': memory(master),
                'master fds': descriptors(master),
                'store KB': fs.statSync(`${store}/data.mdb`).blocks / 2,
            });

        } catch {
            /* a worker has left meanwhile */
        }
    }


    stop() {
        clearInterval(this.timer);
    }


    /** By how much a column's line grows from one time to another, in s. */
    growth(column, from, to) {
        const points = this.samples.filter(p => p.s >= from && p.s <= to)
            .map(p => [p.s, p[column]]);
        const mean = i => points.reduce((n, p) => n + p[i], 0) / points.length;
        const [x, y] = [mean(0), mean(1)];
        const part = (f, g) => points.reduce((n, p) => n + f(p) * g(p), 0);
        const slope = part(p => p[0] - x, p => p[1] - y)
                      / part(p => p[0] - x, p => p[0] - x);

        return slope * (to - from);
    }


    /** About `rows` of the samples. */
    table(rows = 30) {
        const step = Math.max(1, Math.ceil(this.samples.length / rows));
        const line = cells => cells.map(c => String(c).padStart(10)).join(' ');

        return [line(COLUMNS), ...this.samples
            .filter((_, i) => i % step === 0)
            .map(p => line(COLUMNS.map(c => Math.round(p[c]))))];
    }
}


function memory(pid) {
    const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8');

    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(text)[1]);
}


function descriptors(pid) {
    return fs.readdirSync(`/proc/${pid}/fd`).length;
}
