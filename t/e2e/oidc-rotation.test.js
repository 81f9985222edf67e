/*
 * oidc-provider, a real OAuth server that rotates refresh tokens and revokes
 * the grant when it sees one again, and workers of openid-client that share
 * one stored token.  Straight at the server the grant is lost at once; through
 * the gateway it never is.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { browse, Issuer } from './lib/clients.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { ports, sleep } from './lib/http.js';
import { Random } from './lib/random.js';
import { OidcServer } from './providers/oidc.js';


const SECONDS = Number(process.env.E2E_ROTATION_SECONDS ?? 30);
const WORKERS = 50;

const port = ports(102);
const redirectUri = 'http://localhost/cb';
const client = { id: 'rp', secret: 'secret-of-oidc-rotation', redirectUri };


async function serve(canary, issuer, at) {
    const server = await new OidcServer({
        canary, issuer, client, per: null, users: { ann: 'acme' },
    }).listen(at);

    server.revoked = 0;
    server.refused = 0;
    server.provider.on('grant.revoked', () => server.revoked++);
    server.provider.on('grant.error', () => server.refused++);

    return server;
}


async function connect(url) {
    const issuer = await Issuer.discover(url);
    const rp = () => new issuer.Client({
        client_id: client.id, client_secret: client.secret,
        redirect_uris: [redirectUri], response_types: ['code'],
    });
    const first = rp();
    const back = await browse(first.authorizationUrl({
        scope: 'openid offline_access', prompt: 'consent',
    }), 'ann', redirectUri);

    return {
        rp,
        tokens: await first.callback(redirectUri, first.callbackParams(back)),
    };
}


/**
 * The workers refresh until `end`, or until one is refused although nobody
 * has stored a newer token meanwhile.  Gives what happened; "early" are those
 * that were refused although the server had not yet seen, by the count of
 * `exchanges`, the second exchange after their token was made.
 */
async function load({ rp, tokens }, end, random, exchanges = () => 0) {
    const storage = { refresh: tokens.refresh_token,
                      access: tokens.access_token };
    const made = new Map([[storage.refresh, exchanges()]]);
    const seen = { early: 0, refreshes: 0, generations: 0, late: 0, lost: null,
                   types: new Set() };

    const worker = async mine => {
        const own = rp();

        while (Date.now() < end && !seen.lost) {
            const presented = storage.refresh;

            try {
                const answer = await own.refresh(presented);

                seen.refreshes++;

                /* whoever is late does not undo what is newer */
                if (storage.refresh === presented) {
                    seen.generations++;
                    made.set(answer.refresh_token,
                             made.get(presented) + 1);
                    storage.refresh = answer.refresh_token;
                    storage.access = answer.access_token;
                }

            } catch (e) {
                if (storage.refresh === presented) {
                    seen.lost ??= e;

                } else {
                    /* two generations behind: the gateway alone says no */
                    seen.late++;
                    seen.early += exchanges() < made.get(presented) + 2;
                    seen.types.add(e.response?.body?.type ?? String(e));
                }
            }

            await sleep(mine.int(100));
        }
    };

    await Promise.all(Array.from({ length: WORKERS },
                                 () => worker(random.fork())));

    return { ...seen, storage };
}


test('straight at the server the grant is lost at once',
     { timeout: 60000 }, async t => {
    const random = Random.fromEnvironment();
    const at = await port();
    const server = await serve(new Canary(), `http://127.0.0.1:${at}`, at);
    const start = Date.now();
    const seen = await load(await connect(server.url), start + 30000, random);

    t.diagnostic(`lost after ${Date.now() - start} ms and ${
        seen.generations} generations`);
    assert.equal(seen.lost?.error, 'invalid_grant');
    assert.ok(server.revoked > 0);
    assert.ok(Date.now() - start < 20000);
    await server.close();
});


test(`through the gateway it lives, ${SECONDS} s`,
     { timeout: (SECONDS + 120) * 1000 }, async t => {
    const random = Random.fromEnvironment();

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const canary = new Canary();
    const at = await port();
    const server = await serve(canary, `http://127.0.0.1:${at}`,
                               await port());
    const gateway = await new Gateway({
        name: 'oidc-rotation', port: at, workers: 2,
        config: dir => urlMode({
            dir, port: at, upstream: server.url, name: 'op',
            paths: { token: '/token', api: '/me' },
            policy: `user $oauth_id_token_sub;
                     limit 1 per user client;`,
        }),
    }).start();

    const c = await connect(gateway.url);

    server.counts.token = 0;

    const seen = await load(c, Date.now() + SECONDS * 1000, random,
                            () => server.counts.token);
    const { refreshes, generations, late } = seen;

    t.diagnostic(`${refreshes} refreshes, ${server.counts.token} exchanges, `
                 + `${generations} generations, ${late} late`);
    assert.equal(seen.lost, null);
    assert.equal(server.revoked, 0);
    assert.equal(server.refused, 0);

    /* the server saw one exchange for many refreshes, and none twice */
    assert.equal(server.counts.token, generations);
    assert.ok(refreshes > 2 * generations);
    assert.ok(generations >= 10);

    /*
     * How many are late depends on the machine: a generation lives as long
     * as an exchange takes.  Nobody is told so of a token whose successor
     * was not itself refreshed.
     */
    assert.equal(seen.early, 0);
    assert.ok(late < refreshes / 2);
    assert.ok([...seen.types].every(
        type => type === 'urn:oauth-gateway:rotated'), [...seen.types]);

    const { sub } = await c.rp().userinfo(seen.storage.access);

    assert.equal(sub, 'ann');
    assert.ok((await c.rp().refresh(seen.storage.refresh)).access_token);
    assert.equal(server.counts.dead, 0);
    await server.close();
    await gateway.finish(canary);
});
