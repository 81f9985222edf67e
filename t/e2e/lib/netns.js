/* A network namespace in which host names mean what a test wants. */

import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';


const PREFIX = 'oauth-gateway-e2e';
const ETC = '/etc/netns';

let count = 0;


/* Namespaces of runs that were killed. */
function removeStale() {
    const list = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });

    for (const [name, pid] of list.matchAll(
        new RegExp(`^${PREFIX}-(\\d+)-\\d+`, 'gm')))
    {
        if (!fs.existsSync(`/proc/${pid}`)) {
            execFileSync('ip', ['netns', 'del', name]);
            fs.rmSync(path.join(ETC, name), { recursive: true, force: true });
        }
    }
}


export class Netns {
    /** `hosts` resolve to 127.0.0.1 in there. */
    constructor(hosts) {
        removeStale();

        this.name = `${PREFIX}-${process.pid}-${count++}`;
        this.etc = path.join(ETC, this.name);
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'oauth-e2e-netns-'));
        fs.chmodSync(this.dir, 0o755);

        fs.mkdirSync(this.etc, { recursive: true });
        fs.writeFileSync(path.join(this.etc, 'hosts'),
                         `127.0.0.1 localhost ${hosts.join(' ')}\n`);
        execFileSync('ip', ['netns', 'add', this.name]);
        this.exit = () => this.remove();
        process.once('exit', this.exit);
        execFileSync('ip', ['-n', this.name, 'link', 'set', 'lo', 'up']);
    }


    /** Runs a script of ours in there; gives what its last line says. */
    async run(script) {
        const running = promisify(execFile)('ip', [
            'netns', 'exec', this.name, process.execPath, script, this.dir,
        ], { timeout: 120000 });

        this.child = running.child;

        const { stdout } = await running;

        return JSON.parse(stdout.trim().split('\n').at(-1));
    }


    remove() {
        process.removeListener('exit', this.exit);
        this.child?.kill();
        execFileSync('ip', ['netns', 'del', this.name]);
        fs.rmSync(this.etc, { recursive: true });
        fs.rmSync(this.dir, { recursive: true });
    }
}
