/*
 * A provider that knows whose token every request carries, and judges whether
 * the sender may have it.  The sender names its request in X-Request; what it
 * sent stands in the book of requests, which the gateway never sees.
 */

import { AsyncLocalStorage } from 'node:async_hooks';

import { StandIn } from './stand-in.js';


const current = new AsyncLocalStorage();


/** Whether a scope holds all of another; unknown holds unknown alone. */
export function covers(scope, wanted) {
    if (!scope || !wanted) {
        return !scope && !wanted;
    }

    const words = new Set(scope.split(' '));

    return wanted.split(' ').every(w => words.has(w));
}


/** Requests under way, and everything that must never have happened. */
export class Judge {
    constructor() {
        this.requests = new Map();
        this.violations = [];
        this.replaced = { access: 0, refresh: 0, answer: 0 };
        this.wider = 0;
        this.next = 1;
    }


    /**
     * Books a request and gives its name.  `held` is the sender's own
     * connection, `presented` the token it sends, `scope` what it may expect.
     */
    book(request) {
        const id = String(this.next++);

        this.requests.set(id, { seen: 0, ...request });

        return id;
    }


    violation(kind, text) {
        this.violations.push({ kind, text });
    }


    /**
     * A token of connection `c` with `scope` stands where the sender had one
     * of its own.
     */
    judge(request, provider, c, scope, what) {
        const { held } = request;
        const p = request.provider.truth.connectionOf(request.presented);
        const say = kind => this.violation(kind, `${what}: ${
            describe(p, request.scope)} got ${describe(c, scope)}`);

        this.replaced[what]++;

        if (provider !== request.provider) {
            say('provider');
            return;
        }

        for (const key of ['user', 'tenant', 'client']) {
            if (c[key] !== p[key] || c[key] !== held[key]) {
                say(key);
            }
        }

        if (!covers(scope, request.scope)) {
            say('scope');

        } else if (!covers(request.scope, scope)) {
            this.wider++;
        }

        if (provider.clients[c.client] === null && c !== p) {
            say('public client');
        }

        if ((c.hidden || p.hidden) && c !== p) {
            say('unknown tenant');
        }

        if (c.state === 'revoked' || request.state === 'revoked') {
            say('revoked');
        }

        if (request.broken && c !== p) {
            say('broken');
        }
    }
}


function describe(c, scope) {
    return `#${c.id} ${c.user}@${c.tenant} of ${c.client} (${
        scope || 'no scope'}, ${c.state})`;
}


export class Identities extends StandIn {
    constructor({ name, judge, ...options }) {
        super({ rotate: true, killOnReuse: true, ...options });

        Object.assign(this, { name, judge });
        this.scopes = new Map();
    }


    handle(req, res) {
        const request = this.judge.requests.get(req.headers['x-request']);

        if (!request) {
            this.judge.violation('request', `${req.url} by nobody`);

        } else {
            request.seen++;
        }

        return current.run(request, () => super.handle(req, res));
    }


    /* Names are USER@TENANT here; a user may be known to several tenants. */
    open(connection) {
        return super.open({
            ...connection, user: connection.user.split('@')[0],
        });
    }


    answer(connection, tokens, issuedAt, grant) {
        if (grant !== 'refresh_token') {
            const { hidden, silent, outside } = current.getStore();

            Object.assign(connection, { hidden, silent, outside });
        }

        const answer = super.answer(connection, tokens, issuedAt);

        this.scopes.set(tokens.access, connection.scope ?? '');

        if (connection.hidden) {
            delete answer.tenant;
        }

        if (connection.silent) {
            delete answer.scope;
        }

        return answer;
    }


    async byRefresh(client, parameters) {
        const { refresh_token: token, scope } = parameters;
        const request = current.getStore();
        const c = this.truth.connectionOf(token);

        if (request.theft) {
            this.judge.violation('theft', `${request.theft} with ${
                describe(c, c.scope)}`);
        }

        if (token !== request.presented) {
            this.judge.judge(request, this, c, c.scope, 'refresh');
        }

        let answer;

        try {
            answer = await super.byRefresh(client, parameters);

        } catch (e) {
            if (e.error === 'invalid_grant' && c?.state === 'superseded'
                && c.refreshToken === token)
            {
                /* the gateway is told that the connection is dead */
                c.broken = true;
            }

            throw e;
        }

        if (scope !== undefined) {
            this.narrow(c, answer, scope);
        }

        return answer;
    }


    /* Fewer scopes for this access token; the refresh token keeps its own. */
    narrow(c, answer, scope) {
        if (!covers(c.scope, scope)) {
            throw new Error(`scope "${scope}" asked of "${c.scope}"`);
        }

        c.narrowed = true;
        this.scopes.set(answer.access_token, scope);
        answer.scope = scope;
    }


    guarded(req, res, answer) {
        const token = /^bearer +(\S+)$/i.exec(
            req.headers.authorization ?? '')?.[1];
        const request = current.getStore();
        const c = this.truth.access.get(token)?.connection;

        if (token !== request.presented) {
            if (c) {
                this.judge.judge(request, this, c, this.scopes.get(token),
                                 'access');
            } else {
                this.judge.violation('provider', 'a token of nobody here');
            }
        }

        super.guarded(req, res, answer);
    }


    /** The access token that a connection was given last. */
    newest(connection) {
        return connection.tokens.at(-1);
    }


    /** How long an access token still lives, in ms. */
    left(token) {
        return this.truth.accessLives(token)
            ? this.truth.access.get(token).until - Date.now() : 0;
    }
}
