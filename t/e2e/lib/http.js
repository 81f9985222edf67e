/* Small HTTP client and server helpers on node:http. */

import http from 'node:http';
import https from 'node:https';
import net from 'node:net';


/**
 * One request; resolves when the answer is whole, rejects on any error,
 * a truncated answer included.  `form` and `json` set body and type.
 */
export function request(url, options = {}) {
    const { method, headers = {}, form, json, body, onRequest, ca } = options;
    const send = { ...headers };
    let data = body;

    if (form !== undefined) {
        data = new URLSearchParams(form).toString();
        send['content-type'] ??= 'application/x-www-form-urlencoded';
    }

    if (json !== undefined) {
        data = JSON.stringify(json);
        send['content-type'] ??= 'application/json';
    }

    if (data !== undefined) {
        send['content-length'] = Buffer.byteLength(data);
    }

    return new Promise((resolve, reject) => {
        const lib = url.startsWith('https:') ? https : http;
        const req = lib.request(url, {
            method: method ?? (data === undefined ? 'GET' : 'POST'),
            headers: send,
            agent: false,
            ca,
        });

        req.setTimeout(30000, () => req.destroy(new Error('timeout')));
        req.on('error', reject);
        req.on('response', res => {
            const parts = [];

            res.on('data', part => parts.push(part));
            res.on('error', reject);
            res.on('end', () => {
                if (!res.complete) {
                    reject(new Error('truncated answer'));
                    return;
                }

                const text = Buffer.concat(parts).toString();

                resolve({
                    status: res.statusCode,
                    headers: res.headers,
                    text,
                    json: () => JSON.parse(text),
                });
            });
        });

        onRequest?.(req);
        req.end(data);
    });
}


/** An API call with a bearer token. */
export function call(url, token, headers = {}) {
    return request(url, {
        headers: { authorization: `Bearer ${token}`, ...headers },
    });
}


export function basic(id, secret) {
    return 'Basic ' + Buffer.from(`${id}:${secret}`).toString('base64');
}


/** Reads a request's body whole, at most 1 MB. */
export async function readBody(req) {
    const parts = [];
    let size = 0;

    for await (const part of req) {
        size += part.length;

        if (size > 1 << 20) {
            throw new Error('body too large');
        }

        parts.push(part);
    }

    return Buffer.concat(parts).toString();
}


function listens(port) {
    return new Promise(resolve => {
        const server = net.createServer();

        server.once('error', () => resolve(false));
        server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
            server.close(() => resolve(true));
        });
    });
}


/**
 * Ports of a test file: `block` (0..19) selects fifty of 21000-21999, so that
 * files can run side by side.
 */
export function ports(block) {
    let next = 21000 + block * 50;
    const end = next + 50;

    return async () => {
        while (next < end) {
            const port = next++;

            if (await listens(port)) {
                return port;
            }
        }

        throw new Error(`no free port below ${end}`);
    };
}


export function sleep(ms) {
    return new Promise(resolve => setTimeout(resolve, ms));
}


/** Polls until `check` is true (or its promise is), at most `ms`. */
export async function until(check, ms = 5000, what = 'condition') {
    const end = Date.now() + ms;

    for (;;) {
        if (await check()) {
            return;
        }

        if (Date.now() > end) {
            throw new Error(`timed out waiting for ${what}`);
        }

        await sleep(10);
    }
}
