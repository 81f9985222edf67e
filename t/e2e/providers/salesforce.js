/*
 * The stand-in with Salesforce's face: identity only in the `id` URL, no
 * expires_in, the refresh token only in the answer to a login, and an
 * `instance_url` that sends the client elsewhere.
 */

import { createHash, randomBytes } from 'node:crypto';

import { StandIn } from './stand-in.js';


const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';


/** An 18 character id, such as 005xx000001Sv6e, out of a name. */
export function sfId(prefix, name) {
    const hash = createHash('sha256').update(name).digest();

    return prefix + [...hash.subarray(0, 18 - prefix.length)]
        .map(b => BASE62[b % 62]).join('');
}


export class Salesforce extends StandIn {
    constructor(options) {
        super({
            limits: [{ n: 5, per: ['user', 'client'] }], expiresIn: null,
            ...options,
        });

        this.instanceUrl = options.instanceUrl;
    }


    get paths() {
        return {
            authorize: '/services/oauth2/authorize',
            token: '/services/oauth2/token',
            revoke: '/services/oauth2/revoke',
            userinfo: '/services/oauth2/userinfo',
            api: '/services/data/',
        };
    }


    makeAccess(connection) {
        const org = sfId('00D', connection.tenant).slice(0, 15);

        return `${org}!AQ${randomBytes(66).toString('base64url')
            .replace(/-/g, '.')}`;
    }


    makeRefresh() {
        return `5Aep861${randomBytes(60).toString('base64url')
            .replace(/-/g, '.')}`;
    }


    answer(connection, tokens, issuedAt, grant) {
        const org = sfId('00D', connection.tenant);
        const user = sfId('005', connection.user);

        return {
            access_token: tokens.access,
            ...(tokens.refresh && grant !== 'password'
                && { refresh_token: tokens.refresh }),
            scope: connection.scope || 'refresh_token api',
            instance_url: this.instanceUrl ?? this.url,
            id: `https://login.salesforce.com/id/${org}/${user}`,
            token_type: 'Bearer',
            ...(grant !== 'jwt-bearer' && {
                issued_at: String(issuedAt),
                signature: randomBytes(32).toString('base64'),
            }),
        };
    }


    sendDead(res) {
        this.send(res, 401, [{
            message: 'Session expired or invalid',
            errorCode: 'INVALID_SESSION_ID',
        }]);
    }


    api(req, url) {
        if (!url.pathname.endsWith('/query')) {
            return {
                status: 404,
                body: [{
                    message: 'The requested resource does not exist',
                    errorCode: 'NOT_FOUND',
                }],
            };
        }

        return {
            body: {
                totalSize: 1, done: true,
                records: [{
                    attributes: { type: 'Account' }, Name: 'Acme',
                }],
            },
        };
    }
}
