/*
 * Many runners around one gateway to which things happen: they connect,
 * refresh, call, heal and read the API, and judge each answer by the
 * provider's truth and by what they were told before.  Each runner has a user
 * of its own, so that it knows what must come next.
 *
 * An answer that does not come, or a 502 to 504, is a failed request; whether
 * that may be is for the test to say.  What may never be is a violation.
 */

import http from 'node:http';

import { StandIn } from '../providers/stand-in.js';
import { Canary } from './canary.js';
import { Gateway } from './gateway.js';
import { sleep } from './http.js';
import { CLIENT, Lane } from './storm-lane.js';


/* What is worth nothing if it was not done. */
const EACH = ['connects', 'refreshes', 'replays', 'healed', 'healRefreshes',
              'refused', 'pages', 'events'];


/* A provider that remembers which refreshes its caller has had answered. */
class Witness extends StandIn {
    acknowledged = new Set();
    forgotten = [];


    async byRefresh(client, parameters) {
        const token = parameters.refresh_token;

        if (this.acknowledged.has(token)) {
            this.forgotten.push('a refresh token came again whose rotation '
                                + 'had been answered');
        }

        return super.byRefresh(client, parameters);
    }
}


/* Follows the event stream; what comes must never come twice. */
class Follower {
    constructor(storm) {
        this.storm = storm;
        this.last = 0;
        this.streams = 0;
        this.stopped = false;
    }


    async run() {
        while (!this.stopped) {
            await this.stream();
            await sleep(20);
        }
    }


    stream() {
        return new Promise(resolve => {
            this.request = http.get(
                `${this.storm.gateway.url}/gateway/events?after=${this.last}`,
                { agent: false, headers: { accept: 'text/event-stream' } },
                res => {
                    let rest = '';

                    this.streams++;

                    if (res.statusCode !== 200) {
                        this.storm.failed.push(`events: ${res.statusCode}`);
                    }

                    res.setEncoding('utf8');
                    res.on('data', text => {
                        const lines = (rest + text).split('\n');

                        rest = lines.pop();
                        lines.forEach(l => this.line(l));
                    });
                    res.on('error', resolve);
                    res.on('close', resolve);
                });
            this.request.on('error', e => {
                if (!this.stopped && e.code === 'ECONNREFUSED') {
                    this.storm.failed.push(`events: ${e.message}`);
                }

                resolve();
            });
        });
    }


    line(line) {
        const id = Number(/^id: ?(\d+)/.exec(line)?.[1] ?? NaN);

        if (Number.isNaN(id)) {
            return;
        }

        if (id <= this.last) {
            this.storm.violations.push(`event ${id} after ${this.last}`);
        }

        this.last = id;
        this.storm.tally.events++;
    }


    stop() {
        this.stopped = true;
        this.request?.destroy();
    }
}


export class Storm {
    /**
     * port      gives free ports
     * lanes     runners at the same time
     * delay     () => ms that the provider takes
     * options   of the gateway; `Kind` its class
     */
    constructor({ name, port, random, lanes = 8, delay = () => 0,
                  Kind = Gateway, ...options }) {
        Object.assign(this, { name, port, random, delay, Kind, options });

        this.users = Object.fromEntries(Array.from({ length: lanes }, (_, i) =>
            [`user-${i}`, { password: `password-of-user-${i}`,
                            tenant: 'acme' }]));
        this.canary = new Canary();
        this.failed = [];
        this.violations = [];
        this.tally = {
            connects: 0, refreshes: 0, retries: 0, together: 0, lost: 0,
            replays: 0, calls: 0, refused: 0, healCalls: 0, healed: 0,
            healRefreshes: 0, pages: 0, events: 0,
        };
        this.stopped = false;
    }


    async start() {
        this.provider = await new Witness({
            canary: this.canary, clients: { [CLIENT.id]: CLIENT.secret },
            users: this.users, limits: [{ n: 1, per: ['user', 'client'] }],
            rotate: true, killOnReuse: true, delay: this.delay,
        }).listen(await this.port());

        const at = await this.port();

        this.gateway = await new this.Kind({
            name: this.name, port: at, config: dir => this.config(dir, at),
            ...this.options,
        }).start();
        this.lanes = Object.keys(this.users).map((_, number) => new Lane({
            storm: this, number, random: this.random.fork(),
        }));
        this.follower = new Follower(this);

        return this;
    }


    config(dir, port) {
        const { url, paths } = this.provider;

        return `
    oauth_store ${dir}/store;

    oauth_provider acme {
        user $oauth_response_user;
        tenant $oauth_response_tenant;
        issued_at $oauth_response_issued_at;
        limit 1 per user client;
    }

    server {
        listen 127.0.0.1:${port};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        add_header X-Verdict $oauth_verdict always;
        add_header X-Action $oauth_action always;

        location = /token {
            oauth_token_endpoint acme;
            proxy_pass ${url}${paths.token};
        }

        location = /heal {
            oauth_token_endpoint acme heal;
            proxy_pass ${url}${paths.token};
        }

        location /api/ {
            oauth_guard acme;
            proxy_pass ${url}${paths.api};
        }

        location /healed/ {
            oauth_guard acme heal;
            proxy_pass ${url}${paths.api};
        }

        location /gateway/ {
            oauth_status;
        }
    }
`;
    }


    /** Runs until stop(); `pace` gives the ms between two steps of a lane. */
    async run(pace = () => 0) {
        const following = this.follower.run();

        await Promise.all(this.lanes.map(async lane => {
            while (!this.stopped) {
                await lane.step();

                const ms = pace();

                if (ms > 0) {
                    await sleep(ms);
                }
            }
        }));

        this.follower.stop();
        await following;
    }


    stop() {
        this.stopped = true;
    }


    /** Looks at what each lane was answered, and ends everything. */
    async finish({ audit = Infinity } = {}) {
        await Promise.all(this.lanes.map(lane => lane.audit(audit)));
        this.violations.push(...this.provider.forgotten);
        await this.provider.close();

        return this.gateway.finish(this.canary);
    }


    /** What the storm has hardly done yet: at most `n` times. */
    seldom(n) {
        return EACH.filter(what => this.tally[what] <= n)
            .map(what => `${what}: ${this.tally[what]}`);
    }


    /**
     * Whether the n-th of `most` is to come: where the machine is slow it
     * takes more of them to see everything.
     */
    goesOn(n, most) {
        return n < most || (n < 4 * most && this.seldom(most / 4).length > 0);
    }


    get answered() {
        return this.lanes.reduce((n, lane) => n + lane.answered.length, 0);
    }


    report() {
        return JSON.stringify({
            ...this.tally, answered: this.answered,
            streams: this.follower.streams, failed: this.failed.length,
            violations: this.violations.length,
        });
    }
}
