/*
 * What a provider may answer: good, bad, damaged, cut, late.  An answer is a
 * list of parts to be sent one after the other, and how it ends.
 */

import { deflateSync, gzipSync } from 'node:zlib';


/** So many tokens, users and tenants there are: requests meet them again. */
export const TOKENS = 400;
const USERS = 12;
const TENANTS = 4;

const GOOD = { headers: {}, gzip: 0, framing: 'length', dribble: 0 };


function jwt(choice, claims) {
    const encoded = Buffer.from(JSON.stringify(claims)).toString('base64url');
    const head = Buffer.from('{"alg":"RS256"}').toString('base64url');

    return choice.once(10) ? `${head}.${encoded}`
                           : `${head}.${encoded}.c2lnbmVk`;
}


export function claims(choice) {
    return { iss: `c${choice.int(3)}`, sub: `u${choice.int(USERS)}`,
             aud: 'a', org: [`t${choice.int(TENANTS)}`], a: { b: [1] } };
}


export { jwt };


/** A member's value now and then is of a kind that nobody expects. */
function odd(choice, value) {
    return choice.once(30)
        ? choice.pick([null, true, 0, -1, 1.5, 1e300, '', [], {}, [[]],
                       'x'.repeat(3000), '\u0000', '\ud83d\ude00"\\<>&',
                       9007199254740993, { a: { b: { c: [] } } }])
        : value;
}


function tokens(choice) {
    const n = choice.int(TOKENS);
    const members = {
        access_token: choice.once(5) ? jwt(choice, claims(choice)) : `at-${n}`,
        token_type: 'Bearer',
        expires_in: choice.pick([1, 2, 3600, '3600', 86400]),
        scope: choice.pick(['read', 'read write', 'write,read', '']),
        user: `u${choice.int(USERS)}`,
        tenant: choice.once(3) ? undefined : `t${choice.int(TENANTS)}`,
        instance_url: 'https://a.example.com',
    };

    if (!choice.once(4)) {
        members.refresh_token = `rt-${choice.int(TOKENS)}`;
    }

    if (choice.once(4)) {
        members.id_token = jwt(choice, claims(choice));
    }

    if (choice.once(6)) {
        members.authed_user = { id: `u${choice.int(USERS)}`,
                                access_token: `at-${choice.int(TOKENS)}` };
    }

    if (choice.once(8)) {
        members.issued_at = choice.pick([Date.now(), '1', 1e12,
                                         Math.floor(Date.now() / 1000)]);
    }

    if (choice.once(8)) {
        members.refresh_expires_in = choice.pick([1, 60, '9e9', -5]);
    }

    for (const name of Object.keys(members)) {
        members[name] = odd(choice, members[name]);
    }

    return members;
}


function form(members) {
    return Object.entries(members).map(
        ([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(
            typeof v === 'object' ? JSON.stringify(v) : String(v).replace(
                /[\ud800-\udfff]/g, ''))}`).join('&');
}


/** The status line, type and body of an answer about tokens or an error. */
function message(choice, path) {
    const roll = choice.int(100);

    if (/token/.test(path) ? roll < 70 : roll < 8) {
        const members = tokens(choice);

        return choice.once(6)
            ? [200, 'application/x-www-form-urlencoded', form(members)]
            : [200, 'application/json', JSON.stringify(members)];
    }

    if (roll < 80) {
        return [200, 'application/json', JSON.stringify({
            sub: `u${choice.int(USERS)}`,
            user: { id: `u${choice.int(USERS)}` }, tenant: odd(choice, 't1'),
        })];
    }

    const error = JSON.stringify({ error: choice.pick([
        'invalid_grant', 'invalid_client', 'invalid_request', 7, null]) });

    return choice.pick([
        [200, 'application/json', error],
        [400, 'application/json', error],
        [401, 'text/plain', 'dead'],
        [401, 'application/json', error],
        [429, 'application/json', error],
        [503, 'text/html', '<html>'],
        [500, 'application/json', ''],
        [204, 'text/plain', ''],
        [304, 'text/plain', ''],
        [206, 'application/json', '{"sub":"u1"}'],
        [200, 'text/html', 'x'.repeat(choice.int(100000))],
        [200, 'application/json', `{"user":"${'y'.repeat(70000)}"}`],
        [200, 'application/json', '['.repeat(choice.int(5000))],
        [200, 'application/json', ''],
        [302, 'text/plain', ''],
        [999, 'text/plain', 'what'],
    ]);
}


function shape(choice) {
    const made = { ...GOOD, headers: {} };

    if (choice.once(3)) {
        made.framing = choice.pick(['chunked', 'close', 'length', 'wrong']);
    }

    if (choice.once(6)) {
        made.gzip = 1 + choice.int(2);
    }

    if (choice.once(10)) {
        Object.assign(made.headers, choice.pick([
            { 'X-Accel-Redirect': '/said' }, { 'X-Accel-Buffering': 'no' },
            { 'X-Accel-Expires': '10' }, { 'ETag': '"1"' },
            { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
            { 'Content-Encoding': 'br' }, { 'Content-Encoding': 'gzip' },
            { 'X-Large': 'z'.repeat(choice.int(8000)) },
            { 'Transfer-Encoding': 'identity' }, { 'Digest': 'sha-256=AA==' },
            { 'Connection': 'keep-alive' }, { 'Trailer': 'X' },
            { 'Set-Cookie': 'a=b' }, { 'Location': 'http://[' },
        ]));
    }

    if (choice.once(25)) {
        made.dribble = 1 + choice.int(8);
    }

    return made;
}


function chunked(choice, body) {
    const parts = [];

    for (let at = 0; at < body.length; ) {
        const part = body.subarray(at, at + 1 + choice.int(body.length));

        parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part,
                   Buffer.from('\r\n'));
        at += part.length;
    }

    return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}


function write(choice, [status, type, text], made) {
    let body = Buffer.from(text);

    if (choice.once(12)) {
        body = choice.damage(body);
    }

    const headers = { 'Content-Type': type, ...made.headers };

    if (made.gzip) {
        body = made.gzip === 1 ? gzipSync(body) : deflateSync(body);
        headers['Content-Encoding'] = made.gzip === 1 ? 'gzip' : 'deflate';

        if (choice.once(6)) {
            body = choice.damage(body);
        }
    }

    if (made.framing === 'chunked') {
        headers['Transfer-Encoding'] = 'chunked';
        body = chunked(choice, body);

    } else if (made.framing !== 'close') {
        headers['Content-Length'] = made.framing === 'wrong'
            ? choice.pick([0, 1, body.length + 1, -1, '1e3', body.length - 1])
            : body.length;
    }

    const head = Object.entries(headers).map(
        ([k, v]) => `${k}: ${v}\r\n`).join('');
    const early = choice.once(40) ? 'HTTP/1.1 103 Early Hints\r\n\r\n' : '';

    return Buffer.concat([
        Buffer.from(`${early}HTTP/1.1 ${status} X\r\n${head}\r\n`, 'latin1'),
        body]);
}


/** The random answer of a plan: { parts, pause, close }. */
export function randomAnswer(choice, path) {
    if (choice.once(40)) {
        return { parts: [], pause: 0, close: choice.pick(['end', 'reset']) };
    }

    const made = shape(choice);
    let bytes = write(choice, message(choice, path), made);

    if (choice.once(25)) {
        bytes = choice.damage(bytes);
    }

    if (!made.dribble) {
        return { parts: [bytes], pause: 0, close: 'end' };
    }

    const parts = [];
    const step = Math.ceil(bytes.length / (made.dribble + 1)) || 1;

    for (let at = 0; at < bytes.length; at += step) {
        parts.push(bytes.subarray(at, at + step));
    }

    return { parts, pause: 1 + choice.int(20),
             close: choice.pick(['end', 'reset']) };
}


/** The good answer of a provider that does what it should. */
export function goodAnswer(members) {
    const text = JSON.stringify(members);

    return { pause: 0, close: 'end', parts: [Buffer.from(
        'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
        + `Content-Length: ${text.length}\r\n\r\n${text}`)] };
}
