/*
 * A crashed worker leaves no core file, which would be full of tokens.  The
 * same nginx without the module does leave one: the control.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Canary } from './lib/canary.js';
import { urlMode } from './lib/config.js';
import { Gateway } from './lib/gateway.js';
import { basic, ports, request, sleep, until } from './lib/http.js';
import { StandIn } from './providers/stand-in.js';


const port = ports(9);
const client = { id: 'app', secret: 'secret-of-core-app' };
const users = { ann: { password: 'password-of-ann', tenant: 'acme' } };

/* A kernel that hands cores to a program, or to a fixed place, leaves none
 * here whatever happens. */
const pattern = fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8')
    .trim();
const observable = !/^[|/]/.test(pattern);


async function crash(gateway, signal) {
    const cores = path.join(gateway.dir, 'cores');

    fs.mkdirSync(cores, { recursive: true });
    fs.chmodSync(cores, 0o777);
    await gateway.start({ shell: 'ulimit -c unlimited' });

    return async () => {
        const [pid] = gateway.workerPids();
        const limits = fs.readFileSync(`/proc/${pid}/limits`, 'utf8');

        assert.match(limits, /Max core file size +\S+ +unlimited/);

        const dumpable = fs.statSync(`/proc/${pid}/environ`).uid;
        const runsAs = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(
            fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

        process.kill(pid, signal);
        await until(() => !gateway.workerPids().includes(pid));
        await sleep(200);

        return { files: fs.readdirSync(cores), owner: dumpable, runsAs };
    };
}


test('control: nginx alone leaves a core file', {
    skip: !observable && `core_pattern is ${pattern}`,
}, async () => {
    const at = await port();
    const gateway = new Gateway({
        name: 'core', port: at, module: false, workers: 1,
        config: () => `server { listen 127.0.0.1:${at}; }`,
    });

    gateway.main = `working_directory ${gateway.dir}/cores;`;
    gateway.configure(() => `server { listen 127.0.0.1:${at}; }`);

    const { files } = await (await crash(gateway, 'SIGSEGV'))();

    assert.equal(files.length, 1);
    await gateway.stop();
    fs.rmSync(gateway.dir, { recursive: true });
});


for (const signal of ['SIGSEGV', 'SIGABRT']) {
    test(`a worker with the module leaves none (${signal})`, async () => {
        const canary = new Canary();
        const provider = await new StandIn({
            canary, clients: { [client.id]: client.secret }, users,
        }).listen(await port());
        const at = await port();
        const config = dir => urlMode({
            dir, port: at, upstream: provider.url, paths: provider.paths,
            policy: `user $oauth_response_user;
                     limit 1 per user client;`,
        });
        const gateway = new Gateway({
            name: 'core', port: at, workers: 1, config,
        });

        gateway.main = `working_directory ${gateway.dir}/cores;`;
        gateway.configure(config);

        const fell = await crash(gateway, signal);
        const answer = await request(`${gateway.url}/token`, {
            form: { grant_type: 'password', username: 'ann',
                    password: users.ann.password },
            headers: { authorization: basic(client.id, client.secret) },
        });

        assert.equal(answer.status, 200);

        const { files, owner, runsAs } = await fell();

        assert.deepEqual(files, []);

        if (process.getuid() === 0) {
            assert.notEqual(runsAs, 0);
            assert.equal(owner, 0, 'the worker is dumpable');
        }

        assert.match(fs.readFileSync(gateway.errorLog, 'utf8'),
                     /exited on signal (11|6)/);
        await provider.close();
        await gateway.stop();
        canary.assertAbsent(gateway.dir);
        fs.rmSync(gateway.dir, { recursive: true });
    });
}
