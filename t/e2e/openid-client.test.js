/*
 * openid-client, unmodified, and oidc-provider, a real OAuth server, with the
 * gateway between them.  The issuer's address is the gateway's, so discovery
 * leads every request there.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { browse, failure, Issuer } from './lib/clients.js';
import { assertInvalidGrant, assertSuperseded,
         urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request } from './lib/http.js';
import { OidcServer } from './providers/oidc.js';


const port = ports(2);
const redirectUri = 'http://localhost/cb';
const client = { id: 'rp', secret: 'secret-of-openid-client', redirectUri };

const SCENARIOS = {
    user: { limit: 'user client', per: 'user', who: ['ann', 'ann'] },
    'enterprise account': {
        limit: 'tenant client', per: 'org', who: ['ann', 'bob'],
    },
};


for (const [name, { limit, per, who }] of Object.entries(SCENARIOS)) {
    test(`same ${name}`, async () => {
        const canary = new Canary();
        const at = await port();
        const server = await new OidcServer({
            canary, issuer: `http://127.0.0.1:${at}`, per, client,
            users: { ann: 'acme', bob: 'acme', eve: 'other' },
        }).listen(await port());
        const gateway = await new Gateway({
            name: 'openid', port: at,
            config: dir => urlMode({
                dir, port: at, upstream: server.url, name: 'op',
                paths: { token: '/token', api: '/me' },
                policy: `user $oauth_id_token_sub;
                         tenant $oauth_id_token_org;
                         limit 1 per ${limit};`,
            }),
        }).start();

        const issuer = await Issuer.discover(gateway.url);

        assert.equal(issuer.token_endpoint, `${gateway.url}/token`);

        const connect = async user => {
            const rp = new issuer.Client({
                client_id: client.id, client_secret: client.secret,
                redirect_uris: [redirectUri], response_types: ['code'],
            });
            const back = await browse(rp.authorizationUrl({
                scope: 'openid offline_access', prompt: 'consent',
            }), user, redirectUri);

            return [rp, await rp.callback(redirectUri,
                                          rp.callbackParams(back))];
        };

        let [rp, first] = await connect(who[0]);

        assert.equal((await rp.userinfo(first)).sub, who[0]);

        const [other, stranger] = await connect('eve');

        first = await rp.refresh(first);
        assert.equal((await rp.userinfo(first)).sub, who[0]);

        const [rp2, second] = await connect(who[1]);

        assert.equal((await rp2.userinfo(second)).sub, who[1]);

        const e = await failure(rp.userinfo(first));

        assert.equal(e.response.statusCode, 409);
        assertSuperseded(await call(`${gateway.url}/me`, first.access_token), {
            provider: 'op', user: 'ann', tenant: 'acme',
            limit: { n: 1, per: limit.split(' ') },
        });

        const before = server.counts.token;
        const refused = await failure(rp.refresh(first));

        assert.equal(refused.error, 'invalid_grant');
        assert.ok(refused.error_description.length > 40);
        assertInvalidGrant(await request(`${gateway.url}/token`, {
            form: { grant_type: 'refresh_token',
                    refresh_token: first.refresh_token },
            headers: { authorization: basic(client.id, client.secret) },
        }));
        assert.equal(server.counts.token, before);

        assert.equal((await other.userinfo(stranger)).sub, 'eve');
        assert.equal((await rp2.userinfo(await rp2.refresh(second))).sub,
                     who[1]);
        assert.equal(server.counts.dead, 0);

        await server.close();
        await gateway.finish(canary);
    });
}
