/*
 * The problem itself: real clients against the stand-ins with nothing between.
 * This shows that the stand-ins end connections as the providers do, and that
 * the clients behave as the gateway's design says.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Canary } from './lib/canary.js';
import { AuthorizationCode, browse, consent, failure, Issuer, jsforce,
         loadIntuit } from './lib/clients.js';
import { call, ports } from './lib/http.js';
import { OidcServer } from './providers/oidc.js';
import { QuickBooks } from './providers/quickbooks.js';
import { Salesforce } from './providers/salesforce.js';
import { StandIn } from './providers/stand-in.js';


const port = ports(0);
const canary = new Canary();
const client = { id: 'app', secret: 'without-gateway-secret' };
const users = {
    ann: { password: 'password-of-ann', tenant: 'acme' },
    bob: { password: 'password-of-bob', tenant: 'acme' },
};


describe('jsforce', () => {
    let provider;
    let options;

    before(async () => {
        provider = await new Salesforce({
            canary, clients: { [client.id]: client.secret }, users,
            limits: [{ n: 1, per: ['user', 'client'] }],
        }).listen(await port());
        options = {
            oauth2: {
                loginUrl: provider.url, clientId: client.id,
                clientSecret: client.secret,
                redirectUri: 'http://localhost/cb',
            },
        };
    });

    after(() => provider.close());


    test('two logins of one user take the session from each other',
         async () => {
        const first = new jsforce.Connection(options);
        const second = new jsforce.Connection(options);

        await first.login('ann', users.ann.password);
        await second.login('ann', users.ann.password);
        assert.equal(provider.counts.grants.password, 2);

        const r = await first.query('SELECT Name FROM Account');

        assert.equal(r.records[0].Name, 'Acme');
        assert.equal(provider.counts.grants.password, 3,
                     'jsforce logged in again without asking anybody');
        assert.equal(provider.counts.dead, 1);

        await second.query('SELECT Name FROM Account');
        assert.equal(provider.counts.grants.password, 4,
                     'the ping-pong goes on');
    });


    test('a refresh token that the provider killed says only that it is dead',
         async () => {
        const connect = async () => {
            const conn = new jsforce.Connection(options);
            const back = await consent(conn.oauth2.getAuthorizationUrl({}),
                                       'bob');

            await conn.authorize(new URL(back).searchParams.get('code'));

            return conn;
        };
        const first = await connect();

        await first.query('SELECT Name FROM Account');
        await connect();

        const e = await failure(first.query('SELECT Name FROM Account'));

        assert.match(e.message, /expired refresh token/);
    });
});


describe('intuit-oauth', () => {
    test('a second user of a company ends the connection of the first',
         async () => {
        const provider = await new QuickBooks({
            canary, clients: { [client.id]: client.secret },
            users: {
                ann: { password: 'password-of-ann', tenant: '4620816365' },
                bob: { password: 'password-of-bob', tenant: '4620816365' },
            },
        }).listen(await port());

        const connect = async user => {
            const c = new (loadIntuit())({
                clientId: client.id, clientSecret: client.secret,
                environment: 'sandbox', redirectUri: 'http://localhost/cb',
            });

            c.setAuthorizeURLs({
                authorizeEndpoint: provider.url + provider.paths.authorize,
                tokenEndpoint: provider.url + provider.paths.token,
                revokeEndpoint: provider.url + provider.paths.revoke,
                userInfoEndpoint: provider.url + provider.paths.userinfo,
            });

            await c.createToken(await consent(
                c.authorizeUri({ scope: 'accounting', state: 's' }), user));

            return c;
        };
        const info = c => c.makeApiCall({
            url: `${provider.url}/v3/company/4620816365/companyinfo/1`,
        });

        const ann = await connect('ann');

        assert.equal((await info(ann)).json.CompanyInfo.CompanyName,
                     'Company 4620816365');
        await ann.refresh();

        const bob = await connect('bob');

        assert.equal((await failure(info(ann))).code, '401');
        assert.ok(await failure(ann.refresh()));
        await info(bob);
        assert.equal(provider.counts.dead, 1);
        await provider.close();
    });
});


describe('simple-oauth2', () => {
    test('the first connection of a user dies', async () => {
        const provider = await new StandIn({
            canary, clients: { [client.id]: client.secret }, users,
            limits: [{ n: 1, per: ['user', 'client'] }], rotate: true,
        }).listen(await port());
        const oauth = new AuthorizationCode({
            client,
            auth: {
                tokenHost: provider.url, tokenPath: '/token',
                authorizePath: '/authorize',
            },
        });
        const connect = async () => {
            const back = await consent(oauth.authorizeURL({
                redirect_uri: 'http://localhost/cb',
            }), 'ann');

            return oauth.getToken({
                code: new URL(back).searchParams.get('code'),
                redirect_uri: 'http://localhost/cb',
            });
        };
        const api = token => call(`${provider.url}/api/x`,
                                  token.token.access_token);

        let first = await connect();

        first = await first.refresh();
        assert.equal((await api(first)).status, 200);

        const second = await connect();

        assert.equal((await api(first)).status, 401);
        assert.equal((await api(second)).status, 200);
        assert.equal((await failure(first.refresh())).data.payload.error,
                     'invalid_grant');
        await provider.close();
    });
});


describe('openid-client', () => {
    for (const [per, who] of [['user', ['ann', 'ann']],
                              ['org', ['ann', 'bob']]])
    {
        test(`oidc-provider ends the first connection of one ${per}`,
             async () => {
            const at = await port();
            const redirectUri = 'http://localhost/cb';
            const server = await new OidcServer({
                canary, issuer: `http://127.0.0.1:${at}`, per,
                users: { ann: 'acme', bob: 'acme' },
                client: { ...client, redirectUri },
            }).listen(at);

            const issuer = await Issuer.discover(server.url);
            const rp = new issuer.Client({
                client_id: client.id, client_secret: client.secret,
                redirect_uris: [redirectUri], response_types: ['code'],
            });
            const connect = async user => {
                const back = await browse(rp.authorizationUrl({
                    scope: 'openid offline_access', prompt: 'consent',
                }), user, redirectUri);

                return rp.callback(redirectUri, rp.callbackParams(back));
            };

            let first = await connect(who[0]);

            assert.equal(first.claims().sub, 'ann');
            assert.equal(first.claims().org, 'acme');
            assert.equal((await rp.userinfo(first)).sub, 'ann');
            first = await rp.refresh(first);

            const second = await connect(who[1]);

            assert.equal((await failure(rp.userinfo(first))).error,
                         'invalid_token');
            assert.equal((await failure(rp.refresh(first))).error,
                         'invalid_grant');
            assert.equal((await rp.userinfo(second)).sub, who[1]);
            await server.close();
        });
    }
});
