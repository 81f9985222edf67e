/* A network namespace in which host names mean what a test wants. */

import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';


let count = 0;


export class Netns {
    /** `hosts` resolve to 127.0.0.1 in there. */
    constructor(hosts) {
        this.name = `oauth-gateway-e2e-${process.pid}-${count++}`;
        this.etc = `/etc/netns/${this.name}`;
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'oauth-e2e-netns-'));
        fs.chmodSync(this.dir, 0o755);

        fs.mkdirSync(this.etc, { recursive: true });
        fs.writeFileSync(path.join(this.etc, 'hosts'),
                         `127.0.0.1 localhost ${hosts.join(' ')}\n`);
        execFileSync('ip', ['netns', 'add', this.name]);
        execFileSync('ip', ['-n', this.name, 'link', 'set', 'lo', 'up']);
    }


    /** Runs a script of ours in there; gives what its last line says. */
    async run(script) {
        const { stdout } = await promisify(execFile)('ip', [
            'netns', 'exec', this.name, process.execPath, script, this.dir,
        ], { timeout: 120000 });

        return JSON.parse(stdout.trim().split('\n').at(-1));
    }


    remove() {
        execFileSync('ip', ['netns', 'del', this.name]);
        fs.rmSync(this.etc, { recursive: true });
        fs.rmSync(this.dir, { recursive: true });
    }
}
