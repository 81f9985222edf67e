/*
 * Clients that hang up at any byte of a refresh, and come again: whatever the
 * provider issued is recorded, and the retry gets it.  The provider rotates
 * refresh tokens and ends the connection when it sees a rotated one again.
 */

import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep } from './lib/http.js';
import { Random } from './lib/random.js';
import { StandIn } from './providers/stand-in.js';


const HANG_UPS = Number(process.env.E2E_HANGUPS ?? 10000);
const LANES = 60;

const port = ports(101);
const client = { id: 'app', secret: 'secret-of-refresh-hangup' };
const authorization = basic(client.id, client.secret);


/* The stand-in, with a record of what each refresh token brought. */
class Recorded extends StandIn {
    exchanges = new Map();


    async byRefresh(id, parameters) {
        const list = this.exchanges.get(parameters.refresh_token) ?? [];

        this.exchanges.set(parameters.refresh_token, list);
        list.push(null);

        const answer = await super.byRefresh(id, parameters);

        list[list.length - 1] = answer;

        return answer;
    }
}


function refreshRequest(port, token) {
    const body = new URLSearchParams({
        grant_type: 'refresh_token', refresh_token: token,
    }).toString();

    return Buffer.from('POST /token HTTP/1.1\r\n'
                       + `Host: 127.0.0.1:${port}\r\nConnection: close\r\n`
                       + `Authorization: ${authorization}\r\n`
                       + 'Content-Type: application/x-www-form-urlencoded\r\n'
                       + `Content-Length: ${body.length}\r\n\r\n${body}`);
}


/**
 * Sends the first `send` bytes, and hangs up after `ms`, or after it has read
 * `read` bytes of the answer.  Gives the number of bytes that it has read.
 */
function hangUp(port, bytes, { send, read, ms, reset }) {
    return new Promise((resolve, reject) => {
        let got = 0;
        let timer;

        const leave = () => {
            clearTimeout(timer);

            if (reset) {
                socket.resetAndDestroy();
            } else {
                socket.destroy();
            }
        };

        const socket = net.connect({
            port, host: '127.0.0.1',
            onread: {
                buffer: Buffer.alloc(read ?? 1),
                callback(n) {
                    got += n;

                    if (read === undefined || got < read) {
                        return true;
                    }

                    leave();

                    return false;
                },
            },
        });

        socket.once('error', reject);
        socket.once('close', () => resolve(got));
        socket.once('connect', () => {
            socket.write(bytes.subarray(0, send), () => {
                if (read === undefined) {
                    timer = setTimeout(leave, ms);
                }
            });
        });
    });
}


test(`${HANG_UPS} hang-ups, each with a retry`, { timeout: 600000 },
     async t => {
    const random = Random.fromEnvironment();

    t.diagnostic(`E2E_SEED=${random.seed}`);

    const canary = new Canary();
    const users = Object.fromEntries(Array.from({ length: LANES },
        (_, i) => [`user-${i}`, { password: `password-of-user-${i}`,
                                  tenant: 'acme' }]));
    const provider = await new Recorded({
        canary, clients: { [client.id]: client.secret }, users,
        rotate: true, killOnReuse: true, delay: () => random.int(8),
    }).listen(await port());
    const at = await port();
    const gateway = await new Gateway({
        name: 'refresh-hangup', port: at, workers: 2,
        config: dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            policy: `user $oauth_response_user;
                     limit 1 per user client;`,
        }),
    }).start();
    const agent = new http.Agent({ keepAlive: true });
    const token = form => request(`${gateway.url}/token`, {
        form, headers: { authorization }, agent,
    });

    const tally = {
        'while it sends': 0, 'while it waits': 0, 'while it reads': 0,
        'after the last byte': 0,
    };
    const before = { 'no exchange': 0, exchange: 0, issue: 0 };
    let left = HANG_UPS;

    const refresh = async (mine, presented) => {
        const bytes = refreshRequest(at, presented);
        const kind = mine.pick(Object.keys(tally));
        const reset = mine.int(2) === 1;
        const whole = { send: bytes.length, reset };
        const how = {
            'while it sends': { send: mine.int(bytes.length),
                                ms: mine.int(3), reset },
            'while it waits': { ...whole, ms: mine.int(12) },
            'while it reads': { ...whole, read: 1 + mine.int(500) },
            'after the last byte': { ...whole, ms: 0 },
        }[kind];

        tally[kind]++;
        await hangUp(at, bytes, how);

        if (mine.int(3) === 0) {
            await sleep(mine.int(20));
        }

        const soFar = provider.exchanges.get(presented) ?? [];

        if (kind === 'while it sends') {
            assert.equal(soFar.length, 0, 'half a request was an exchange');
        }

        before[soFar.length === 0 ? 'no exchange'
               : soFar[0] === null ? 'exchange' : 'issue']++;

        const answer = await token({
            grant_type: 'refresh_token', refresh_token: presented,
        });

        assert.equal(answer.status, 200, `${kind}: ${answer.text}`);

        const exchanges = provider.exchanges.get(presented);

        assert.equal(exchanges.length, 1, kind);

        const { expires_in: lifetime, ...issued } = exchanges[0];
        const { expires_in: remaining, ...given } = answer.json();

        assert.deepEqual(given, issued);
        assert.ok(remaining <= lifetime && remaining > lifetime - 60);

        return given.refresh_token;
    };

    const lane = async (user, mine) => {
        const answer = await token({
            grant_type: 'password', username: user,
            password: users[user].password,
        });

        assert.equal(answer.status, 200);

        let current = answer.json().refresh_token;

        while (left-- > 0) {
            current = await refresh(mine, current);
        }
    };

    await Promise.all(Object.keys(users).map(
        user => lane(user, random.fork())));

    const issued = [...provider.truth.access.keys()];

    t.diagnostic(JSON.stringify(tally));
    t.diagnostic(`before the retry: ${JSON.stringify(before)}`);
    assert.ok(Math.min(...Object.values(tally)) > HANG_UPS / 5);
    assert.ok(before['no exchange'] > HANG_UPS / 5);
    assert.ok(before.issue > HANG_UPS / 5);
    assert.equal(issued.length, HANG_UPS + LANES);

    const verdicts = {};

    await Promise.all(Array.from({ length: LANES }, async () => {
        while (issued.length) {
            const r = await call(`${gateway.url}/api/x`, issued.pop(), {},
                                 { agent });
            const verdict = `${r.headers['x-verdict']} ${r.status}`;

            verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
        }
    }));

    assert.deepEqual(verdicts, { 'active 200': HANG_UPS + LANES });
    assert.equal(provider.counts.refused, 0);
    agent.destroy();
    await provider.close();
    await gateway.finish(canary);
});
