/*
 * oidc-provider, a real OAuth server, with the policy of the providers that
 * this project is about: a new grant ends the earlier ones of the same user
 * (`per: 'user'`) or of the same organisation (`per: 'org'`).
 */

import Provider from 'oidc-provider';


const RECORDED = ['AccessToken', 'RefreshToken', 'AuthorizationCode'];


export class OidcServer {
    /**
     * issuer   where clients see it: the gateway's address
     * users    { name: org }
     * client   { id, secret, redirectUri }
     * per      'user', 'org' or null: whose earlier grants a new one ends
     */
    constructor({ canary, issuer, users, client, per }) {
        canary.addClient(client.id, client.secret);

        this.users = users;
        this.per = per;
        this.current = new Map();
        this.counts = { token: 0, userinfo: 0, dead: 0 };

        const provider = new Provider(issuer, {
            clients: [{
                client_id: client.id,
                client_secret: client.secret,
                redirect_uris: [client.redirectUri],
                grant_types: ['authorization_code', 'refresh_token'],
                response_types: ['code'],
            }],
            claims: { openid: ['sub', 'org'] },
            conformIdTokenClaims: false,
            rotateRefreshToken: true,
            pkce: { required: () => false },
            features: {
                devInteractions: { enabled: true },
                revocation: { enabled: true },
            },
            cookies: { keys: ['e2e-cookie-signing-key'] },
            findAccount: (ctx, id) => ({
                accountId: id,
                claims: () => ({ sub: id, org: users[id] }),
            }),
            ttl: {
                AccessToken: 3600, AuthorizationCode: 60, Grant: 86400,
                IdToken: 3600, Interaction: 600, RefreshToken: 86400,
                Session: 86400,
            },
        });

        provider.proxy = true;
        this.provider = provider;

        for (const kind of RECORDED) {
            provider[kind].prototype.save = record(
                provider[kind].prototype.save, kind, canary);
        }

        provider.on('grant.success', ctx => this.granted(ctx));
        provider.use(async (ctx, next) => {
            await next();
            this.count(ctx);
        });
    }


    count(ctx) {
        if (ctx.path === '/token') {
            this.counts.token++;

        } else if (ctx.path === '/me') {
            this.counts.userinfo++;

            if (ctx.status === 401) {
                this.counts.dead++;
            }
        }
    }


    granted(ctx) {
        const { Account, Grant, params } = {
            ...ctx.oidc.entities, params: ctx.oidc.params,
        };

        if (params.grant_type !== 'authorization_code' || !this.per) {
            return;
        }

        const key = this.per === 'org' ? this.users[Account.accountId]
                                       : Account.accountId;
        const old = this.current.get(key);

        this.current.set(key, Grant.jti);

        if (old && old !== Grant.jti) {
            this.ended = this.end(old);
        }
    }


    /* Ends a grant and the tokens that came of it. */
    async end(id) {
        for (const kind of RECORDED) {
            await this.provider[kind].revokeByGrantId(id);
        }

        await this.provider.Grant.adapter.destroy(id);
    }


    async listen(port) {
        this.server = await new Promise(resolve => {
            const s = this.provider.listen(port, '127.0.0.1',
                                           () => resolve(s));
        });
        this.server.unref();
        this.url = `http://127.0.0.1:${port}`;

        return this;
    }


    async close() {
        this.server.closeAllConnections?.();
        await new Promise(resolve => this.server.close(resolve));
    }
}


function record(save, kind, canary) {
    return async function (...args) {
        const value = await save.apply(this, args);

        canary.add(value, kind);

        return value;
    };
}
