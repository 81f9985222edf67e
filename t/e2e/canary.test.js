/* The search for secrets must be able to find some. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Canary } from './lib/canary.js';


let dir;

before(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'oauth-e2e-canary-'));
});

after(() => fs.rmSync(dir, { recursive: true }));


for (const [where, offset] of [['at the start', 0], ['at the end', -1],
                               ['across two chunks', (1 << 20) - 7],
                               ['behind a chunk', 1 << 20],
                               ['in the middle', 123457]])
{
    test(`a secret ${where} of a binary file is found`, () => {
        const canary = new Canary();
        const data = randomBytes(3 << 20);

        for (let i = 0; i < 1000; i++) {
            canary.add(randomBytes(24).toString('base64url'), 'noise');
        }

        const file = path.join(dir, `file${offset}`);

        fs.writeFileSync(file, data);
        assert.equal(canary.assertAbsent(file).bytes, data.length);

        const secret = canary.add(`!A/${randomBytes(24).toString('base64')}`,
                                  'planted');
        const at = offset < 0 ? data.length - secret.length : offset;

        data.write(secret, at, 'latin1');
        fs.writeFileSync(file, data);

        const { found } = canary.scan(dir);

        assert.equal(found.length, 1);
        assert.equal(found[0].at, at);
        assert.equal(found[0].what, 'planted');
        assert.throws(() => canary.assertAbsent(file), /planted/);

        fs.rmSync(file);
    });
}


test('encoded spellings count', () => {
    const canary = new Canary();
    const file = path.join(dir, 'log');

    canary.addClient('app', 'a secret/with+signs');

    for (const text of ['POST /t?s=a%20secret%2Fwith%2Bsigns',
                        `Basic ${Buffer.from('app:a secret/with+signs')
                            .toString('base64')}`])
    {
        fs.writeFileSync(file, text);
        assert.equal(canary.scan(file).found.length, 1, text);
    }
});


test('what cannot be searched is an error', () => {
    assert.throws(() => new Canary().scan(path.join(dir, 'absent')),
                  /nothing to search/);
    assert.throws(() => new Canary().add('short', 'token'), /too short/);
});
