/*
 * The registry of secrets.  Every token, code and client secret that takes
 * part in a run is registered here; afterwards no log and no file of the store
 * may hold one of them.
 */

import fs from 'node:fs';
import path from 'node:path';


const WINDOW = 12;
const CHUNK = 1 << 20;
const BASE = 257;
const BITS = 22;


/** Hash of the WINDOW bytes at `at`. */
function windowHash(buf, at) {
    let h = 0;

    for (let i = 0; i < WINDOW; i++) {
        h = (Math.imul(h, BASE) + buf[at + i]) | 0;
    }

    return h;
}


const DROP = (() => {
    let f = 1;

    for (let i = 1; i < WINDOW; i++) {
        f = Math.imul(f, BASE) | 0;
    }

    return f;
})();


export class Canary {
    constructor() {
        this.secrets = new Map();
    }


    /**
     * Registers a secret.  It must have at least 12 bytes: a shorter one could
     * occur by chance.  Its form-encoded and base64 spellings count too.
     */
    add(secret, what) {
        if (typeof secret !== 'string' || secret.length < WINDOW) {
            throw new Error(`canary too short: ${what}`);
        }

        if (!this.secrets.has(secret)) {
            this.secrets.set(secret, what);

            const encoded = encodeURIComponent(secret);

            if (encoded !== secret) {
                this.secrets.set(encoded, `${what} (form-encoded)`);
            }
        }

        return secret;
    }


    /** Registers a client's secret, and the Basic credentials made of it. */
    addClient(id, secret) {
        this.add(secret, 'client secret');
        this.add(Buffer.from(`${id}:${secret}`).toString('base64'),
                 'Basic credentials');
        return secret;
    }


    get size() {
        return this.secrets.size;
    }


    /** All places below `roots` (files or directories) that hold a secret. */
    scan(...roots) {
        const seen = new Uint8Array(1 << (BITS - 3));
        const byPrefix = new Map();
        const found = [];
        let bytes = 0;

        for (const [secret, what] of this.secrets) {
            const buf = Buffer.from(secret, 'utf8');
            const slot = windowHash(buf, 0) >>> (32 - BITS);
            const prefix = buf.toString('latin1', 0, WINDOW);

            seen[slot >> 3] |= 1 << (slot & 7);

            if (!byPrefix.has(prefix)) {
                byPrefix.set(prefix, []);
            }

            byPrefix.get(prefix).push([buf, what]);
        }

        for (const file of roots.flatMap(listFiles)) {
            bytes += scanFile(file, seen, byPrefix, found);
        }

        return { found, bytes };
    }


    /** Throws when a secret stands in one of the files. */
    assertAbsent(...roots) {
        const { found, bytes } = this.scan(...roots);

        if (found.length) {
            const first = found.slice(0, 5).map(f =>
                `${f.what} in ${f.file} at ${f.at}: ...${f.context}`);

            throw new Error(`${found.length} secrets found:\n`
                            + first.join('\n'));
        }

        return { secrets: this.secrets.size, bytes };
    }
}


function listFiles(root) {
    if (!fs.existsSync(root)) {
        throw new Error(`nothing to search: ${root}`);
    }

    const stat = fs.statSync(root);

    if (!stat.isDirectory()) {
        return stat.isFile() ? [root] : [];
    }

    return fs.readdirSync(root).flatMap(n => listFiles(path.join(root, n)));
}


function scanFile(file, seen, byPrefix, found) {
    const fd = fs.openSync(file, 'r');
    const longest = 16384;
    const buf = Buffer.alloc(CHUNK + longest);
    const size = fs.fstatSync(fd).size;

    try {
        for (let at = 0; at < size; at += CHUNK) {
            const n = fs.readSync(fd, buf, 0, CHUNK + longest, at);

            scanChunk(buf.subarray(0, n), Math.min(n, CHUNK), at, file, seen,
                      byPrefix, found);
        }

    } finally {
        fs.closeSync(fd);
    }

    return size;
}


function scanChunk(buf, limit, base, file, seen, byPrefix, found) {
    const last = buf.length - WINDOW;

    if (last < 0) {
        return;
    }

    let h = windowHash(buf, 0);

    for (let i = 0; i <= last && i < limit; i++) {
        const slot = h >>> (32 - BITS);

        if (seen[slot >> 3] & (1 << (slot & 7))) {
            const prefix = buf.toString('latin1', i, i + WINDOW);

            for (const [secret, what] of byPrefix.get(prefix) ?? []) {
                if (buf.subarray(i, i + secret.length).equals(secret)) {
                    const from = Math.max(0, i - 60);

                    found.push({
                        file, what, at: base + i,
                        context: buf.toString('latin1', from, i),
                    });
                }
            }
        }

        if (i < last) {
            h = (Math.imul(h - Math.imul(buf[i], DROP), BASE)
                 + buf[i + WINDOW]) | 0;
        }
    }
}
