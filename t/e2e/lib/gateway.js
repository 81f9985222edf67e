/* Debian's nginx with the module, as a child process. */

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { sleep, until } from './http.js';


const root = fileURLToPath(new URL('../../..', import.meta.url));

/* E2E_MODULE is empty for an nginx that has the module linked in. */
export const NGINX = process.env.E2E_NGINX ?? '/usr/sbin/nginx';
export const MODULE = process.env.E2E_MODULE
    ?? path.join(root, 'build', 'ngx_http_oauth_gateway_module.so');


/* What nginx says of a worker that a signal ended. */
const KILLED = new RegExp('worker process (\\d+) exited on signal (?:9|11)'
    + '(?: \\(core dumped\\))?$'
    + '|shared memory zone "[a-z_]+" was locked by (\\d+)$');

const running = new Set();

process.once('exit', () => running.forEach(child => child.kill('SIGTERM')));

for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => process.exit(1));
}


export class Gateway {
    /**
     * `config(dir)` returns the inner part of the http block, `main` what
     * stands before it; `whole(dir)` is the text of a whole file instead.
     * `module` false leaves the module out, a path names another one.
     */
    constructor({ name, port, config, whole, main = '', workers = 2,
                  module = true, debug = false, connections = 1024 }) {
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), `oauth-e2e-${name}-`));
        fs.chmodSync(this.dir, 0o755);

        this.name = name;
        this.port = port;
        this.url = `http://127.0.0.1:${port}`;
        this.workers = workers;
        this.main = main;
        this.module = module === true ? MODULE : module;
        this.connections = connections;
        this.level = debug ? 'debug' : 'info';
        this.store = path.join(this.dir, 'store');
        this.errorLog = path.join(this.dir, 'error.log');
        this.accessLog = path.join(this.dir, 'access.log');
        this.conf = path.join(this.dir, 'nginx.conf');
        this.child = null;
        this.killed = new Set();

        fs.mkdirSync(path.join(this.dir, 'temp'));

        if (whole) {
            fs.writeFileSync(this.conf, whole(this.dir));
        } else {
            this.configure(config);
        }
    }


    configure(config) {
        const load = this.module ? `load_module ${this.module};` : '';
        const user = process.getuid() === 0 ? 'user www-data;' : '';
        const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
            n => `    ${n}_temp_path ${this.dir}/temp/${n};`).join('\n');

        fs.writeFileSync(this.conf, `${load}
${user}
master_process on;
worker_processes ${this.workers};
pid ${this.dir}/nginx.pid;
error_log ${this.errorLog} ${this.level};
${this.main}

events {
    worker_connections ${this.connections};
}

http {
${temp}
    log_format e2e '$remote_addr [$time_iso8601] "$request" $status '
                   '$body_bytes_sent "$http_referer" "$http_user_agent"';
    access_log ${this.accessLog} e2e;
${config(this.dir)}
}
`);
    }


    /** `nginx -t`: its exit status and what it said. */
    check() {
        const r = spawnSync(NGINX, ['-t', '-q', '-p', this.dir, '-c',
                                    this.conf], { encoding: 'utf8' });

        return { status: r.status, text: r.stderr };
    }


    async start({ shell } = {}) {
        const args = ['-p', this.dir, '-c', this.conf, '-g', 'daemon off;'];
        const out = fs.openSync(path.join(this.dir, 'stderr.log'), 'a');
        const [command, argv] = shell
            ? ['/bin/sh', ['-c', `${shell}; exec "$0" "$@"`, NGINX, ...args]]
            : [NGINX, args];

        this.child = spawn(command, argv, {
            cwd: this.dir, stdio: ['ignore', out, out],
        });
        fs.closeSync(out);

        /* A test that fails must not keep its runner waiting. */
        this.child.unref();
        running.add(this.child);

        this.exited = new Promise(resolve => {
            this.child.once('exit', (code, signal) => {
                running.delete(this.child);
                this.child = null;
                resolve({ code, signal });
            });
        });

        await until(() => this.child === null
                          || this.workerPids().length >= this.workers,
                    10000, 'workers');

        if (this.child === null) {
            throw new Error(`nginx did not start:\n${this.tail()}`);
        }

        return this;
    }


    tail(lines = 20) {
        return ['stderr.log', 'error.log'].map(n => path.join(this.dir, n))
            .filter(f => fs.existsSync(f))
            .map(f => fs.readFileSync(f, 'utf8').split('\n').slice(-lines)
                      .join('\n'))
            .join('\n');
    }


    /** The pids of the workers that accept requests. */
    workerPids() {
        return this.processes().filter(p => p.title === 'worker process')
            .map(p => p.pid);
    }


    get master() {
        return this.child?.pid;
    }


    processes() {
        const pid = this.master;

        if (!pid) {
            return [];
        }

        try {
            const list = fs.readFileSync(
                `/proc/${pid}/task/${pid}/children`, 'utf8');

            return list.trim().split(/\s+/).filter(Boolean).map(Number)
                .map(p => ({ pid: p, title: title(p) }));

        } catch {
            return [];
        }
    }


    /** SIGHUP; with `wait`, until new workers have taken over. */
    async reload({ wait = true } = {}) {
        const old = new Set(this.workerPids());

        process.kill(this.master, 'SIGHUP');

        if (wait) {
            await until(() => {
                const now = this.workerPids();

                return now.length >= this.workers
                       && !now.some(p => old.has(p));
            }, 10000, 'reload');
        }
    }


    killWorker(pid, signal = 'SIGKILL') {
        this.killed.add(pid);
        process.kill(pid, signal);
    }


    async stop(signal = 'SIGQUIT') {
        if (!this.child) {
            return;
        }

        const child = this.child;
        const workers = this.processes().map(p => p.pid);

        child.kill(signal);

        /* Ends one that does not go by itself, and keeps this process. */
        const timer = setTimeout(() => child.kill('SIGKILL'), 15000);

        await this.exited;
        clearTimeout(timer);

        if (signal === 'SIGKILL') {
            /* the master could not take its workers along */
            workers.forEach(kill);
            await until(() => !workers.some(alive));
        }
    }


    async restart(signal = 'SIGQUIT') {
        await this.stop(signal);
        await this.start();
    }


    /**
     * Messages of the error log at `crit` and above: a crash is one.  What
     * nginx says of a worker that was killed here is none: that it exited,
     * and that it held a zone's lock, which the master then takes from it.
     */
    alarms() {
        if (!fs.existsSync(this.errorLog)) {
            return [];
        }

        const ours = line => this.killed.has(Number(KILLED.exec(line)
            ?.slice(1).find(Boolean)));

        return fs.readFileSync(this.errorLog, 'utf8').split('\n').filter(
            l => /\[(crit|alert|emerg)\]/.test(l) && !ours(l));
    }


    /**
     * Stops, looks for alarms in the log and for secrets in the logs and the
     * store, and removes the directory unless E2E_KEEP is set.
     */
    async finish(canary) {
        await sleep(50);
        await this.stop();

        const alarms = this.alarms();

        if (alarms.length) {
            throw new Error(`${this.errorLog}:\n${alarms.slice(0, 10)
                .join('\n')}`);
        }

        const roots = [this.errorLog, this.accessLog,
                       path.join(this.dir, 'stderr.log')];

        if (this.module !== false) {
            roots.push(this.store);
        }

        const result = canary?.assertAbsent(...roots);

        if (!process.env.E2E_KEEP) {
            fs.rmSync(this.dir, { recursive: true, force: true });
        }

        return result;
    }
}


/* Whether a thread of it is left that is no zombie: they hold the sockets. */
function alive(pid) {
    const state = file => {
        const stat = fs.readFileSync(file, 'latin1');

        return stat[stat.lastIndexOf(')') + 2];
    };

    try {
        return fs.readdirSync(`/proc/${pid}/task`).some(
            t => !'ZX'.includes(state(`/proc/${pid}/task/${t}/stat`)));

    } catch {
        /* one of them ended meanwhile; without the directory all have */
        return fs.existsSync(`/proc/${pid}/task`);
    }
}


function kill(pid) {
    try {
        process.kill(pid, 'SIGKILL');

    } catch (e) {
        if (e.code !== 'ESRCH') {
            throw e;
        }
    }
}


function title(pid) {
    try {
        const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8')
            .replace(/\0+/g, ' ').trim();

        return line.replace(/^nginx: /, '');

    } catch {
        return '';
    }
}
