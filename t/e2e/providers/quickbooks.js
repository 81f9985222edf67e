/*
 * The stand-in with the face of QuickBooks Online: one connection per company
 * and app, and the company (realm) named only in the redirect and in the path
 * of API calls, never in an exchange.
 */

import { randomBytes } from 'node:crypto';

import { StandIn } from './stand-in.js';


export class QuickBooks extends StandIn {
    constructor(options) {
        super({
            limits: [{ n: 1, per: ['tenant', 'client'] }], ...options,
        });

        this.repeatsRefresh = true;
    }


    get paths() {
        return {
            authorize: '/connect/oauth2',
            token: '/oauth2/v1/tokens/bearer',
            revoke: '/v2/oauth2/tokens/revoke',
            userinfo: '/v1/openid_connect/userinfo',
            api: '/v3/company/',
        };
    }


    makeAccess() {
        return `eyJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiYWxnIjoiZGlyIn0..${
            [12, 96, 12].map(n => randomBytes(n).toString('base64url'))
                .join('.')}`;
    }


    makeRefresh() {
        return `AB11${randomBytes(28).toString('base64url')
            .replace(/[-_]/g, 'x')}`;
    }


    decorateRedirect(back, user) {
        back.searchParams.set('realmId', user.tenant);
    }


    answer(connection, tokens) {
        return {
            token_type: 'bearer',
            access_token: tokens.access,
            expires_in: 3600,
            refresh_token: tokens.refresh,
            x_refresh_token_expires_in: 8726400,
        };
    }


    sendDead(res) {
        this.send(res, 401, {
            fault: {
                error: [{
                    message: 'message=AuthenticationFailed; '
                             + 'errorCode=003200; statusCode=401',
                    detail: 'Token expired: AuthenticationFailed',
                    code: '3200',
                    element: null,
                }],
                type: 'AUTHENTICATION',
            },
            time: Date.now(),
        });
    }


    api(req, url, connection) {
        const realm = url.pathname.split('/')[3];

        if (realm !== connection.tenant) {
            return {
                status: 403,
                body: {
                    Fault: {
                        Error: [{
                            Message: 'ApplicationAuthorizationFailed',
                            Detail: 'Invalid company', code: '3100',
                        }],
                        type: 'AUTHORIZATION',
                    },
                },
            };
        }

        return {
            body: {
                CompanyInfo: { CompanyName: `Company ${realm}`, Id: '1' },
                time: new Date().toISOString(),
            },
        };
    }
}
