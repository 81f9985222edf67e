/*
 * Healing never crosses user, tenant, client or scope: a random run over mixed
 * identities, in heal mode, judged where it matters, at the provider.  Every
 * token that arrives there, and every one that an answer hands out, belongs to
 * the identity that asked for it.  What can be healed is, and what cannot is
 * refused here.  A stolen refresh token gets nothing.
 *
 * The last test lets the gateway cross, to see that the judge notices.
 * E2E_SEED repeats a run, E2E_OPERATIONS sets its length.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { Gateway } from './lib/gateway.js';
import { CLIENTS, Lane } from './lib/heal-lane.js';
import { ports } from './lib/http.js';
import { Random } from './lib/random.js';
import { Identities, Judge } from './providers/identities.js';


const OPERATIONS = Number(process.env.E2E_OPERATIONS ?? 20000);
const LANES = 4;
const ROUNDS = 20;
const LIFE = 2;

const port = ports(13);
const SIGNALS = ['SIGQUIT', 'SIGTERM', 'SIGKILL'];

const LIMITS = {
    crm: [{ n: 1, per: ['user', 'client'] }],
    hr: [{ n: 1, per: ['user'] }],
    erp: [{ n: 1, per: ['tenant', 'client'] }],
    desk: [{ n: 2, per: ['tenant'] }],
    /* where people also connect past the gateway */
    wild: [{ n: 1, per: ['user', 'client'] }],
};


function makeUsers() {
    const users = {};

    for (let l = 0; l < LANES; l++) {
        for (const user of ['ann', 'bob']) {
            for (const tenant of ['acme', 'best']) {
                users[`${user}-${l}@${tenant}-${l}`] = {
                    password: `password-of-${user}-${l}-${tenant}`,
                    tenant: `${tenant}-${l}`,
                };
            }
        }
    }

    return users;
}


/* `identity` gives the lines that name user and tenant, by provider. */
function config({ dir, port: at, providers, identity }) {
    const blocks = providers.map(({ name, truth }) => `
    oauth_provider ${name} {
        ${identity(name)}
        issued_at $oauth_response_issued_at;
        ${truth.limits.map(l => `limit ${l.n} per ${l.per.join(' ')};`)
            .join('\n        ')}
    }`);
    const locations = providers.map(({ name, url, paths }) => `
        location = /${name}/token {
            oauth_token_endpoint ${name} heal;
            proxy_pass ${url}${paths.token};
        }

        location = /${name}/revoke {
            oauth_revocation_endpoint ${name};
            proxy_pass ${url}${paths.revoke};
        }

        location /${name}/api/ {
            oauth_guard ${name} heal;
            proxy_pass ${url}${paths.api};
        }`);

    return `
    oauth_store ${dir}/store;
    ${blocks.join('\n')}

    server {
        listen 127.0.0.1:${at};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        add_header X-Verdict $oauth_verdict always;
        add_header X-Action $oauth_action always;
        ${locations.join('\n')}
    }
`;
}


async function setUp({ random, names, identity, strict }) {
    const canary = new Canary();
    const judge = new Judge();
    const users = makeUsers();
    const providers = [];

    for (const name of names) {
        providers.push(await new Identities({
            name, judge, canary, clients: CLIENTS, users, limits: LIMITS[name],
            expiresIn: LIFE, accessLife: LIFE * 1000,
        }).listen(await port()));
    }

    const at = await port();
    const gateway = await new Gateway({
        name: 'heal-random', port: at,
        config: dir => config({ dir, port: at, providers, identity }),
    }).start();
    const tally = {
        connects: 0, outside: 0, calls: 0, passed: 0, callsHealed: 0,
        callsRefused: 0, refreshes: 0, refreshed: 0, healedHere: 0,
        healedThere: 0, replayed: 0, refreshesRefused: 0, shared: 0,
        revocations: 0, revoked: 0, thefts: 0, reloads: 0, restarts: 0,
    };
    const lanes = Array.from({ length: LANES }, (_, number) => new Lane({
        number, random: random.fork(), gateway, providers, judge, users,
        tally, strict,
    }));

    return {
        judge, gateway, tally,
        steps: n => Promise.all(lanes.map(async lane => {
            for (let i = 0; i < n; i++) {
                await lane.step();
            }
        })),
        reused: () => providers.flatMap(p => p.truth.connections)
            .filter(c => c.state === 'reused').length,
        async tearDown() {
            await Promise.all(providers.map(p => p.close()));
            return gateway.finish(canary);
        },
    };
}


test('random run over mixed identities', { timeout: 600000 }, async t => {
    const random = Random.fromEnvironment();
    const g = await setUp({
        random, names: Object.keys(LIMITS), strict: true,
        identity: () => `user $oauth_response_user;
        tenant $oauth_response_tenant;`,
    });
    const { tally, judge, gateway } = g;
    const start = Date.now();

    t.diagnostic(`E2E_SEED=${random.seed}`);

    try {
        for (let round = 0; round < ROUNDS; round++) {
            /* A reload may come at any time; a restart in between. */
            const turning = random.int(4) === 0
                ? gateway.reload().then(() => tally.reloads++)
                : null;

            await g.steps(Math.ceil(OPERATIONS / LANES / ROUNDS));
            await turning;

            if (round % 4 === 3) {
                await gateway.restart(random.pick(SIGNALS));
                tally.restarts++;
            }

            assert.deepEqual(judge.violations.slice(0, 5), []);
        }

    } finally {
        t.diagnostic(`${Date.now() - start} ms, ${JSON.stringify(tally)}, ${
            JSON.stringify(judge.replaced)}, wider ${judge.wider}`);
    }

    assert.equal(g.reused(), 0, 'a rotated token reached a provider');

    /* all that this is about has happened, and often */
    const happened = { ...tally, ...judge.replaced };

    for (const name of ['passed', 'callsHealed', 'callsRefused', 'refreshed',
                        'healedHere', 'refreshesRefused', 'shared', 'revoked',
                        'thefts', 'access', 'refresh', 'answer'])
    {
        assert.ok(happened[name] >= OPERATIONS / 600,
                  `${name}: ${happened[name]}`);
    }

    assert.ok(tally.healedThere > 0);

    const { secrets, bytes } = await g.tearDown();

    t.diagnostic(`${secrets} secrets looked for in ${bytes} bytes`);
});


/*
 * With a part of the identity left out of its configuration the gateway cannot
 * know better: it crosses, and the judge must say so.
 */
test('the judge sees a gateway that crosses', { timeout: 120000 }, async t => {
    const random = Random.fromEnvironment();
    const g = await setUp({
        random, names: ['crm', 'erp'], strict: false,
        identity: name => name === 'crm' ? 'user $oauth_response_user;'
                                         : 'tenant $oauth_response_tenant;',
    });

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const kinds = () => new Set(g.judge.violations.map(v => v.kind));

    for (let i = 0; i < 100 && !(kinds().has('user') && kinds().has('tenant'));
         i++)
    {
        await g.steps(10);
    }

    t.diagnostic(`violations: ${[...kinds()]}`);
    assert.ok(kinds().has('tenant'), 'no call crossed tenants');
    assert.ok(kinds().has('user'), 'no call crossed users');
    await g.tearDown();
});
