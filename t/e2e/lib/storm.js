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
import { basic, call, request, sleep } from './http.js';


const CLIENT = { id: 'app', secret: 'secret-of-storm-app' };

/* Well inside the replay window of 60 s. */
const REPLAY = 20000;

/* Of so many answers the older ones are looked at only at the end. */
const PAST = 40;

/* Of a token that was answered; `expired` too, if it is dead. */
const VERDICTS = ['active', 'superseded', 'broken', 'rotated'];


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


class Failed extends Error {
}


class Lane {
    constructor({ storm, number, random }) {
        Object.assign(this, { storm, random });

        this.user = `user-${number}`;
        this.password = storm.users[this.user].password;
        this.current = null;
        this.previous = null;
        this.answered = [];
        this.newest = -1;

        /* connections that the provider refused to refresh */
        this.lost = new Set();
    }


    async step() {
        const x = this.random.next();

        try {
            if (this.current === null || x < 0.15) {
                await this.connect();
            } else if (x < 0.40) {
                await this.refresh();
            } else if (x < 0.45) {
                await this.refreshAgain();
            } else if (x < 0.70) {
                await this.callApi(this.current.access, 'api');
            } else if (x < 0.80) {
                await this.callApi(this.past(), 'api');
            } else if (x < 0.92) {
                await this.callApi(this.past(), 'healed');
            } else if (x < 0.96) {
                await this.healRefresh();
            } else {
                await this.readApi();
            }

        } catch (e) {
            if (!(e instanceof Failed)) {
                throw e;
            }

            this.storm.failed.push(`${this.user}: ${e.message}`);

            /* what became of it only the provider knows */
            if (this.current
                && !this.truth.accessLives(this.current.access))
            {
                this.current = null;
            }
        }
    }


    get truth() {
        return this.storm.provider.truth;
    }


    past() {
        return this.random.pick(this.answered.slice(-PAST)).access;
    }


    violation(text) {
        this.storm.violations.push(`${this.user}: ${text}`);
    }


    /* Waits for an answer that must come. */
    async ask(promise) {
        let answer;

        try {
            answer = await promise;

        } catch (e) {
            throw new Failed(e.message);
        }

        if (answer.status >= 502 && answer.status <= 504) {
            throw new Failed(`${answer.status} ${answer.text}`);
        }

        if (answer.status >= 500) {
            this.violation(`${answer.status} ${answer.text}`);
            throw new Failed(`${answer.status}`);
        }

        if (/unrecorded/.test(answer.headers['oauth-connection-status'])) {
            this.violation('an answer was not recorded');
        }

        return answer;
    }


    token(path, form) {
        return this.ask(request(`${this.storm.gateway.url}/${path}`, {
            form, headers: { authorization: basic(CLIENT.id, CLIENT.secret) },
        }));
    }


    take(answer) {
        const { access_token: access, refresh_token: refresh }
            = answer.json();
        const { id } = this.truth.connectionOf(access);

        this.current = { access, refresh, id, at: Date.now() };
        this.answered.push(this.current);
        this.newest = Math.max(this.newest, id);
    }


    async connect() {
        const answer = await this.token('token', {
            grant_type: 'password', username: this.user,
            password: this.password,
        });

        if (answer.status !== 200) {
            this.violation(`connect: ${answer.status} ${answer.text}`);
            return;
        }

        this.previous = null;
        this.take(answer);
        this.storm.tally.connects++;
    }


    /* An answer that failed is asked for once more, as runners do. */
    async refresh() {
        try {
            await this.refreshOnce('refreshes');

        } catch (e) {
            if (!(e instanceof Failed)) {
                throw e;
            }

            this.storm.failed.push(`${this.user}: refresh: ${e.message}`);
            await this.refreshOnce('retries');
        }
    }


    async refreshOnce(what) {
        const before = this.current;
        const lives = this.truth.refreshLives(before.refresh);
        const answer = await this.token('token', {
            grant_type: 'refresh_token', refresh_token: before.refresh,
        });

        if (answer.status === 200) {
            this.storm.provider.acknowledged.add(before.refresh);
            this.previous = before;
            this.take(answer);
            this.storm.tally[what]++;
            return;
        }

        if (lives && this.truth.refreshLives(before.refresh)) {
            this.violation(`a live refresh token: ${answer.text}`);
        }

        /* rotated by an answer that nobody got, and so the grant is lost */
        this.storm.tally.lost++;
        this.lost.add(before.id);
        this.current = null;
    }


    /* As when the answer was lost on the way to the runner. */
    async refreshAgain() {
        const { previous, current } = this;

        if (!previous || Date.now() - current.at > REPLAY
            || !this.truth.accessLives(current.access))
        {
            return;
        }

        const answer = await this.token('token', {
            grant_type: 'refresh_token', refresh_token: previous.refresh,
        });

        if (answer.status !== 200
            || answer.json().access_token !== current.access
            || answer.json().refresh_token !== current.refresh)
        {
            this.violation(`a replay: ${answer.status} ${
                answer.status === 200 ? 'another token' : answer.text}`);
        }

        this.storm.tally.replays++;
    }


    async callApi(token, path) {
        const c = this.truth.connectionOf(token);
        const lives = this.truth.accessLives(token);
        const { newest } = this;
        const answer = await this.ask(
            call(`${this.storm.gateway.url}/${path}/x`, token));
        const verdict = answer.headers['x-verdict'];
        const about = `${verdict} ${answer.headers['x-action']} ${
            answer.status}, connection ${c.id} of up to ${this.newest} is ${
            c.state}`;

        if (!VERDICTS.includes(verdict) && !(verdict === 'expired' && !lives))
        {
            this.violation(`an answered token is ${about}`);

        } else if (lives) {
            if (answer.status !== 200 && this.truth.accessLives(token)) {
                this.violation(`a live token: ${about}`);
            }

        } else if (c.state === 'superseded' && c.id < newest
                   && !(verdict === 'broken' && this.lost.has(c.id)))
        {
            this.superseded(answer, path, about);
        }

        if (answer.status === 200 && answer.json().user !== this.user) {
            this.violation(`the answer is ${answer.json().user}'s`);
        }

        this.storm.tally[path === 'api' ? 'calls' : 'healCalls']++;
    }


    /* The newer connection was answered: the older one is over. */
    superseded(answer, path, about) {
        if (path === 'api') {
            if (answer.status !== 409) {
                this.violation(`a superseded token: ${about}`);
            }

            this.storm.tally.refused++;
            return;
        }

        if (answer.headers['x-action'] === 'heal') {
            this.storm.tally.healed++;

        } else if (this.current
                   && this.truth.accessLives(this.current.access))
        {
            this.violation(`not healed: ${about}`);
        }
    }


    /* The grant that was superseded is answered from the live one. */
    async healRefresh() {
        const old = this.answered.slice(-PAST).findLast(
            a => a.id < this.current.id && !this.lost.has(a.id)
                 && this.truth.connectionOf(a.access).state === 'superseded');

        /* what an answer that was lost has rotated heals nobody */
        const ready = () => this.truth.refreshLives(this.current.refresh);

        if (!old || !ready()) {
            return;
        }

        const answer = await this.token('heal', {
            grant_type: 'refresh_token', refresh_token: old.refresh,
        });

        if (answer.status !== 200) {
            this.violation(`a refresh not healed: ${answer.text}`);
            return;
        }

        const tokens = answer.json();
        const c = this.truth.connectionOf(tokens.access_token);

        if (c.id !== this.current.id || tokens.refresh_token !== old.refresh) {
            this.violation('a refresh healed with another connection');
        }

        this.storm.tally.healRefreshes++;
    }


    async readApi() {
        const answer = await this.ask(request(
            `${this.storm.gateway.url}/gateway/connections?user=${this.user}`
            + '&limit=20'));

        if (answer.status !== 200 || !answer.json().items.length) {
            this.violation(`the API: ${answer.status} ${answer.text}`);
        }

        this.storm.tally.pages++;
    }


    /** Each token that was answered is still known for what it is. */
    async audit() {
        for (const { access } of this.answered) {
            try {
                await this.callApi(access, 'api');

            } catch (e) {
                this.violation(`at the end: ${e.message}`);
            }
        }
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
            connects: 0, refreshes: 0, retries: 0, lost: 0, replays: 0,
            calls: 0, refused: 0, healCalls: 0, healed: 0, healRefreshes: 0,
            pages: 0, events: 0,
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


    /** Looks at all that was answered, and ends everything. */
    async finish() {
        await Promise.all(this.lanes.map(lane => lane.audit()));
        this.violations.push(...this.provider.forgotten);
        await this.provider.close();

        return this.gateway.finish(this.canary);
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
