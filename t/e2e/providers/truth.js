/*
 * What a provider knows: which connections live.  It keeps its own books,
 * shares no code with the gateway, and is the judge of the gateway's verdicts.
 */

import { sleep } from '../lib/http.js';


export class Truth {
    /**
     * limits     [{ n, per: ['user', 'client'] }], in order
     * rotate     a refresh replaces the refresh token
     * killOnReuse  a rotated refresh token, shown again, ends the connection
     * refreshKillsAccess  a refresh ends the earlier access tokens
     * exempt     grants that open no slot
     * accessLife   ms after which an access token is dead
     */
    constructor({ limits = [], rotate = false, killOnReuse = false,
                  refreshKillsAccess = false,
                  exempt = ['client_credentials', 'jwt-bearer'],
                  accessLife = Infinity } = {}) {
        Object.assign(this, {
            limits, rotate, killOnReuse, refreshKillsAccess, exempt,
            accessLife,
        });

        this.connections = [];
        this.access = new Map();
        this.refresh = new Map();
        this.lastIssue = 0;
    }


    /** The issue time in ms; no two are equal, none lies in the future. */
    async issueTime() {
        for (;;) {
            const now = Date.now();

            if (now > this.lastIssue) {
                this.lastIssue = now;
                return now;
            }

            await sleep(1);
        }
    }


    /** Opens a connection, and ends those that it pushes out of their slots. */
    connect({ user, tenant, client, grant, scope, issuedAt }) {
        const connection = {
            id: this.connections.length,
            user, tenant, client, grant, scope, issuedAt,
            state: 'live', endedBy: null, refreshToken: null, tokens: [],
        };

        this.connections.push(connection);

        if (this.exempt.includes(grant)) {
            connection.exempt = true;
            return connection;
        }

        for (const { n, per } of this.limits) {
            const same = c => c.state === 'live' && !c.exempt
                              && per.every(k => c[k] === connection[k]);
            const slot = this.candidates(connection, per).filter(same)
                .sort((a, b) => a.issuedAt - b.issuedAt || a.id - b.id);

            while (slot.length > n) {
                const loser = slot.shift();

                loser.state = 'superseded';
                loser.endedBy = connection;
            }
        }

        return connection;
    }


    /* Live connections that share a key; dead ones are dropped on the way. */
    candidates(connection, per) {
        this.index ??= new Map();

        const name = JSON.stringify(per.map(k => [k, connection[k]]));
        const list = (this.index.get(name) ?? [])
            .filter(c => c.state === 'live');

        list.push(connection);
        this.index.set(name, list);

        return list;
    }


    addAccess(connection, token) {
        this.access.set(token, {
            connection, dead: false, until: Date.now() + this.accessLife,
        });
        connection.tokens.push(token);
    }


    addRefresh(connection, token) {
        const old = connection.refreshToken;

        if (old && old !== token) {
            this.refresh.get(old).rotated = true;
        }

        this.refresh.set(token, { connection, rotated: false });
        connection.refreshToken = token;
    }


    /** Is this access token good? */
    accessLives(token) {
        const entry = this.access.get(token);

        return entry !== undefined && !entry.dead && Date.now() < entry.until
               && entry.connection.state === 'live';
    }


    /** Is this refresh token good? */
    refreshLives(token) {
        const entry = this.refresh.get(token);

        return entry !== undefined && !entry.rotated
               && entry.connection.state === 'live';
    }


    connectionOf(token) {
        return (this.access.get(token) ?? this.refresh.get(token))?.connection;
    }


    /** The session of one access token ends; the connection lives on. */
    expireAccess(token) {
        this.access.get(token).dead = true;
    }


    /** A rotated refresh token was shown again. */
    reuse(connection) {
        if (this.killOnReuse && connection.state === 'live') {
            connection.state = 'reused';
        }
    }


    revoke(token) {
        const connection = this.connectionOf(token);

        if (connection?.state === 'live') {
            connection.state = 'revoked';
        }
    }
}
