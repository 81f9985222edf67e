/* The gateway under test: an nginx with the module inside and sanitizers. */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { configuration } from './conf.js';


/* What nginx says of itself when something is wrong with it. */
const WRONG = /\[(alert|emerg)\]|exited on signal|exited with (fatal )?code [1-9]/;


export class Gateway {
    constructor({ nginx, dir, workers, suppressions }) {
        this.nginx = nginx;
        this.dir = dir;
        this.workers = workers;
        this.suppressions = suppressions;
        this.http = path.join(dir, 'http');
        this.http2 = path.join(dir, 'http2');
        this.log = path.join(dir, 'error.log');
        this.report = path.join(dir, 'report');
    }


    async start() {
        const root = process.getuid() === 0;
        const conf = path.join(this.dir, 'nginx.conf');
        const env = {
            ...process.env,
            ASAN_OPTIONS: `malloc_context_size=40:log_path=${this.report}`,
            UBSAN_OPTIONS: `print_stacktrace=1:log_path=${this.report}`,
            TSAN_OPTIONS: `log_path=${this.report}:exitcode=0:`
                + `suppressions=${this.suppressions}/tsan.txt`,
            LSAN_OPTIONS: `suppressions=${this.suppressions}/lsan.txt`
                + ':exitcode=0'
                + ':print_suppressions=0',
        };

        fs.mkdirSync(path.join(this.dir, 'temp'));
        fs.writeFileSync(conf, configuration({
            dir: this.dir, workers: this.workers,
            user: root ? 'user www-data;' : '' }));

        if (root) {
            /* workers make the reports and reach the provider */
            fs.chmodSync(this.dir, 0o777);
        }

        this.child = spawn(this.nginx, ['-e', this.log, '-p', this.dir, '-c',
                                        conf, '-g', 'daemon off;'],
                           { env, stdio: ['ignore', 'inherit', 'inherit'] });
        this.exited = new Promise(resolve => this.child.once('exit',
            (code, signal) => resolve({ code, signal })));

        for (let n = 0; !fs.existsSync(this.http2)
                        || this.pids().length < this.workers; n++)
        {
            if (n === 100 || this.child.exitCode !== null) {
                throw new Error(`nginx did not start, see ${this.log}`);
            }

            await new Promise(resolve => setTimeout(resolve, 100));
        }

        this.first = this.pids();
    }


    pids() {
        const pid = this.child.pid;

        return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
            .trim().split(' ').filter(Boolean);
    }


    /** What has gone wrong since the last call, as text; empty: nothing. */
    findings() {
        const found = [];

        for (const name of fs.readdirSync(this.dir)) {
            if (name.startsWith('report.')) {
                found.push(fs.readFileSync(path.join(this.dir, name),
                                           'utf8').slice(0, 6000));
            }
        }

        found.push(...fs.readFileSync(this.log, 'latin1').split('\n')
            .filter(line => WRONG.test(line)).slice(0, 20));

        return found.join('\n');
    }


    /** Whether the workers are those that were started. */
    sameWorkers() {
        return this.pids().join() === this.first.join();
    }


    memory() {
        return this.first.map(pid => Number(
            /VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`,
                                                  'utf8'))[1]));
    }


    /** Logs of a million requests would fill the disk. */
    shorten() {
        for (const name of ['error.log', 'access.log']) {
            fs.truncateSync(path.join(this.dir, name));
        }
    }


    async stop() {
        this.child.kill('SIGQUIT');

        return await this.exited;
    }
}
