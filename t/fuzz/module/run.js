/*
 * Sends random requests to a gateway with every directive, in front of a
 * provider that answers as it likes, and watches.
 *
 *   node run.js --nginx FILE --dir DIR [--requests N] [--seconds N]
 *               [--seed N] [--first N] [--workers N] [--lanes N]
 *
 * A finding is a report of a sanitizer, a worker that ends, an alert in the
 * log, a good exchange that fails, or a superseded token that a refusing
 * location lets through.  Exit status 1.  --seed and --first repeat the
 * connections from that number on.
 */

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Gateway } from './gateway.js';
import { answers1, http1 } from './http1.js';
import { answers2, http2 } from './http2.js';
import { Provider } from './provider.js';
import { Choice } from './random.js';
import { randomRequest } from './requests.js';


const BATCH = 4000;
const PER_CONNECTION = 5;
const IDLE = 400;              /* ms without a byte: nothing more will come */
const LONGEST = 3000;          /* ms for one connection */
const KNOWN = 40000;           /* ms; the store's retention is longer */
const SOON = 60000;            /* ms that a good request may take */

const { values: options } = parseArgs({ options: {
    nginx: { type: 'string' }, dir: { type: 'string' },
    requests: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '86400' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    workers: { type: 'string', default: '2' },
    /* most of a connection's time is spent on answers that do not come */
    lanes: { type: 'string', default: '128' },
} });

const seed = Number(options.seed);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const gateway = new Gateway({ nginx: options.nginx, dir: options.dir,
                              workers: Number(options.workers),
                              suppressions: path.join(root, 'util') });

const tally = { requests: 0, answers: 0, connections: 0, good: 0, refused: 0 };
const ids = { last: 300, superseded: new Set() };

let dead = [];                 /* superseded: { token, id, at } */
let deadTokens = [];
let next = Number(options.first);
let canaries = 0;
const violations = [];


function saw(where, headers) {
    if (!where.startsWith('/strict/')) {
        return;
    }

    for (const [name, value] of headers) {
        const token = name === 'authorization'
            && /^(?:bearer|dpop|oauth) +(\S+)$/i.exec(value)?.[1];

        if (token && deadTokens.includes(token)) {
            violations.push(`${where}: superseded ${token} came through`);
        }
    }
}


const provider = new Provider({ path: path.join(options.dir, 'provider'),
                                seed, saw });


/** Sends the parts and waits for what comes back. */
function exchange(where, parts, enough) {
    return new Promise(resolve => {
        const socket = net.connect(where);
        const chunks = [];
        let timer = null;
        let sent = 0;

        const done = () => {
            clearTimeout(timer);
            clearTimeout(longest);
            socket.destroy();
            resolve(Buffer.concat(chunks));
        };
        const longest = setTimeout(done, LONGEST);
        const wait = () => {
            clearTimeout(timer);
            timer = setTimeout(done, IDLE);
        };
        const send = () => {
            socket.write(parts[sent++]);

            if (sent < parts.length) {
                setImmediate(send);
            }
        };

        socket.on('connect', () => { wait(); send(); });
        socket.on('data', data => {
            wait();
            chunks.push(data);

            if (enough(chunks)) {
                done();
            }
        });
        socket.on('error', done);
        socket.on('close', done);
    });
}


async function connection(number) {
    const choice = new Choice(seed, number);
    const count = 1 + choice.int(PER_CONNECTION);
    const requests = Array.from({ length: count },
        () => randomRequest(choice, deadTokens, ids));
    const second = choice.once(3);
    const parts = second ? http2(choice, requests) : http1(choice, requests);

    if (!deadSafe(requests, parts)) {
        dead = [];
        remember();
    }

    const answers = second ? answers2 : answers1;
    const back = await exchange(
        second ? gateway.http2 : gateway.http, parts,
        chunks => answers(Buffer.concat(chunks)) >= count);

    tally.connections++;
    tally.requests += count;
    tally.answers += answers(back);
}


/* Damage can make any id of a reinstatement. */
function deadSafe(requests, parts) {
    return !requests.some(r => r.path.includes('reinstate'))
        && !Buffer.concat(parts).includes('reinstate');
}


function remember() {
    dead = dead.filter(d => d.at > Date.now() - KNOWN);
    deadTokens = dead.map(d => d.token);
    ids.superseded = new Set(dead.map(d => d.id));
}


async function lane(until) {
    while (tally.requests < until && Date.now() < deadline) {
        await connection(next++);
    }
}


/** A request that must do what the README says: { status, text }. */
async function good(text) {
    const started = Date.now();
    const back = await new Promise((resolve, reject) => {
        const socket = net.connect(gateway.http);
        const chunks = [];

        socket.setTimeout(SOON, () => {
            socket.destroy();
            reject(new Error('a good request was not answered'));
        });
        socket.on('connect', () => socket.write(text));
        socket.on('data', data => chunks.push(data));
        socket.on('error', reject);
        socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
    });

    tally.good++;
    tally.slowest = Math.max(tally.slowest ?? 0, Date.now() - started);

    return { status: Number(back.split(' ')[1]),
             text: back.slice(back.indexOf('\r\n\r\n') + 4) };
}


function must(condition, what) {
    if (!condition) {
        throw new Error(what);
    }
}


async function connect(user) {
    const plan = `good-${++canaries}`;
    const members = { access_token: `canary-${canaries}`, user,
                      expires_in: 3600 };
    const body = 'grant_type=authorization_code&code=1&client_id=canary';

    provider.good.set(plan, members);

    const answer = await good(
        'POST /strict/token HTTP/1.1\r\nHost: localhost\r\n'
        + `Connection: close\r\nX-Plan: ${plan}\r\n`
        + 'Content-Type: application/x-www-form-urlencoded\r\n'
        + `Content-Length: ${body.length}\r\n\r\n${body}`);

    provider.good.delete(plan);
    must(answer.status === 200 && answer.text === JSON.stringify(members),
         `an exchange was answered ${answer.status} ${answer.text}`);

    return members.access_token;
}


async function call(token) {
    const plan = `good-${++canaries}`;

    provider.good.set(plan, { ok: 1 });

    const answer = await good(
        'GET /strict/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
        + `X-Plan: ${plan}\r\nAuthorization: Bearer ${token}\r\n\r\n`);

    provider.good.delete(plan);

    return answer;
}


/** One connection supersedes another, whatever happened before. */
async function check() {
    const user = `canary-user-${canaries}`;
    const first = await connect(user);

    must((await call(first)).status === 200, 'a live token was refused');

    const second = await connect(user);
    const refused = await call(first);

    must(refused.status === 409,
         `a superseded token was answered ${refused.status}`);
    must((await call(second)).status === 200,
         'the token that superseded it was refused');

    tally.refused++;
    ids.last = Number(JSON.parse(refused.text).superseded_by.connection);
    dead.push({ token: first, at: Date.now(),
                id: Number(JSON.parse(refused.text).connection) });
    remember();

    const found = gateway.findings();

    must(found === '', found);
    must(gateway.sameWorkers(), 'a worker has ended');
    must(violations.length === 0, violations.join('\n'));
}


const deadline = Date.now() + 1000 * Number(options.seconds);
let status = 0;

fs.mkdirSync(options.dir, { recursive: true });
await provider.listen();

if (process.getuid() === 0) {
    fs.chmodSync(provider.path, 0o777);
}

try {
    await gateway.start();
    await check();

    while (tally.requests < Number(options.requests)
           && Date.now() < deadline)
    {
        const until = Math.min(tally.requests + BATCH,
                               Number(options.requests));
        const from = next;

        await Promise.all(Array.from({ length: Number(options.lanes) },
                                     () => lane(until)));

        try {
            await check();
        } catch (e) {
            e.message += `\nin the connections ${from} to ${next - 1}`;
            throw e;
        }

        gateway.shorten();
    }

    tally.provider = provider.requests;
    tally.memory_kb = gateway.memory();

    const { code, signal } = await gateway.stop();
    const found = gateway.findings();

    must(code === 0 && signal === null, `nginx ended with ${code} ${signal}`);
    must(found === '', found);

} catch (e) {
    console.log(`not ok - seed ${seed}: ${e.message}`);
    status = 1;

    if (gateway.child?.exitCode === null) {
        await gateway.stop();
    }

    if (gateway.child) {
        /* why a good request failed */
        console.log(gateway.findings());
    }
}

console.log(JSON.stringify(tally));
process.exit(status);
