/* Certificate authorities and certificates, made by openssl. */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';


const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];


function openssl(...args) {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}


/** An authority of its own; gives the paths of its files. */
export function makeCa(dir, name) {
    const ca = {
        cert: path.join(dir, `${name}.pem`),
        key: path.join(dir, `${name}.key`),
    };

    openssl('req', '-x509', ...KEY, '-keyout', ca.key, '-out', ca.cert,
            '-days', '2', '-subj', `/CN=${name}`);

    return ca;
}


/** A certificate for `hosts`, signed by `ca`; gives the paths. */
export function makeCert(dir, name, ca, hosts) {
    const file = ext => path.join(dir, `${name}.${ext}`);

    fs.writeFileSync(file('ext'), `subjectAltName=${hosts.map(
        h => `DNS:${h}`).join(',')}\n`);
    openssl('req', ...KEY, '-keyout', file('key'), '-out', file('csr'),
            '-subj', `/CN=${hosts[0]}`);
    openssl('x509', '-req', '-in', file('csr'), '-CA', ca.cert, '-CAkey',
            ca.key, '-CAcreateserial', '-days', '2', '-extfile', file('ext'),
            '-out', file('pem'));

    return { cert: file('pem'), key: file('key') };
}
