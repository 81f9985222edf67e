/* A runner with a stock client, in a process of its own. */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';


const client = fileURLToPath(new URL('../transparent/client.js',
                                     import.meta.url));


export class Runner {
    /** `ca` is a file with the internal CA's certificate. */
    constructor(ca) {
        this.child = fork(client, {
            env: { ...process.env, NODE_EXTRA_CA_CERTS: ca },
            stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        });
    }


    /** Does one step of client.js; gives { value } or { error }. */
    step(step, args = {}) {
        return new Promise((resolve, reject) => {
            this.child.once('message', resolve);
            this.child.once('exit', () => reject(new Error('client died')));
            this.child.send({ step, ...args });
        });
    }


    stop() {
        this.child.removeAllListeners('exit');
        this.child.kill();
    }
}
