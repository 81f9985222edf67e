/*
 * One runner of a storm: what it does, and what the gateway must say.  It has
 * a user of its own, so that it knows what must come next.
 */

import { basic, call, request } from './http.js';


export const CLIENT = { id: 'app', secret: 'secret-of-storm-app' };

/* Well inside the replay window of 60 s. */
const REPLAY = 20000;

/* Of so many answers the older ones are looked at only at the end. */
const PAST = 40;

/* Of a token that was answered; `expired` too, if it is dead. */
const VERDICTS = ['active', 'superseded', 'broken', 'rotated'];


class Failed extends Error {
}


export class Lane {
    constructor({ storm, number, random }) {
        Object.assign(this, { storm, random });

        this.user = `user-${number}`;
        this.password = storm.users[this.user].password;
        this.current = null;
        this.previous = null;
        this.answered = [];
        this.newest = -1;

        /* connections that the provider refused to refresh */
        this.lost = new Set();
    }


    async step() {
        const x = this.random.next();

        try {
            if (this.current === null || x < 0.15) {
                await this.connect();
            } else if (x < 0.35) {
                await this.refresh();
            } else if (x < 0.40) {
                await this.refreshTogether();
            } else if (x < 0.45) {
                await this.refreshAgain();
            } else if (x < 0.70) {
                await this.callApi(this.current.access, 'api');
            } else if (x < 0.80) {
                await this.callApi(this.past(), 'api');
            } else if (x < 0.92) {
                await this.callApi(this.past(), 'healed');
            } else if (x < 0.96) {
                await this.healRefresh();
            } else {
                await this.readApi();
            }

        } catch (e) {
            if (!(e instanceof Failed)) {
                throw e;
            }

            this.storm.failed.push(`${this.user}: ${e.message}`);

            /* what became of it only the provider knows */
            if (this.current
                && !this.truth.accessLives(this.current.access))
            {
                this.current = null;
            }
        }
    }


    get truth() {
        return this.storm.provider.truth;
    }


    past() {
        return this.random.pick(this.answered.slice(-PAST)).access;
    }


    violation(text) {
        this.storm.violations.push(`${this.user}: ${text}`);
    }


    /* Waits for an answer that must come. */
    async ask(promise) {
        let answer;

        try {
            answer = await promise;

        } catch (e) {
            throw new Failed(e.message);
        }

        if (answer.status >= 502 && answer.status <= 504) {
            throw new Failed(`${answer.status} ${answer.text}`);
        }

        if (answer.status >= 500) {
            this.violation(`${answer.status} ${answer.text}`);
            throw new Failed(`${answer.status}`);
        }

        if (/unrecorded/.test(answer.headers['oauth-connection-status'])) {
            this.violation('an answer was not recorded');
        }

        return answer;
    }


    token(path, form) {
        return this.ask(request(`${this.storm.gateway.url}/${path}`, {
            form, headers: { authorization: basic(CLIENT.id, CLIENT.secret) },
        }));
    }


    take(answer) {
        const { access_token: access, refresh_token: refresh }
            = answer.json();
        const { id } = this.truth.connectionOf(access);

        this.current = { access, refresh, id, at: Date.now() };
        this.answered.push(this.current);
        this.newest = Math.max(this.newest, id);
    }


    async connect() {
        const answer = await this.token('token', {
            grant_type: 'password', username: this.user,
            password: this.password,
        });

        if (answer.status !== 200) {
            this.violation(`connect: ${answer.status} ${answer.text}`);
            return;
        }

        this.previous = null;
        this.take(answer);
        this.storm.tally.connects++;
    }


    /* An answer that failed is asked for once more, as runners do. */
    async refresh() {
        try {
            await this.refreshOnce('refreshes');

        } catch (e) {
            if (!(e instanceof Failed)) {
                throw e;
            }

            this.storm.failed.push(`${this.user}: refresh: ${e.message}`);
            await this.refreshOnce('retries');
        }
    }


    async refreshOnce(what) {
        const before = this.current;
        const lives = this.truth.refreshLives(before.refresh);
        const answer = await this.token('token', {
            grant_type: 'refresh_token', refresh_token: before.refresh,
        });

        if (answer.status === 200) {
            this.storm.provider.acknowledged.add(before.refresh);
            this.previous = before;
            this.take(answer);
            this.storm.tally[what]++;
            return;
        }

        this.refused(before, lives, answer);
    }


    refused(before, lives, answer) {
        if (lives && this.truth.refreshLives(before.refresh)) {
            this.violation(`a live refresh token: ${answer.text}`);
        }

        /* rotated by an answer that nobody got, and so the grant is lost */
        this.storm.tally.lost++;
        this.lost.add(before.id);
        this.current = null;
    }


    /* Of two workers of one runner; the provider must see one of them. */
    async refreshTogether() {
        const before = this.current;
        const lives = this.truth.refreshLives(before.refresh);
        const both = await Promise.allSettled([0, 1].map(() =>
            this.token('token', { grant_type: 'refresh_token',
                                  refresh_token: before.refresh })));
        const answers = both.filter(r => r.status === 'fulfilled')
            .map(r => r.value);
        const good = answers.filter(a => a.status === 200);

        both.filter(r => r.status === 'rejected').forEach(
            r => this.storm.failed.push(`${this.user}: ${r.reason.message}`));

        if (good.length) {
            this.storm.provider.acknowledged.add(before.refresh);
            this.previous = before;
            this.take(good[0]);
            this.storm.tally.together += good.length;

            if (good.length < answers.length
                || good.some(a => a.json().access_token
                                  !== this.current.access))
            {
                this.violation(`not one answer: ${answers.map(a => a.status
                    === 200 ? 'tokens' : a.text).join('\n')}`);
            }

        } else if (answers.length) {
            this.refused(before, lives, answers[0]);
        }
    }


    /* As when the answer was lost on the way to the runner. */
    async refreshAgain() {
        const { previous, current } = this;

        /* what an answer that was lost has rotated is not the newest */
        if (!previous || Date.now() - current.at > REPLAY
            || !this.truth.refreshLives(current.refresh))
        {
            return;
        }

        const answer = await this.token('token', {
            grant_type: 'refresh_token', refresh_token: previous.refresh,
        });

        if (answer.status !== 200
            || answer.json().access_token !== current.access
            || answer.json().refresh_token !== current.refresh)
        {
            this.violation(`a replay: ${answer.status} ${
                answer.status === 200 ? 'another token' : answer.text}`);
        }

        this.storm.tally.replays++;
    }


    async callApi(token, path) {
        const c = this.truth.connectionOf(token);
        const lives = this.truth.accessLives(token);
        const { newest } = this;
        const answer = await this.ask(
            call(`${this.storm.gateway.url}/${path}/x`, token));
        const verdict = answer.headers['x-verdict'];
        const about = `${verdict} ${answer.headers['x-action']} ${
            answer.status}, connection ${c.id} of up to ${this.newest} is ${
            c.state}`;

        if (!VERDICTS.includes(verdict) && !(verdict === 'expired' && !lives))
        {
            this.violation(`an answered token is ${about}`);

        } else if (lives) {
            if (answer.status !== 200 && this.truth.accessLives(token)) {
                this.violation(`a live token: ${about}`);
            }

        } else if (c.state === 'superseded' && c.id < newest
                   && !(verdict === 'broken' && this.lost.has(c.id)))
        {
            this.superseded(answer, path, about);
        }

        if (answer.status === 200 && answer.json().user !== this.user) {
            this.violation(`the answer is ${answer.json().user}'s`);
        }

        this.storm.tally[path === 'api' ? 'calls' : 'healCalls']++;
    }


    /* The newer connection was answered: the older one is over. */
    superseded(answer, path, about) {
        if (path === 'api') {
            if (answer.status !== 409) {
                this.violation(`a superseded token: ${about}`);
            }

            this.storm.tally.refused++;
            return;
        }

        if (answer.headers['x-action'] === 'heal') {
            this.storm.tally.healed++;

        } else if (this.current
                   && this.truth.accessLives(this.current.access))
        {
            this.violation(`not healed: ${about}`);
        }
    }


    /* The grant that was superseded is answered from the live one. */
    async healRefresh() {
        const old = this.answered.slice(-PAST).findLast(
            a => a.id < this.current.id && !this.lost.has(a.id)
                 && this.truth.connectionOf(a.access).state === 'superseded');

        /* what an answer that was lost has rotated heals nobody */
        const ready = () => this.truth.refreshLives(this.current.refresh);

        if (!old || !ready()) {
            return;
        }

        const answer = await this.token('heal', {
            grant_type: 'refresh_token', refresh_token: old.refresh,
        });

        if (answer.status !== 200) {
            this.violation(`a refresh not healed: ${answer.text}`);
            return;
        }

        const tokens = answer.json();
        const c = this.truth.connectionOf(tokens.access_token);

        if (c.id !== this.current.id || tokens.refresh_token !== old.refresh) {
            this.violation('a refresh healed with another connection');
        }

        this.storm.tally.healRefreshes++;
    }


    async readApi() {
        const answer = await this.ask(request(
            `${this.storm.gateway.url}/gateway/connections?user=${this.user}`
            + '&limit=20'));

        if (answer.status !== 200 || !answer.json().items.length) {
            this.violation(`the API: ${answer.status} ${answer.text}`);
        }

        this.storm.tally.pages++;
    }


    /** Each of so many that were answered is still known for what it is. */
    async audit(most) {
        const step = Math.max(1, this.answered.length / most);

        for (let i = 0; i < this.answered.length; i += step) {
            const { access } = this.answered[Math.floor(i)];

            try {
                await this.callApi(access, 'api');

            } catch (e) {
                this.violation(`at the end: ${e.message}`);
            }
        }
    }
}
