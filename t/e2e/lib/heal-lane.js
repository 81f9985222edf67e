/*
 * A lane of heal-random: runners of a few users and tenants, one step at a
 * time, and what the gateway must do at each.
 */

import assert from 'node:assert/strict';

import { covers } from '../providers/identities.js';
import { basic, call, request } from './http.js';


export const CLIENTS = {
    app: 'secret-of-identity-app', bot: 'secret-of-identity-bot',
    mobile: null,
};
const OFTEN = ['app', 'app', 'bot', 'bot', 'mobile'];
const SCOPES = ['read write', 'read write', 'write read', 'read', 'read',
                'write', ''];

/* Of what is so close to its end that either answer is right, in ms. */
const MARGIN = 600;


/* What a message tells of a connection. */
function facts(key, value) {
    return ['endedBy', 'tokens', 'refreshToken', 'exempt', 'user', 'tenant',
            'client'].includes(key) ? undefined : value;
}


export class Lane {
    constructor({ number, random, gateway, providers, judge, users, tally,
                  strict }) {
        Object.assign(this, { random, gateway, providers, judge, users, tally,
                              strict });

        this.names = Object.keys(users).filter(
            u => u.endsWith(`-${number}`));
        this.held = [];
    }


    async step() {
        const x = this.random.next();

        if (this.held.length === 0 || x < 0.12) {
            await this.connect();

        } else if (x < 0.13) {
            await this.connectOutside();

        } else if (x < 0.32) {
            await this.refresh(this.pick());

        } else if (x < 0.40) {
            await this.refreshTogether();

        } else if (x < 0.41) {
            await this.revoke(this.pick());

        } else if (x < 0.48) {
            await this.steal(this.pick());

        } else {
            await this.callApi(this.pick());
        }
    }


    /* Mostly recent connections, sometimes any of the past. */
    pick() {
        const n = this.held.length;

        return this.random.int(6) === 0
            ? this.random.pick(this.held)
            : this.held[n - 1 - this.random.int(Math.min(n, 16))];
    }


    /** Sends a form, in the way that this connection's client does it. */
    post(where, h, form, booked, credentials = h) {
        const { client, method } = credentials;
        const { secret = CLIENTS[client] } = credentials;
        const id = this.judge.book({ held: h, provider: h.provider,
                                     ...booked });
        const headers = { 'x-request': id };
        const inForm = { ...form };

        if (secret !== null && method === 'basic') {
            headers.authorization = basic(client, secret);

        } else {
            inForm.client_id = client;

            if (secret !== null) {
                inForm.client_secret = secret;
            }
        }

        return request(where, { form: inForm, headers })
            .then(answer => [answer, this.judge.requests.get(id)]);
    }


    at(h, path) {
        return `${this.gateway.url}/${h.provider.name}/${path}`;
    }


    /* Often one that has connected before. */
    makeIdentity(providers) {
        const again = this.random.int(4) > 0 && this.held.length
            ? this.pick() : null;
        const known = again && providers.includes(again.provider);
        const provider = known ? again.provider : this.random.pick(providers);
        const name = known ? again.name : this.random.pick(this.names);
        const client = known ? again.client : this.random.pick(OFTEN);
        const [user] = name.split('@');

        return {
            provider, name, user, tenant: this.users[name].tenant, client,
            scope: this.random.pick(SCOPES),
            method: this.random.pick(['basic', 'body']),
            access: [], refresh: [],
        };
    }


    async open(h, where, flags) {
        /* An answer that names no scope leaves the one that was asked for. */
        const byCode = !flags.silent;
        const [answer] = await this.post(where, h, byCode
            ? { grant_type: 'authorization_code',
                code: h.provider.issueCode({ client: h.client, user: h.name,
                                             scope: h.scope }) }
            : { grant_type: 'password', username: h.name,
                password: this.users[h.name].password, scope: h.scope }, flags);

        assert.equal(answer.status, 200, answer.text);

        return answer.json();
    }


    async connect() {
        const h = this.makeIdentity(this.providers);
        const bySlot = h.provider.truth.limits[0].per;
        const tokens = await this.open(h, this.at(h, 'token'), {
            /* where the tenant is no key, an answer may not name it */
            hidden: !bySlot.includes('tenant') && this.random.int(6) === 0,
            silent: h.scope !== '' && this.random.int(3) === 0,
            outside: false,
        });

        h.connection = h.provider.truth.connectionOf(tokens.access_token);
        h.access.push(tokens.access_token);
        h.refresh.push(tokens.refresh_token);
        this.held.push(h);
        this.tally.connects++;
    }


    /* The gateway does not see this one. */
    async connectOutside() {
        const wild = this.providers.filter(p => p.name === 'wild');

        if (wild.length) {
            const h = this.makeIdentity(wild);

            await this.open(h, wild[0].url + wild[0].paths.token, {
                hidden: false, silent: false, outside: true,
            });
            this.tally.outside++;
        }
    }


    /** Whether what the gateway ought to do is certain. */
    certain(h) {
        return this.strict && h.provider.name !== 'wild';
    }


    /**
     * The live connections that may stand in for one: of its identity, all of
     * it known, with what the caller needs.
     */
    standIns(provider, p, scope) {
        if (provider.clients[p.client] === null || p.hidden) {
            return [];
        }

        return provider.truth.connections.filter(
            c => c.state === 'live' && !c.hidden && c.user === p.user
                 && c.tenant === p.tenant && c.client === p.client
                 && covers(c.scope, scope));
    }


    async callApi(h) {
        const { provider } = h;
        const { truth } = provider;
        const token = this.random.int(4) === 0 ? this.random.pick(h.access)
                                               : h.access.at(-1);
        const p = truth.connectionOf(token);
        const scope = provider.scopes.get(token);
        const fresh = truth.access.get(token).until - Date.now() > MARGIN;
        const standIns = this.standIns(provider, p, scope);
        /* The token may have been issued for less than its connection. */
        const ready = standIns.filter(c => {
            const newest = provider.newest(c);

            return provider.left(newest) > MARGIN && !c.narrowed
                   && covers(provider.scopes.get(newest), p.scope ?? '');
        });
        const id = this.judge.book({
            held: h, provider, presented: token, scope, state: p.state,
            broken: p.broken,
        });
        const answer = await call(`${this.at(h, 'api/')}x`, token,
                                  { 'x-request': id });
        const { seen } = this.judge.requests.get(id);
        const about = () => `${provider.name} #${p.id} ${p.state}: ${
            answer.status} ${answer.headers['x-verdict']} ${
            answer.headers['x-action']}, "${scope}" of ${
            JSON.stringify(standIns, facts)} ${answer.text}`;

        this.tally.calls++;

        if (!this.certain(h)) {
            return;
        }

        if (p.state === 'live' && fresh) {
            assert.equal(answer.status, 200, about());
            this.tally.passed++;

        } else if (p.state === 'revoked') {
            assert.equal(answer.status, 409, about());
            assert.equal(seen, 0, about());
            this.tally.revoked++;

        } else if (p.state === 'superseded' && standIns.length === 0) {
            assert.equal(answer.status, 409, about());
            assert.equal(seen, 0, about());
            this.tally.callsRefused++;

        } else if (p.state === 'superseded' && ready.length && fresh) {
            assert.equal(answer.status, 200, about());
            assert.equal(answer.headers['x-action'], 'heal', about());
            assert.match(answer.headers['oauth-connection-status'],
                         /\bhealed\b/);
            this.tally.callsHealed++;
        }
    }


    async refreshTogether() {
        const h = this.pick();
        const same = this.held.filter(
            o => o.provider === h.provider && o.user === h.user
                 && o.tenant === h.tenant && o.client === h.client).slice(-5);

        await Promise.all(same.map(o => this.refresh(o)));
    }


    async refresh(h) {
        const { provider } = h;
        const { truth } = provider;
        const token = this.random.int(3) === 0 ? this.random.pick(h.refresh)
                                               : h.refresh.at(-1);
        const p = truth.connectionOf(token);
        const narrow = h.scope.includes(' ') && this.random.int(6) === 0;
        const scope = narrow ? 'read' : p.scope ?? '';
        const standIns = this.standIns(provider, p, scope);
        const rotated = truth.refresh.get(token).rotated;
        const confidential = CLIENTS[h.client] !== null;
        const state = p.state;
        const [answer, { seen }] = await this.post(this.at(h, 'token'), h, {
            grant_type: 'refresh_token', refresh_token: token,
            ...(narrow && { scope }),
        }, { presented: token, scope, state, broken: p.broken });
        const about = () => `${provider.name} #${p.id} ${h.client} was ${
            state}${rotated ? ', rotated' : ''}: ${answer.status} ${
            answer.headers['x-verdict']} ${answer.headers['x-action']}, "${
            scope}" of ${JSON.stringify(standIns, facts)} ${answer.text}`;

        this.tally.refreshes++;

        if (answer.status === 200) {
            this.take(h, token, p, scope, answer.json(), state);
        }

        if (!this.certain(h)) {
            return;
        }

        if (state === 'revoked'
            || state === 'superseded' && standIns.length === 0)
        {
            assert.equal(answer.status, 400, about());
            assert.equal(answer.json().error, 'invalid_grant', about());
            assert.equal(seen, 0, about());
            this.tally.refreshesRefused++;

        } else if (state === 'live' && !rotated) {
            assert.equal(answer.status, 200, about());
            this.tally.refreshed++;

        } else if (confidential && !p.hidden && !narrow
                   && !standIns.some(c => c.narrowed || c.silent))
        {
            assert.equal(answer.status, 200, about());

            const tokens = answer.json();

            assert.ok(provider.left(tokens.access_token) > 0,
                      `a dead access token: ${about()}`);

            if (state === 'live' && answer.headers['x-action'] === 'replay') {
                /* its own successor, inside the replay window */
                assert.equal(truth.connectionOf(tokens.access_token), p);
                this.tally.replayed++;
                return;
            }

            assert.equal(answer.headers['x-action'], 'heal', about());
            assert.match(answer.headers['oauth-connection-status'] ?? '',
                         /\bhealed\b/, about());
            assert.equal(tokens.refresh_token, token, about());
            this.tally[seen ? 'healedThere' : 'healedHere']++;
        }
    }


    /** What an answer hands out must be the sender's, too. */
    take(h, presented, p, scope, tokens, state) {
        const { provider } = h;
        const c = provider.truth.connectionOf(tokens.access_token);

        this.judge.judge({ held: h, provider, presented, scope, state,
                           broken: p.broken },
                         provider, c,
                         provider.scopes.get(tokens.access_token), 'answer');

        if (c !== p) {
            this.tally.shared++;

            if (tokens.refresh_token !== presented) {
                this.judge.violation('refresh token', 'of another connection');
            }
        }

        h.access.push(tokens.access_token);

        if (tokens.refresh_token && !h.refresh.includes(tokens.refresh_token)) {
            assert.equal(provider.truth.connectionOf(tokens.refresh_token), p);
            h.refresh.push(tokens.refresh_token);
        }
    }


    /* A live connection is ended for good, and stays ended. */
    async revoke(h) {
        const token = h.refresh.at(-1);

        if (h.connection.state !== 'live') {
            return;
        }

        const [answer] = await this.post(this.at(h, 'revoke'), h, { token }, {
            presented: token,
        });

        assert.equal(answer.status, 200, answer.text);
        assert.equal(h.connection.state, 'revoked');
        this.tally.revocations++;
    }


    /** An old refresh token of a client with a secret, in other hands. */
    async steal(h) {
        const { truth } = h.provider;
        const old = h.refresh.filter(
            r => truth.connectionOf(r).state === 'superseded'
                 || truth.refresh.get(r).rotated);

        if (CLIENTS[h.client] === null || old.length === 0) {
            return;
        }

        const [theft, credentials] = this.random.pick([
            ['no secret', { client: h.client, secret: null, method: 'body' }],
            ['a wrong secret', { client: h.client,
                                 secret: 'a-secret-that-was-guessed',
                                 method: h.method }],
            ['another client', { client: h.client === 'app' ? 'bot' : 'app',
                                 method: h.method }],
            ['a public client', { client: 'mobile', method: 'body' }],
        ]);
        const token = this.random.pick(old);
        const [answer, { seen }] = await this.post(this.at(h, 'token'), h, {
            grant_type: 'refresh_token', refresh_token: token,
        }, {
            presented: token,
            /* in the wild the gateway may not know that it is old */
            theft: h.provider.name === 'wild' ? undefined : theft,
        }, credentials);
        const about = `${h.provider.name}, ${theft}: ${answer.status} ${
            answer.text}`;

        this.tally.thefts++;

        if (/access_token|refresh_token"/.test(answer.text)) {
            this.judge.violation('theft', about);
        }

        if (this.certain(h)) {
            assert.equal(answer.status, 400, about);
            assert.equal(answer.json().error, 'invalid_grant', about);
            assert.equal(seen, 0, about);
        }
    }
}
