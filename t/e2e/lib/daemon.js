/*
 * A gateway whose binary can be replaced while it runs: a master that is no
 * daemon ignores USR2.
 */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { Gateway, NGINX } from './gateway.js';
import { until } from './http.js';


export class Daemon extends Gateway {
    get master() {
        return this.pid;
    }


    async start() {
        const out = fs.openSync(path.join(this.dir, 'stderr.log'), 'a');
        const { status } = spawnSync(NGINX, ['-p', this.dir, '-c', this.conf], {
            cwd: this.dir, stdio: ['ignore', out, out],
        });

        fs.closeSync(out);

        if (status !== 0) {
            throw new Error(`nginx did not start:\n${this.tail()}`);
        }

        await this.ready();

        /* A test that fails must leave none behind. */
        process.once('exit', this.onExit = () => this.signal('SIGTERM'));

        return this;
    }


    /* Waits for the master of the pid file, other than `old`, to work. */
    async ready(old) {
        await until(() => {
            const pid = readPid(path.join(this.dir, 'nginx.pid'));

            if (!pid || pid === old) {
                return false;
            }

            this.pid = pid;

            return this.workerPids().length >= this.workers;
        }, 20000, 'a master and its workers');
    }


    /** USR2, and QUIT for the old master once the new one works. */
    async upgrade() {
        const old = this.pid;

        process.kill(old, 'SIGUSR2');
        await this.ready(old);
        process.kill(old, 'SIGQUIT');
        await until(() => !exists(old), 20000, 'the end of the old master');
    }


    signal(name) {
        if (this.pid && exists(this.pid)) {
            process.kill(this.pid, name);
        }
    }


    async stop(signal = 'SIGQUIT') {
        if (this.pid) {
            this.signal(signal);
            await until(() => !exists(this.pid), 15000, 'the end of nginx');
            process.removeListener('exit', this.onExit);
            this.pid = undefined;
        }
    }
}


function readPid(file) {
    try {
        return Number(fs.readFileSync(file, 'utf8'));

    } catch {
        return 0;
    }
}


/* Nobody may reap it here, and a zombie is none. */
function exists(pid) {
    try {
        const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');

        return stat[stat.lastIndexOf(')') + 2] !== 'Z';

    } catch {
        return false;
    }
}
