/*
 * A provider where much happens that the gateway does not see: connections
 * made outside, sessions that end, grants revoked by hand, companies that are
 * known late.  Whatever it makes of that, it never refuses a live token.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep } from './lib/http.js';
import { Random } from './lib/random.js';
import { QuickBooks } from './providers/quickbooks.js';
import { StandIn } from './providers/stand-in.js';


const OPERATIONS = Number(process.env.E2E_OPERATIONS ?? 4000);
const LANES = 4;
const REALMS = 3;

const port = ports(11);
const client = { id: 'app', secret: 'secret-of-turmoil-app' };


class Lane {
    constructor({ number, random, gateway, provider, users, tally, path }) {
        Object.assign(this, { random, gateway, provider, tally, path });

        this.users = Object.keys(users).filter(
            u => u.startsWith(`user-${number}-`));
        this.held = [];
        this.authorization = basic(client.id, client.secret);
    }


    async step() {
        const x = this.random.next();

        if (this.held.length === 0 || x < 0.12) {
            await this.connect(this.gateway.url);
        } else if (x < 0.15) {
            await this.connect(this.provider.url);
        } else if (x < 0.19) {
            this.sessionEnds();
        } else if (x < 0.21) {
            this.provider.truth.revoke(this.pick().refresh);
            this.tally.revoked++;
        } else if (x < 0.38) {
            await this.refresh(this.pick());
        } else {
            await this.call(this.pick());
        }
    }


    pick() {
        const n = this.held.length;

        return this.held[n - 1 - this.random.int(Math.min(n, 12))];
    }


    token(url, form) {
        return request(url + this.provider.paths.token, {
            form, headers: { authorization: this.authorization },
        });
    }


    async connect(url) {
        const user = this.random.pick(this.users);
        const answer = await this.token(url, {
            grant_type: 'authorization_code',
            code: this.provider.issueCode({ client: client.id, user }),
        });

        assert.equal(answer.status, 200, answer.text);

        const tokens = answer.json();

        this.held.push({
            inside: url === this.gateway.url,
            access: [tokens.access_token],
            refused: new Set(),
            refresh: tokens.refresh_token,
            connection: this.provider.truth.connectionOf(tokens.access_token),
        });
        this.tally[url === this.gateway.url ? 'inside' : 'outside']++;
    }


    sessionEnds() {
        const { access } = this.pick();

        this.provider.truth.expireAccess(access.at(-1));
        this.tally.sessionsEnded++;
    }


    async refresh(h) {
        const lives = this.provider.truth.refreshLives(h.refresh);
        const form = {
            grant_type: 'refresh_token', refresh_token: h.refresh,
        };
        let answer = await this.token(this.gateway.url, form);

        /*
         * What the provider's 401 teaches takes effect with its commit: until
         * then the refused token may be handed out again, but not for long.
         */
        for (let i = 0; i < 20 && repeatsRefused(h, answer); i++) {
            await sleep(100);
            answer = await this.token(this.gateway.url, form);
        }

        if (answer.status === 400) {
            assert.ok(!lives, `a live token was refused: ${answer.text}`);
            this.tally.refreshRefused++;
            return;
        }

        assert.equal(answer.status, 200, answer.text);

        const tokens = answer.json();

        if (h.access.includes(tokens.access_token)) {
            /* the earlier answer again, unless it is known to be dead */
            assert.ok(!h.refused.has(tokens.access_token),
                      'a token that the provider refused was handed out again');
            this.tally.replayed++;
            return;
        }

        assert.ok(lives, 'the provider gave tokens for a dead one');
        h.access.push(tokens.access_token);
        h.refresh = tokens.refresh_token ?? h.refresh;
        this.tally.refreshed++;
    }


    async call(h) {
        const token = this.random.pick(h.access);
        const lives = this.provider.truth.accessLives(token);
        const answer = await call(
            this.gateway.url + this.path(h.connection), token);

        if (lives) {
            assert.equal(answer.status, 200,
                         `a live token was refused: ${answer.text}`);
            this.tally.passed++;

        } else {
            assert.ok([401, 409].includes(answer.status), answer.text);

            if (answer.status === 401) {
                this.tally.providerSaidNo++;
                h.refused.add(token);

            } else {
                this.tally.refused++;
            }
        }
    }
}


function repeatsRefused(h, answer) {
    return answer.status === 200 && h.refused.has(answer.json().access_token);
}


const VARIANTS = {
    'rotation, one connection per user': {
        provider: options => new StandIn({
            ...options, limits: [{ n: 1, per: ['user', 'client'] }],
            rotate: true,
        }),
        http: '',
        policy: `user $oauth_response_user;
                 issued_at $oauth_response_issued_at;
                 limit 1 per user client;`,
        path: () => '/api/x',
    },
    'no rotation, sessions die at refresh': {
        provider: options => new StandIn({
            ...options, limits: [{ n: 1, per: ['tenant', 'client'] }],
            refreshKillsAccess: true,
        }),
        http: '',
        policy: `tenant $oauth_response_tenant;
                 refresh_ends_access on;
                 limit 1 per tenant client;`,
        path: () => '/api/x',
    },
    'company known late': {
        provider: options => new QuickBooks(options),
        http: 'map $uri $realm { "~^/v3/company/(?<r>\\d+)/" $r; }',
        policy: `tenant $realm;
                 limit 1 per tenant client;`,
        path: c => `/v3/company/${c.tenant}/companyinfo/1`,
    },
};


for (const [name, variant] of Object.entries(VARIANTS)) {
    test(`turmoil: ${name}`, { timeout: 300000 }, async t => {
        const random = Random.fromEnvironment();
        const canary = new Canary();
        const users = {};

        t.diagnostic(`E2E_SEED=${random.seed}`);

        for (let i = 0; i < LANES * REALMS * 2; i++) {
            const lane = i % LANES;
            const realm = Math.floor(i / LANES) % REALMS;

            users[`user-${lane}-${i}`] = {
                password: `password-of-user-${i}`,
                tenant: `${1000 + lane * 100 + realm}`,
            };
        }

        const provider = await variant.provider({
            canary, clients: { [client.id]: client.secret }, users,
        }).listen(await port());
        const at = await port();
        const gateway = await new Gateway({
            name: 'turmoil', port: at,
            config: dir => urlMode({
                dir, port: at, upstream: provider.url, paths: provider.paths,
                http: variant.http, policy: variant.policy,
            }),
        }).start();
        const tally = {
            inside: 0, outside: 0, sessionsEnded: 0, revoked: 0,
            refreshed: 0, replayed: 0, refreshRefused: 0, passed: 0,
            providerSaidNo: 0, refused: 0,
        };
        const lanes = Array.from({ length: LANES }, (_, number) => new Lane({
            number, random: random.fork(), gateway, provider, users, tally,
            path: variant.path,
        }));

        try {
            await Promise.all(lanes.map(async lane => {
                for (let i = 0; i < OPERATIONS / LANES; i++) {
                    await lane.step();
                }
            }));

        } finally {
            t.diagnostic(JSON.stringify(tally));
        }

        for (const [what, n] of Object.entries(tally)) {
            if (what === 'replayed' && provider.truth.rotate) {
                continue;
            }

            assert.ok(n > OPERATIONS / 200, `${what}: ${n}`);
        }

        await provider.close();
        await gateway.finish(canary);
    });
}
