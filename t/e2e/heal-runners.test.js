/*
 * Ten runners, each connected by itself, all as the same integration user of a
 * provider that lets a user have one live grant, rotates refresh tokens and
 * ends the grant when it sees a rotated one again.  With the gateway in heal
 * mode all ten live on that one grant; without it nine fail at once.
 *
 * E2E_HEAL_SECONDS sets how long they run.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { AuthorizationCode, consent, Issuer, jsforce } from './lib/clients.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { call, ports, sleep } from './lib/http.js';
import { Random } from './lib/random.js';
import { Salesforce } from './providers/salesforce.js';


const SECONDS = Number(process.env.E2E_HEAL_SECONDS ?? 60);
const TWIN_SECONDS = 12;
const JSFORCE_SECONDS = Math.min(SECONDS, 30);

/* An access token's life, and how long before its end a client refreshes. */
const LIFE = 5;
const AHEAD = 1;

/* Below that much left, an access token is not handed out again. */
const LEFT = LIFE / 4;

/* How long a runner waits for a call and for what comes before it, in ms. */
const PATIENCE = 10000;

const port = ports(12);
const client = { id: 'app', secret: 'secret-of-heal-runners-app' };
const users = {
    integration: { password: 'password-of-integration', tenant: 'acme' },
    solo: { password: 'password-of-solo', tenant: 'other' },
};
const redirect_uri = 'http://localhost/cb';
const state = 'state-of-a-runner';
const PATHS = Salesforce.prototype.paths;
const QUERY = `${PATHS.api}v60.0/query?q=SELECT+Name+FROM+Account`;

/* The one that connects last, and so is live, authenticates by Basic. */
const MIX = ['posted', 'openid', 'jsforce', 'posted', 'openid', 'jsforce',
             'posted', 'simple', 'jsforce', 'simple'];


/* Salesforce's face, with short sessions, and a book of the refreshes. */
class Provider extends Salesforce {
    constructor(options) {
        super({
            clients: { [client.id]: client.secret }, users,
            limits: [{ n: 1, per: ['user', 'client'] }],
            rotate: true, killOnReuse: true,
            expiresIn: LIFE, accessLife: LIFE * 1000, ...options,
        });

        this.refreshed = [];
    }


    async byRefresh(clientId, parameters) {
        const answer = await super.byRefresh(clientId, parameters);
        const { user } = this.truth.connectionOf(answer.access_token);

        this.refreshed.push({ user, at: Date.now() });

        return answer;
    }


    answer(...args) {
        return { ...super.answer(...args), expires_in: this.expiresIn };
    }


    /** The times of a user's refreshes. */
    refreshesOf(user) {
        return this.refreshed.filter(r => r.user === user).map(r => r.at);
    }


    liveGrantsOf(user) {
        return this.truth.connections.filter(
            c => c.user === user && c.state === 'live');
    }
}


/* Each kind: connects as `user`, and gives a function that calls the API. */
const KINDS = {
    async simple(url, user, options) {
        const oauth = new AuthorizationCode({
            client, options,
            auth: {
                tokenHost: url, tokenPath: PATHS.token,
                authorizePath: PATHS.authorize,
            },
        });
        const back = await consent(oauth.authorizeURL({ redirect_uri, state }),
                                   user);
        let token = await oauth.getToken({
            code: new URL(back).searchParams.get('code'), redirect_uri,
        });

        return async () => {
            if (token.expired(AHEAD)) {
                token = await token.refresh();
            }

            const answer = await call(url + QUERY, token.token.access_token);

            assert.equal(answer.status, 200, answer.text);
            assert.equal(answer.json().totalSize, 1);
        };
    },


    /* simple-oauth2 with its secret in the body. */
    posted(url, user) {
        return KINDS.simple(url, user, { authorizationMethod: 'body' });
    },


    async openid(url, user) {
        const issuer = new Issuer({
            issuer: url, token_endpoint: url + PATHS.token,
            authorization_endpoint: url + PATHS.authorize,
        });
        const rp = new issuer.Client({
            client_id: client.id, client_secret: client.secret,
            redirect_uris: [redirect_uri], response_types: ['code'],
        });
        const back = await consent(rp.authorizationUrl({
            scope: 'api', state,
        }), user);
        let tokens = await rp.oauthCallback(redirect_uri,
                                            rp.callbackParams(back),
                                            { state });

        return async () => {
            /* whole seconds, rounded down */
            if (tokens.expires_in <= AHEAD) {
                tokens = await rp.refresh(tokens);
            }

            const answer = await rp.requestResource(url + QUERY, tokens);

            assert.equal(answer.statusCode, 200, String(answer.body));
            assert.equal(JSON.parse(answer.body).totalSize, 1);
        };
    },


    /* Refreshes on a 401, with the refresh token that it was first given. */
    async jsforce(url, user) {
        const conn = new jsforce.Connection({
            oauth2: {
                loginUrl: url, clientId: client.id,
                clientSecret: client.secret, redirectUri: redirect_uri,
            },
        });
        const back = await consent(conn.oauth2.getAuthorizationUrl({ state }),
                                   user);

        await conn.authorize(new URL(back).searchParams.get('code'));
        assert.equal(conn.instanceUrl, url);

        return async () => {
            const answer = await conn.query('SELECT Name FROM Account');

            assert.equal(answer.totalSize, 1);
        };
    },
};


/* A call that is tried for ever has failed, too. */
async function inTime(promise) {
    let timer;

    try {
        await Promise.race([promise, new Promise((resolve, reject) => {
            timer = setTimeout(reject, PATIENCE, new Error('no end'));
        })]);

    } finally {
        clearTimeout(timer);
    }
}


class Runner {
    constructor(kind, number, random) {
        this.name = `${kind} ${number}`;
        this.kind = kind;
        this.random = random;
        this.calls = 0;
        this.failures = [];
    }


    async connect(url, user) {
        this.call = await KINDS[this.kind](url, user);
    }


    /** Calls every 200 ms or so until `end`, or until a call fails. */
    async run(start, end, stopAtFailure) {
        while (Date.now() < end) {
            try {
                await inTime(this.call());

            } catch (e) {
                this.failures.push({
                    runner: this.name, ms: Date.now() - start,
                    message: String(e.message).slice(0, 300),
                });

                if (stopAtFailure) {
                    return;
                }
            }

            this.calls++;
            await sleep(150 + this.random.int(100));
        }
    }
}


/** Connects the runners one after the other, as people do. */
async function connected(kinds, url, user, random) {
    const runners = kinds.map((k, i) => new Runner(k, i, random.fork()));

    for (const runner of runners) {
        await runner.connect(url, user);
    }

    return runners;
}


async function run(runners, seconds, stopAtFailure = false) {
    const start = Date.now();

    await Promise.all(runners.map(
        r => r.run(start, start + seconds * 1000, stopAtFailure)));

    return {
        calls: runners.reduce((n, r) => n + r.calls, 0),
        failures: runners.flatMap(r => r.failures)
            .sort((a, b) => a.ms - b.ms),
    };
}


async function withGateway() {
    const canary = new Canary();
    const provider = await new Provider({ canary }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'heal-runners', port: at,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, name: 'salesforce',
            paths: provider.paths, guard: 'heal', token: 'heal',
            http: `
    oauth_json $sf_id response /id;
    map $sf_id $sf_user { "~/(?<u>[^/]+)$" $u; }
    map $sf_id $sf_org { "~/(?<o>[^/]+)/[^/]+$" $o; }
    log_format actions "$uri $status $oauth_verdict $oauth_action";`,
            policy: `user $sf_user;
                     tenant $sf_org;
                     issued_at $oauth_response_issued_at;
                     response_set instance_url http://127.0.0.1:${at};
                     limit 1 per user client;`,
            server: `access_log ${dir}/actions.log actions;`,
        }),
    }).start();

    return {
        canary, provider, gateway,
        /** How often the gateway did what, by "token" or "api". */
        actions() {
            const tally = {};
            const file = path.join(gateway.dir, 'actions.log');

            for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
                const [uri, ...rest] = line.split(' ');
                const where = uri === PATHS.token ? 'token' : 'api';
                const name = `${where} ${rest.join(' ')}`;

                if (uri === PATHS.token || uri.startsWith(PATHS.api)) {
                    tally[name] = (tally[name] ?? 0) + 1;
                }
            }

            return tally;
        },
        async tearDown() {
            await provider.close();
            canary.assertAbsent(path.join(gateway.dir, 'actions.log'));
            await gateway.finish(canary);
        },
    };
}


function sum(tally, pattern) {
    return Object.entries(tally).filter(([name]) => pattern.test(name))
        .reduce((n, [, count]) => n + count, 0);
}


/** What the provider must have seen of ten runners that share one grant. */
function assertOneClient(t, { provider }, seconds) {
    const times = provider.refreshesOf('integration');
    const gaps = times.slice(1).map((at, i) => at - times[i]);
    const live = provider.liveGrantsOf('integration');

    t.diagnostic(`refreshes ${times.length}, shortest gap ${
        Math.min(...gaps)} ms`);

    assert.equal(live.length, 1, 'live grants at the provider');
    assert.equal(live[0].endedBy, null);
    assert.equal(provider.truth.connections.some(c => c.state === 'reused'),
                 false, 'a rotated token was shown to the provider');
    assert.equal(provider.counts.refused, 0);
    assert.equal(provider.counts.unknown, 0);
    assert.equal(provider.counts.owner, 0);

    /* it is refreshed when it must be, and not before */
    assert.ok(times.length >= Math.floor(seconds / (LIFE + 1)) - 1,
              `only ${times.length} refreshes`);
    assert.ok(gaps.every(ms => ms >= (LIFE - LEFT) * 1000 - 250),
              `refreshes ${Math.min(...gaps)} ms apart`);
}


test('without the gateway nine of ten fail within seconds',
     { timeout: 120000 }, async t => {
    const random = Random.fromEnvironment();
    const canary = new Canary();
    const provider = await new Provider({ canary }).listen(await port());

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const runners = await connected(MIX, provider.url, 'integration', random);
    const { failures } = await run(runners, TWIN_SECONDS, true);
    const failed = new Set(failures.map(f => f.runner));

    t.diagnostic(`${failed.size} of ${runners.length} failed, the first ${
        failures[0]?.ms} ms, the ninth ${failures[8]?.ms} ms after the start`);

    assert.ok(failed.size >= runners.length - 1,
              `only ${failed.size} failed: ${[...failed].join(', ')}`);
    assert.ok(failures[runners.length - 2].ms < 2 * LIFE * 1000);

    /* each for the same reason: the last to connect ended all others */
    const superseded = provider.truth.connections.filter(
        c => c.state === 'superseded');

    assert.equal(superseded.length, runners.length - 1);
    await provider.close();
});


test(`in heal mode ten clients of four kinds run for ${SECONDS} s`,
     { timeout: (SECONDS + 120) * 1000 }, async t => {
    const random = Random.fromEnvironment();
    const g = await withGateway();

    t.diagnostic(`E2E_SEED=${random.seed}`);

    /* one client that shares with nobody, for comparison */
    const [solo] = await connected(['simple'], g.provider.url, 'solo', random);
    const runners = await connected(MIX, g.gateway.url, 'integration', random);
    const [{ calls, failures }, alone] = await Promise.all([
        run(runners, SECONDS), run([solo], SECONDS),
    ]);
    const actions = g.actions();

    t.diagnostic(`${calls} calls, ${failures.length} failed; ${
        JSON.stringify(actions)}`);

    assert.deepEqual(failures.slice(0, 10), []);
    assert.deepEqual(alone.failures, []);
    assert.ok(runners.every(r => r.calls > 2 * SECONDS),
              'a runner has hardly run');

    assertOneClient(t, g, SECONDS);

    const ours = g.provider.refreshesOf('integration').length;
    const one = g.provider.refreshesOf('solo').length;

    t.diagnostic(`refreshes of ten clients ${ours}, of one ${one}`);
    assert.ok(ours <= 1.2 * one + 1, `${ours} refreshes, one client: ${one}`);

    /* superseded tokens were replaced, and refreshes answered here */
    assert.ok(sum(actions, /^api 200 superseded heal$/) > 50);
    assert.ok(sum(actions, /^token 200 \w+ heal$/) > 5 * ours);
    await g.tearDown();
});


/*
 * None of them looks ahead: all meet the end of the access token at once.  And
 * jsforce refreshes with the token that it got first, for ever: with rotation
 * not even one alone would last.
 */
for (const [n, name] of [[10, 'ten jsforce clients run'],
                         [1, 'one jsforce client runs']])
{
    test(`in heal mode ${name} for ${JSFORCE_SECONDS} s`,
         { timeout: (JSFORCE_SECONDS + 120) * 1000 }, async t => {
        const random = Random.fromEnvironment();
        const g = await withGateway();

        t.diagnostic(`E2E_SEED=${random.seed}`);

        const runners = await connected(Array(n).fill('jsforce'),
                                        g.gateway.url, 'integration', random);
        const { calls, failures } = await run(runners, JSFORCE_SECONDS);

        t.diagnostic(`${calls} calls, ${failures.length} failed; ${
            JSON.stringify(g.actions())}`);

        assert.deepEqual(failures.slice(0, 10), []);
        assertOneClient(t, g, JSFORCE_SECONDS);
        await g.tearDown();
    });
}
