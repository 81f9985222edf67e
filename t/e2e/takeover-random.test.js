/*
 * Two owners connect to one provider at random and in parallel, as several
 * users of several tenants and by all grants that say before the exchange
 * who it is: the provider never sees an exchange that ends the other one's
 * live grant, and an owner's own reconnects all pass.  The provider's books
 * are the judge.
 *
 * E2E_SEED repeats a run, E2E_SECONDS sets its length.
 */

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep } from './lib/http.js';
import { Random } from './lib/random.js';
import { StandIn, signJwt } from './providers/stand-in.js';


const SECONDS = Number(process.env.E2E_SECONDS ?? 33);
const LANES = 12;
const OWNERS = ['alpha', 'beta'];
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const port = ports(17);
const clients = { app: 'secret-of-takeover-app',
                  tool: 'secret-of-takeover-tool' };
const users = Object.fromEntries(['acme', 'umbrella'].flatMap(tenant =>
    ['ann', 'bob', 'cyd'].map(name => [`${name}@${tenant}`,
        { tenant, password: `password-of-${name}-${tenant}` }])));
const logins = Object.keys(users);

users['sleeper@nowhere'] = { tenant: 'nowhere',
                             password: 'password-of-the-sleeper' };


/* A login is not the user's id, and an account is nobody's. */

class Provider extends StandIn {
    constructor({ random, ...options }) {
        super(options);

        this.random = random;
        this.sender = new AsyncLocalStorage();
        this.takeovers = [];
        this.losses = new Map();
        this.connects = 0;
        this.watching = false;

        const connect = this.truth.connect.bind(this.truth);

        this.truth.connect = args => {
            const before = this.live();
            const c = connect(args);

            c.owner = this.sender.getStore();
            this.connects += this.watching;
            before.filter(x => x.state !== 'live')
                .forEach(x => this.ended(x, c));

            return c;
        };
    }


    live() {
        return this.truth.connections.filter(c => c.state === 'live');
    }


    ended(loser, winner) {
        if (winner.owner !== loser.owner || !winner.owner) {
            if (this.watching) {
                this.takeovers.push({ loser, winner });
            }
        }

        if (winner.owner !== loser.owner || winner.user !== loser.user) {
            const key = this.keyOf(loser);

            this.losses.set(key, this.lossesOf(loser) + 1);
        }
    }


    keyOf({ owner, client, user }) {
        return JSON.stringify([owner, client, user]);
    }


    /** How often that owner has lost that user but to itself again. */
    lossesOf(who) {
        return this.losses.get(this.keyOf(who)) ?? 0;
    }


    holds({ owner, client, user }) {
        return this.live().some(c => c.owner === owner && c.client === client
                                     && c.user === user);
    }


    async grant(client, parameters) {
        if (parameters.username === 'sleeper@nowhere') {
            await sleep(33000);
        }

        await sleep(this.random.int(12));

        return this.sender.run(parameters.sent_by,
                               () => this.dispatch(client, parameters));
    }


    dispatch(client, parameters) {
        if (parameters.grant_type !== 'account_credentials') {
            return super.grant(client, parameters);
        }

        return this.open({ client, grant: 'account_credentials',
                           user: parameters.account_id,
                           tenant: parameters.account_id });
    }


    answer(connection, ...rest) {
        const { user, ...answer } = super.answer(connection, ...rest);

        return connection.grant === 'account_credentials'
            ? { ...answer, tenant: undefined }
            : { ...answer, user: `id-of-${user}` };
    }
}


class World {
    constructor(random, takeover) {
        this.random = random;
        this.takeover = takeover;
        this.canary = new Canary();
        this.tokens = [];
        this.problems = [];
        this.counts = { passed: 0, refused: 0, reconnects: 0,
                        failed: 0, refreshed: 0, hungUp: 0 };
        this.grants = {};
    }


    async start(name) {
        const common = {
            canary: this.canary, clients, users, rotate: true, exempt: [],
            random: this.random.fork(), delay: () => this.random.int(15),
        };

        this.acme = await new Provider({
            ...common,
            limits: [{ n: 1, per: ['user', 'client'] },
                     { n: 2, per: ['tenant', 'client'] }],
        }).listen(await port());
        this.zoo = await new Provider({
            ...common, limits: [{ n: 1, per: ['tenant', 'client'] }],
        }).listen(await port());

        const at = await port();
        const mode = this.takeover;

        this.gateway = await new Gateway({
            name, port: at, workers: 3,
            config: dir => urlMode({
                dir, port: at, upstream: this.acme.url,
                paths: this.acme.paths,
                policy: `user $oauth_response_user;
                    tenant $oauth_response_tenant;
                    login $oauth_request_username $oauth_assertion_sub
                          $http_x_login $arg_login;
                    owner $http_x_oauth_owner;
                    issued_at $oauth_response_issued_at;
                    exempt none;
                    limit 1 per user client;
                    limit 2 per tenant client;
                    takeover ${mode};`,
                http: `
                    map $http_x_ticket $takeover { default reject; in pass; }

                    oauth_provider zoo {
                        tenant $oauth_request_account_id;
                        owner $http_x_oauth_owner;
                        issued_at $oauth_response_issued_at;
                        limit 1 per tenant client;
                        takeover ${mode};
                    }`,
                server: `
                    location = /zoo/token {
                        oauth_token_endpoint zoo;
                        proxy_pass ${this.zoo.url}/token;
                    }

                    location /zoo/api/ {
                        oauth_guard zoo;
                        add_header X-Verdict $oauth_verdict always;
                        proxy_pass ${this.zoo.url}/api/;
                    }`,
            }),
        }).start();
    }


    /* Each login is seen once, so that all are known from then on. */
    async teach() {
        for (const login of logins) {
            const answer = await this.send(this.byPassword(login), {
                owner: 'alpha', client: 'app', ticket: 'in',
            });

            assert.equal(answer.status, 200, answer.text);
        }

        this.acme.watching = true;
        this.zoo.watching = true;
    }


    byPassword(login, password = users[login].password) {
        return { kind: 'password', provider: this.acme, user: login,
                 form: { grant_type: 'password', username: login,
                         password } };
    }


    byAssertion(login, client) {
        return { kind: 'jwt-bearer', provider: this.acme, user: login,
                 form: { grant_type: JWT_BEARER,
                         assertion: signJwt({ iss: client, sub: login },
                                            clients[client]) } };
    }


    byCode(login, client, where) {
        const code = this.acme.issueCode({ client, user: login });

        return { kind: `code, login by ${where}`, provider: this.acme,
                 user: login,
                 form: { grant_type: 'authorization_code', code },
                 ...(where === 'header' ? { headers: { 'x-login': login } }
                                        : { query: `?login=${login}` }) };
    }


    byAccount(account) {
        return { kind: 'account', provider: this.zoo, user: account,
                 path: '/zoo/token',
                 form: { grant_type: 'account_credentials',
                         account_id: account } };
    }


    send({ form, headers, path = '/token', query = '' },
         { owner, client, ticket, onRequest }) {
        return request(`${this.gateway.url}${path}${query}`, {
            form: { ...form, ...(owner && { sent_by: owner }) },
            headers: {
                authorization: basic(client, clients[client]), ...headers,
                ...(owner && { 'x-oauth-owner': owner }),
                ...(ticket && { 'x-ticket': ticket }),
            },
            onRequest,
        });
    }


    some(random, client) {
        const login = random.pick(logins);

        switch (random.int(6)) {
        case 0:
            return this.byPassword(login);
        case 1:
            return this.byAssertion(login, client);
        case 2:
            return this.byCode(login, client, 'header');
        case 3:
            return this.byCode(login, client, 'query');
        case 4:
            return this.byAccount(random.pick(['a-1', 'a-2', 'a-3']));
        default:
            return this.byPassword(login, random.int(3) ? undefined
                                                        : 'wrong');
        }
    }


    async connect(random) {
        const client = random.pick(Object.keys(clients));
        const owner = random.int(20) ? random.pick(OWNERS) : undefined;
        const connect = this.some(random, client);
        const { provider } = connect;
        const who = { owner, client, user: connect.user };
        const held = owner && provider.holds(who)
                     && connect.form.password !== 'wrong';
        const losses = provider.lossesOf(who);

        if (random.int(25) === 0) {
            await this.hangUp(connect, { owner, client }, random);
            return;
        }

        const answer = await this.send(connect, { owner, client });
        const name = `${connect.kind}: ${answer.status}`;

        this.grants[name] = (this.grants[name] ?? 0) + 1;

        if (held && provider.lossesOf(who) === losses) {
            this.counts.reconnects++;

            if (answer.status !== 200) {
                this.problems.push(`reconnect of ${JSON.stringify(who)} by `
                                   + `${name}: ${answer.text}`);
            }
        }

        this.judge(answer, owner, connect, client);
    }


    judge(answer, owner, connect, client) {
        switch (answer.status) {

        case 200:
            this.counts.passed++;
            this.tokens.push({ owner, client, provider: connect.provider,
                               ...answer.json() });
            break;

        case 409: {
            const body = answer.json();

            this.counts.refused++;

            if (body.error !== 'connection_conflict'
                || (owner && body.held_by.owner === owner))
            {
                this.problems.push(`refused: ${answer.text}`);
            }

            break;
        }

        case 400:
            this.counts.failed++;

            if (connect.form.password !== 'wrong') {
                this.problems.push(`refused by the provider: ${answer.text}`);
            }

            break;

        default:
            this.problems.push(`${answer.status}: ${answer.text}`);
        }
    }


    async hangUp(connect, who, random) {
        this.counts.hungUp++;

        try {
            await this.send(connect, {
                ...who,
                onRequest: req => setTimeout(() => req.destroy(),
                                             random.int(30)),
            });
        } catch {
            /* its exchange goes on, and is recorded */
        }
    }


    async refresh(random) {
        const held = this.tokens.splice(random.int(this.tokens.length), 1)[0];

        if (held === undefined) {
            return;
        }

        const { owner, client, provider } = held;
        const answer = await this.send({
            form: { grant_type: 'refresh_token',
                    refresh_token: held.refresh_token },
            path: provider === this.zoo ? '/zoo/token' : '/token',
        }, { owner, client });

        if (answer.status === 200) {
            this.counts.refreshed++;
            this.tokens.push({ ...held, ...answer.json() });

        } else if (answer.status !== 400) {
            this.problems.push(`refresh: ${answer.status}: ${answer.text}`);
        }
    }


    async run(seconds) {
        const end = Date.now() + seconds * 1000;
        const lane = async random => {
            while (Date.now() < end) {
                await (random.int(8) ? this.connect(random)
                                     : this.refresh(random));
            }
        };

        await Promise.all(Array.from({ length: LANES },
                                     () => lane(this.random.fork())));
        /* exchanges of those who hung up */
        await sleep(300);
    }


    get takeovers() {
        return [...this.acme.takeovers, ...this.zoo.takeovers];
    }


    /* What lives at the provider lives at the gateway, and is its holder's. */
    async checkHolders() {
        let checked = 0;

        for (const { access_token: token, provider } of this.tokens) {
            if (!provider.truth.accessLives(token)) {
                continue;
            }

            const path = provider === this.zoo ? '/zoo/api/x' : '/api/x';
            const answer = await call(`${this.gateway.url}${path}`, token);

            assert.equal(answer.status, 200, answer.text);
            assert.equal(answer.headers['x-verdict'], 'active');
            checked++;
        }

        return checked;
    }


    async finish() {
        await this.acme.close();
        await this.zoo.close();
        await this.gateway.finish(this.canary);
    }
}


/* Who holds a slot for longer than others may wait for it. */

async function sleeper(world) {
    const connect = world.byPassword('sleeper@nowhere');
    const patient = { onRequest: req => req.setTimeout(45000) };
    const first = world.send(connect, { owner: 'alpha', client: 'app',
                                        ...patient });

    await sleep(500);

    const from = Date.now();
    const second = await world.send(connect, { owner: 'beta', client: 'app',
                                               ...patient });
    const waited = Date.now() - from;

    assert.equal(second.status, 503, second.text);
    assert.equal(second.json().error, 'temporarily_unavailable');
    assert.match(second.json().error_description, /Another connect/);
    assert.ok(second.headers['retry-after']);
    assert.ok(waited > 29000 && waited < 33000, `${waited} ms`);
    assert.equal((await first).status, 200);

    const third = await world.send(connect, { owner: 'beta', client: 'app',
                                              ...patient });

    assert.equal(third.status, 409, third.text);
    assert.equal(third.json().held_by.owner, 'alpha');
}


test('no takeover gets to the provider', { timeout: 150000 }, async t => {
    const random = Random.fromEnvironment();

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const world = new World(random, '$takeover');

    await world.start('takeover');
    await world.teach();
    await Promise.all([world.run(SECONDS), sleeper(world)]);

    t.diagnostic(JSON.stringify(world.counts));
    t.diagnostic(JSON.stringify(world.grants));

    assert.deepEqual(world.takeovers.map(({ loser, winner }) =>
        [loser.owner, loser.user, winner.owner, winner.user, winner.grant]),
        []);
    assert.deepEqual(world.problems, []);

    /* a run in which nothing happened proves nothing */
    for (const name of ['passed', 'refused', 'reconnects', 'failed',
                        'refreshed', 'hungUp']) {
        assert.ok(world.counts[name] > 10, name);
    }

    for (const kind of ['password', 'jwt-bearer', 'code, login by header',
                        'code, login by query', 'account']) {
        assert.ok(world.grants[`${kind}: 200`] > 10, kind);
        assert.ok(world.grants[`${kind}: 409`] > 10, kind);
    }

    assert.ok(await world.checkHolders() > 3);
    await world.finish();
});


test('the same run sees takeovers where nobody prevents them', async t => {
    const world = new World(Random.fromEnvironment(), 'pass');

    await world.start('takeover-pass');
    await world.teach();
    await world.run(3);

    t.diagnostic(`${world.takeovers.length} takeovers in `
                 + `${world.acme.connects + world.zoo.connects} connects`);
    assert.ok(world.takeovers.length > 10);
    await world.finish();
});
