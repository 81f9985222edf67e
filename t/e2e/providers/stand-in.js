/*
 * A provider of OAuth and of an API.  It issues tokens, and really kills them.
 * This is its plain face; salesforce.js and quickbooks.js wear others.
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';

import { readBody, sleep } from '../lib/http.js';
import { Truth } from './truth.js';


const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';


class Refusal extends Error {
    constructor(error, description, status = 400) {
        super(description);
        this.error = error;
        this.status = status;
    }
}


export class StandIn {
    /**
     * canary     registry that every secret goes into
     * clients    { id: secret or null for a public client }
     * users      { name: { password, tenant } }
     * form       answer form-encoded instead of JSON
     * expiresIn  seconds, or null to leave expires_in out
     * issuedAt   name the issue time in answers
     * delay      () => ms between the issue of the tokens and the answer
     * tls        { key, cert } to listen with TLS
     * and what Truth takes: limits, rotate, killOnReuse, ...
     */
    constructor({ canary, clients = {}, users = {}, form = false,
                  expiresIn = 3600, issuedAt = true, delay = () => 0,
                  tls = null, ...truth }) {
        Object.assign(this, {
            canary, clients, users, form, expiresIn, issuedAt, delay,
        });

        this.truth = new Truth(truth);
        this.codes = new Map();
        this.inFlight = 0;
        this.resetCounts();

        for (const [id, secret] of Object.entries(clients)) {
            if (secret) {
                canary.addClient(id, secret);
            }
        }

        for (const { password } of Object.values(users)) {
            canary.add(password, 'password');
        }

        const handler = (req, res) => this.handle(req, res);

        this.server = tls ? https.createServer(tls, handler)
                          : http.createServer(handler);
    }


    get paths() {
        return {
            authorize: '/authorize', token: '/token', revoke: '/revoke',
            userinfo: '/userinfo', api: '/api/',
        };
    }


    resetCounts() {
        this.counts = {
            token: 0, grants: {}, refused: 0, api: 0, dead: 0, unknown: 0,
            revoke: 0, userinfo: 0, other: 0, owner: 0,
        };
    }


    async listen(port, host = '127.0.0.1') {
        await new Promise((resolve, reject) => {
            this.server.once('error', reject);
            this.server.listen(port, host, resolve);
        });

        this.server.unref();
        this.port = port;
        this.url = `http://${host}:${port}`;

        return this;
    }


    async close() {
        this.server.closeAllConnections?.();
        await new Promise(resolve => this.server.close(resolve));
    }


    /* Secrets of the shapes that real providers use. */

    makeAccess() {
        return randomBytes(24).toString('base64url');
    }

    makeRefresh() {
        return randomBytes(24).toString('base64url');
    }


    async handle(req, res) {
        const url = new URL(req.url, 'http://stand-in');
        const { pathname } = url;
        const p = this.paths;

        if (req.headers['x-oauth-owner'] !== undefined) {
            this.counts.owner++;
        }

        this.inFlight++;

        try {
            if (pathname === p.authorize) {
                this.authorize(url, res);

            } else if (pathname === p.token) {
                await this.token(req, url, res);

            } else if (pathname === p.revoke) {
                await this.revoke(req, res);

            } else if (pathname === p.userinfo) {
                this.counts.userinfo++;
                this.guarded(req, res, c => this.userinfo(c));

            } else if (pathname.startsWith(p.api)) {
                this.counts.api++;
                await readBody(req);
                this.guarded(req, res, c => this.api(req, url, c));

            } else {
                this.counts.other++;
                this.send(res, 404, { error: 'not_found' });
            }

        } catch (e) {
            if (!res.headersSent) {
                this.send(res, 500, { error: String(e) });
            }

        } finally {
            this.inFlight--;
        }
    }


    send(res, status, object, headers = {}) {
        res.writeHead(status, {
            'content-type': 'application/json;charset=UTF-8', ...headers,
        });
        res.end(JSON.stringify(object));
    }


    /* The user named by login_hint is signed in and consents. */
    authorize(url, res) {
        const q = url.searchParams;
        const back = new URL(q.get('redirect_uri'));
        const name = q.get('login_hint');

        if (!(q.get('client_id') in this.clients) || !(name in this.users)) {
            this.send(res, 400, { error: 'invalid_request' });
            return;
        }

        back.searchParams.set('code', this.issueCode({
            client: q.get('client_id'), user: name,
            scope: q.get('scope') ?? '',
        }));
        back.searchParams.set('state', q.get('state') ?? '');
        this.decorateRedirect(back, this.users[name]);

        res.writeHead(302, { location: back.href });
        res.end();
    }


    decorateRedirect() {
    }


    /** An authorization code, as if the user had just consented. */
    issueCode({ client, user, scope = '' }) {
        const code = this.canary.add(randomBytes(18).toString('base64url'),
                                     'authorization code');

        this.codes.set(code, { client, user, scope });

        return code;
    }


    async token(req, url, res) {
        this.counts.token++;

        try {
            const text = await readBody(req);
            const type = req.headers['content-type'] ?? '';
            const parameters = type.startsWith('application/json')
                ? JSON.parse(text)
                : Object.fromEntries(new URLSearchParams(text));

            Object.assign(parameters, Object.fromEntries(url.searchParams));

            const client = this.authenticate(req, parameters);
            const answer = await this.grant(client, parameters);
            const ms = this.delay();

            if (ms > 0) {
                await sleep(ms);
            }

            this.sendTokens(res, answer);

        } catch (e) {
            if (!(e instanceof Refusal)) {
                throw e;
            }

            this.counts.refused++;
            this.send(res, e.status, {
                error: e.error, error_description: e.message,
            }, { 'cache-control': 'no-store' });
        }
    }


    sendTokens(res, answer) {
        if (this.form) {
            res.writeHead(200, {
                'content-type': 'application/x-www-form-urlencoded',
                'cache-control': 'no-store',
            });
            res.end(new URLSearchParams(answer).toString());

        } else {
            this.send(res, 200, answer, { 'cache-control': 'no-store' });
        }
    }


    authenticate(req, parameters) {
        const authorization = req.headers.authorization ?? '';
        let id = parameters.client_id;
        let secret = parameters.client_secret;

        if (/^basic /i.test(authorization)) {
            const pair = Buffer.from(authorization.slice(6), 'base64')
                .toString();

            id = decodeURIComponent(pair.slice(0, pair.indexOf(':')));
            secret = decodeURIComponent(pair.slice(pair.indexOf(':') + 1));
        }

        if (id === undefined && parameters.assertion) {
            id = claims(parameters.assertion).iss;
            secret = this.clients[id];
        }

        if (!(id in this.clients) || (this.clients[id] ?? '')
                                     !== (secret ?? '')) {
            throw new Refusal('invalid_client', 'client unknown', 401);
        }

        return id;
    }


    async grant(client, parameters) {
        const type = parameters.grant_type;

        this.counts.grants[type] = (this.counts.grants[type] ?? 0) + 1;

        switch (type) {
        case 'authorization_code':
            return this.byCode(client, parameters);
        case 'password':
            return this.byPassword(client, parameters);
        case 'refresh_token':
            return this.byRefresh(client, parameters);
        case 'client_credentials':
            return this.open({ client, grant: type, user: client,
                               tenant: client, scope: parameters.scope });
        case JWT_BEARER:
            return this.byAssertion(client, parameters);
        default:
            throw new Refusal('unsupported_grant_type', 'no such grant');
        }
    }


    byCode(client, { code }) {
        const entry = this.codes.get(code);

        this.codes.delete(code);

        if (!entry || entry.client !== client) {
            throw new Refusal('invalid_grant', 'expired authorization code');
        }

        return this.open({
            client, grant: 'authorization_code', user: entry.user,
            tenant: this.users[entry.user].tenant, scope: entry.scope,
        });
    }


    byPassword(client, { username, password, scope }) {
        const user = this.users[username];

        if (!user || user.password !== password) {
            throw new Refusal('invalid_grant', 'authentication failure');
        }

        return this.open({ client, grant: 'password', user: username,
                           tenant: user.tenant, scope });
    }


    byAssertion(client, { assertion }) {
        const [head, body, signature] = assertion.split('.');
        const mac = createHmac('sha256', this.clients[client])
            .update(`${head}.${body}`).digest();
        const given = Buffer.from(signature, 'base64url');
        const { sub } = claims(assertion);

        if (mac.length !== given.length || !timingSafeEqual(mac, given)
            || !(sub in this.users))
        {
            throw new Refusal('invalid_grant', 'assertion refused');
        }

        return this.open({ client, grant: 'jwt-bearer', user: sub,
                           tenant: this.users[sub].tenant });
    }


    async open(connection) {
        const issuedAt = await this.truth.issueTime();
        const c = this.truth.connect({ ...connection, issuedAt });
        const tokens = { access: this.newAccess(c) };

        if (!c.exempt) {
            tokens.refresh = this.newRefresh(c);
        }

        return this.answer(c, tokens, issuedAt, connection.grant);
    }


    async byRefresh(client, { refresh_token: token }) {
        const entry = this.truth.refresh.get(token);

        if (!entry || entry.connection.client !== client) {
            throw new Refusal('invalid_grant', 'unknown refresh token');
        }

        if (entry.rotated) {
            this.truth.reuse(entry.connection);
        }

        if (!this.truth.refreshLives(token)) {
            throw new Refusal('invalid_grant', 'expired refresh token');
        }

        const issuedAt = await this.truth.issueTime();
        const c = entry.connection;

        if (this.truth.refreshKillsAccess) {
            c.tokens.forEach(t => this.truth.expireAccess(t));
        }

        const tokens = { access: this.newAccess(c) };

        if (this.truth.rotate) {
            tokens.refresh = this.newRefresh(c);
        } else if (this.repeatsRefresh) {
            tokens.refresh = token;
        }

        return this.answer(c, tokens, issuedAt, 'refresh_token');
    }


    newAccess(connection) {
        const token = this.canary.add(this.makeAccess(connection),
                                      'access token');

        this.truth.addAccess(connection, token);

        return token;
    }


    newRefresh(connection) {
        const token = this.canary.add(this.makeRefresh(connection),
                                      'refresh token');

        this.truth.addRefresh(connection, token);

        return token;
    }


    answer(connection, tokens, issuedAt) {
        return {
            access_token: tokens.access,
            token_type: 'Bearer',
            ...(this.expiresIn && { expires_in: this.expiresIn }),
            ...(tokens.refresh && { refresh_token: tokens.refresh }),
            ...(connection.scope && { scope: connection.scope }),
            user: connection.user,
            tenant: connection.tenant,
            ...(this.issuedAt && { issued_at: issuedAt }),
        };
    }


    async revoke(req, res) {
        this.counts.revoke++;

        const text = await readBody(req);
        const type = req.headers['content-type'] ?? '';
        const { token } = type.startsWith('application/json')
            ? JSON.parse(text)
            : Object.fromEntries(new URLSearchParams(text));

        this.truth.revoke(token);
        this.sendRevoked(res);
    }


    sendRevoked(res) {
        res.writeHead(200);
        res.end();
    }


    /* Answers by the truth, and counts the dead tokens that got this far. */
    guarded(req, res, answer) {
        const token = /^(?:bearer|oauth) +(\S+)$/i.exec(
            req.headers.authorization ?? '')?.[1];

        if (!this.truth.accessLives(token)) {
            this.counts[this.truth.access.has(token) ? 'dead' : 'unknown']++;
            this.sendDead(res);
            return;
        }

        const { status = 200, body } = answer(this.truth.connectionOf(token));

        this.send(res, status, body);
    }


    sendDead(res) {
        this.send(res, 401, { error: 'invalid_token' }, {
            'www-authenticate': 'Bearer error="invalid_token"',
        });
    }


    userinfo(connection) {
        return { body: { sub: connection.user, tenant: connection.tenant } };
    }


    api(req, url, connection) {
        return { body: { ok: true, user: connection.user } };
    }
}


function claims(jwt) {
    return JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));
}


/** A JWT signed with a shared secret. */
export function signJwt(payload, secret) {
    const part = o => Buffer.from(JSON.stringify(o)).toString('base64url');
    const data = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(payload)}`;

    return `${data}.${createHmac('sha256', secret).update(data)
        .digest('base64url')}`;
}
