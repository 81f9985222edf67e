/*
 * A long random run against a provider with limits of 2 per user and 3 per
 * tenant: the gateway's verdict equals the provider's truth every time.
 *
 * Lanes run side by side, each with tenants of its own, so that the order
 * within every slot is certain.  E2E_SEED repeats a run, E2E_OPERATIONS sets
 * its length.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { assertInvalidGrant, assertSuperseded,
         urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request } from './lib/http.js';
import { Random } from './lib/random.js';
import { StandIn } from './providers/stand-in.js';


const OPERATIONS = Number(process.env.E2E_OPERATIONS ?? 10500);
const LANES = 4;
const ROUNDS = 40;
const TENANTS_PER_LANE = 3;
const USERS_PER_TENANT = 4;

const port = ports(5);
const clients = {
    crm: 'secret-of-client-crm', erp: 'secret-of-client-erp',
};
const owners = ['invoices', 'orders', 'leads', 'payroll', null];

const SIGNALS = ['SIGQUIT', 'SIGTERM', 'SIGKILL'];

const LIMITS = [{ n: 2, per: ['user', 'client'] },
                { n: 3, per: ['tenant', 'client'] }];


function makeUsers() {
    const users = {};

    for (let l = 0; l < LANES; l++) {
        for (let t = 0; t < TENANTS_PER_LANE; t++) {
            for (let u = 0; u < USERS_PER_TENANT; u++) {
                users[`user-${l}-${t}-${u}`] = {
                    password: `password-of-${l}-${t}-${u}`,
                    tenant: `tenant-${l}-${t}`,
                };
            }
        }
    }

    return users;
}


class Lane {
    constructor({ number, random, gateway, provider, users, tally }) {
        Object.assign(this, { number, random, gateway, provider, tally });

        this.users = Object.keys(users).filter(
            u => u.startsWith(`user-${number}-`));
        this.passwords = users;
        this.held = [];
    }


    async step() {
        const x = this.random.next();

        if (this.provider.issuedAt && x < 0.02) {
            /* at the same time: the issue times decide */
            await Promise.all(Array.from({ length: 2 + this.random.int(3) },
                                         () => this.connect(true)));

        } else if (this.held.length === 0 || x < 0.22) {
            await this.connect();

        } else if (x < 0.36) {
            await this.refresh();

        } else {
            await this.callApi();
        }
    }


    async connect(together = false) {
        const user = this.random.pick(this.users);
        const client = this.random.pick(Object.keys(clients));
        const owner = this.random.pick(owners);
        const byCode = this.random.int(2) === 0;
        const answer = await this.exchange(client, owner, byCode
            ? { grant_type: 'authorization_code',
                code: this.provider.issueCode({ client, user }) }
            : { grant_type: 'password', username: user,
                password: this.passwords[user].password });

        assert.equal(answer.status, 200, answer.text);

        const tokens = answer.json();

        this.held.push({
            client, owner, user, together,
            connection: this.provider.truth.connectionOf(tokens.access_token),
            access: [tokens.access_token],
            refresh: [tokens.refresh_token],
        });
        this.tally.connects++;
    }


    exchange(client, owner, form) {
        const inBody = this.random.int(2) === 0;
        const headers = owner ? { 'x-oauth-owner': owner } : {};

        if (!inBody) {
            headers.authorization = basic(client, clients[client]);
        }

        return request(`${this.gateway.url}/token`, {
            headers,
            form: { ...form, ...(inBody && {
                client_id: client, client_secret: clients[client],
            }) },
        });
    }


    /* Mostly recent connections, sometimes any of the past. */
    pickHeld() {
        const n = this.held.length;

        return this.random.int(3) === 0
            ? this.random.pick(this.held)
            : this.held[n - 1 - this.random.int(Math.min(n, 24))];
    }


    async refresh() {
        const h = this.pickHeld();
        const live = h.connection.state === 'live';
        /* Any of its refresh tokens must fail once it is superseded. */
        const token = live ? h.refresh.at(-1) : this.random.pick(h.refresh);
        const answer = await this.exchange(h.client, h.owner, {
            grant_type: 'refresh_token', refresh_token: token,
        });

        if (!live) {
            const body = assertInvalidGrant(answer);

            assert.equal(body.type, 'urn:oauth-gateway:superseded');
            assert.equal(this.provider.counts.refused, 0,
                         'the provider saw a dead refresh token');
            this.tally.refreshesRefused++;
            return;
        }

        assert.equal(answer.status, 200, answer.text);

        const tokens = answer.json();

        h.access.push(tokens.access_token);

        if (tokens.refresh_token) {
            h.refresh.push(tokens.refresh_token);
        }

        this.tally.refreshes++;
    }


    async callApi() {
        const h = this.pickHeld();
        const token = this.random.pick(h.access);
        const lives = this.provider.truth.accessLives(token);
        const answer = await call(`${this.gateway.url}/api/thing`, token);

        this.tally.calls++;

        if (lives) {
            assert.equal(answer.status, 200,
                         `a live token was refused: ${answer.text}`);
            assert.equal(answer.headers['x-verdict'], 'active');
            assert.equal(answer.json().user, h.user);
            this.tally.passed++;
            return;
        }

        const winner = h.connection.endedBy;
        const by = this.held.find(o => o.connection === winner);
        /* Of two at the same time the ledger may name the other one. */
        const problem = assertSuperseded(answer, {
            provider: 'acme', user: h.user, tenant: h.connection.tenant,
            owner: h.owner ?? undefined, by: by.together ? undefined : by.owner ?? undefined,
        });

        assert.equal(answer.headers['x-verdict'], 'superseded');
        assert.ok(LIMITS.some(l => l.n === problem.limit.n
                              && l.per.join() === problem.limit.per.join()));
        this.tally.refused++;
    }
}


for (const [name, provider] of [
    ['the provider names issue times, refresh tokens rotate',
     { issuedAt: true, rotate: true }],
    ['no issue times, no rotation', { issuedAt: false, rotate: false }],
]) {
    test(`random run: ${name}`, { timeout: 600000 }, async t => {
        const random = Random.fromEnvironment();
        const canary = new Canary();
        const users = makeUsers();
        const delays = random.fork();

        t.diagnostic(`E2E_SEED=${random.seed}`);

        const standIn = await new StandIn({
            canary, clients, users, limits: LIMITS, ...provider,
            delay: () => delays.int(8) === 0 ? delays.int(12) : 0,
        }).listen(await port());
        const at = await port();
        const gateway = await new Gateway({
            name: 'random', port: at,
            config: dir => urlMode({
                dir, port: at, upstream: standIn.url, paths: standIn.paths,
                policy: `user $oauth_response_user;
                         tenant $oauth_response_tenant;
                         issued_at $oauth_response_issued_at;
                         limit 2 per user client;
                         limit 3 per tenant client;`,
            }),
        }).start();

        const tally = {
            connects: 0, refreshes: 0, refreshesRefused: 0, calls: 0,
            passed: 0, refused: 0, reloads: 0, restarts: 0,
        };
        const lanes = Array.from({ length: LANES }, (_, number) => new Lane({
            number, random: random.fork(), gateway, provider: standIn, users,
            tally,
        }));
        const steps = Math.ceil(OPERATIONS / LANES / ROUNDS);

        try {
            for (let round = 0; round < ROUNDS; round++) {
                /* A reload may come at any time; a restart in between. */
                const turning = random.int(3) === 0
                    ? gateway.reload().then(() => tally.reloads++)
                    : null;

                await Promise.all(lanes.map(async lane => {
                    for (let i = 0; i < steps; i++) {
                        await lane.step();
                    }
                }));
                await turning;

                if (round % 8 === 7) {
                    await gateway.restart(random.pick(SIGNALS));
                    tally.restarts++;
                }
            }

        } finally {
            t.diagnostic(JSON.stringify(tally));
        }

        const operations = tally.connects + tally.refreshes
            + tally.refreshesRefused + tally.calls;

        assert.ok(operations >= OPERATIONS, `${operations} operations`);
        assert.ok(tally.reloads > 3 && tally.restarts === ROUNDS / 8);
        assert.ok(tally.passed > 500 && tally.refused > 500);
        assert.ok(tally.refreshesRefused > 100);
        assert.equal(standIn.counts.dead, 0, 'a dead token got through');
        assert.equal(standIn.counts.unknown, 0);
        assert.equal(standIn.counts.owner, 0);

        await standIn.close();

        const { secrets, bytes } = await gateway.finish(canary);

        t.diagnostic(`${secrets} secrets looked for in ${bytes} bytes`);
    });
}
