/*
 * Runs in a network namespace of its own, where the providers' host names mean
 * 127.0.0.1: the gateway.  The stand-ins have 127.0.0.2 and 127.0.0.3.
 * Prints what happened as JSON.
 */

import fs from 'node:fs';

import { Canary } from '../lib/canary.js';
import { Gateway } from '../lib/gateway.js';
import { request, sleep, until } from '../lib/http.js';
import { Runner } from '../lib/runner.js';
import { makeCa, makeCert } from '../lib/tls.js';
import { QuickBooks } from '../providers/quickbooks.js';
import { Salesforce } from '../providers/salesforce.js';


const SALESFORCE = ['login.salesforce.com', 'acme.my.salesforce.com'];
const INTUIT = ['oauth.platform.intuit.com',
                'sandbox-quickbooks.api.intuit.com'];
const ROGUE = 'rogue.my.salesforce.com';

export const HOSTS = [...SALESFORCE, ...INTUIT, ROGUE];

const client = { id: 'stock.app', secret: 'secret-of-the-stock-app' };
const realm = '4620816365';
const canary = new Canary();


function read({ cert, key }) {
    return { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
}


function config(dir, files) {
    const tls = `
        listen 127.0.0.1:443 ssl;
        ssl_certificate ${files.front.cert};
        ssl_certificate_key ${files.front.key};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate ${files.public.cert};
        proxy_ssl_server_name on;
        proxy_ssl_name $server_name;`;

    return `
    oauth_store ${dir}/store;

    oauth_json $sf_id response /id;
    map $sf_id $sf_user { "~/(?<u>[^/]+)$" $u; }
    map $sf_id $sf_org { "~/(?<o>[^/]+)/[^/]+$" $o; }
    map $uri $qb_realm { "~^/v3/company/(?<r>\\d+)/" $r; }

    oauth_provider salesforce {
        user $sf_user;
        tenant $sf_org;
        issued_at $oauth_response_issued_at;
        expires_in $oauth_response_expires_in 2h;
        limit 1 per user client;
    }

    oauth_provider quickbooks {
        tenant $qb_realm;
        limit 1 per tenant client;
    }

    upstream salesforce { server 127.0.0.2:443; }
    upstream intuit { server 127.0.0.3:443; }
    upstream rogue { server 127.0.0.4:443; }

    server {
        server_name ${SALESFORCE.join(' ')};
        ${tls}

        location = /services/oauth2/token {
            oauth_token_endpoint salesforce;
            proxy_pass https://salesforce;
        }

        location / {
            oauth_guard salesforce;
            proxy_pass https://salesforce;
        }
    }

    server {
        server_name ${INTUIT.join(' ')};
        ${tls}

        location = /oauth2/v1/tokens/bearer {
            oauth_token_endpoint quickbooks;
            proxy_pass https://intuit;
        }

        location / {
            oauth_guard quickbooks;
            proxy_pass https://intuit;
        }
    }

    server {
        server_name ${ROGUE};
        ${tls}

        location / {
            oauth_guard salesforce;
            proxy_pass https://rogue;
        }
    }
`;
}


async function salesforce(sf, ca) {
    const runners = [new Runner(ca), new Runner(ca)];
    const login = code => ({ ...client, code });
    const code = () => sf.issueCode({ client: client.id, user: 'ann' });
    const [first, second] = runners;
    const result = { connected: await first.step('jsforce', login(code())) };

    result.before = await first.step('query');
    await second.step('jsforce', login(code()));

    const counts = JSON.stringify(sf.counts);

    result.refused = await first.step('query');
    result.refreshRefused = await first.step('refresh');
    await sleep(300);
    result.providerSawRefused = counts !== JSON.stringify(sf.counts);
    result.second = await second.step('query');
    result.secondRefresh = await second.step('refresh');
    result.dead = sf.counts.dead;
    runners.forEach(r => r.stop());

    return result;
}


async function quickbooks(qb, ca) {
    const runners = [new Runner(ca), new Runner(ca)];
    const redirect = user => 'http://localhost/cb?state=s'
        + `&code=${qb.issueCode({ client: client.id, user })}`
        + `&realmId=${realm}`;
    const [ann, bob] = runners;
    const result = {
        connected: await ann.step('intuit', {
            ...client, redirect: redirect('ann'),
        }),
    };

    result.before = await ann.step('companyInfo', { realm });
    await bob.step('intuit', { ...client, redirect: redirect('bob') });
    result.second = await bob.step('companyInfo', { realm });

    await until(async () => {
        result.refused = await ann.step('companyInfo', { realm });
        return result.refused.error?.code === '409';
    }, 5000, 'the binding of the company').catch(() => {});

    result.secondAgain = await bob.step('companyInfo', { realm });
    runners.forEach(r => r.stop());

    return result;
}


async function main(dir) {
    const internal = makeCa(dir, 'internal-ca');
    const files = {
        public: makeCa(dir, 'public-ca'),
        front: makeCert(dir, 'front', internal, HOSTS),
    };
    const cert = (name, ca, hosts) => read(makeCert(dir, name, ca, hosts));

    const sf = await new Salesforce({
        canary, clients: { [client.id]: client.secret },
        users: { ann: { password: 'password-of-ann', tenant: 'acme' } },
        limits: [{ n: 1, per: ['user', 'client'] }],
        instanceUrl: 'https://acme.my.salesforce.com',
        tls: cert('salesforce', files.public, SALESFORCE),
    }).listen(443, '127.0.0.2');

    const qb = await new QuickBooks({
        canary, clients: { [client.id]: client.secret },
        users: { ann: { password: 'password-of-ann', tenant: realm },
                 bob: { password: 'password-of-bob', tenant: realm } },
        tls: cert('intuit', files.public, INTUIT),
    }).listen(443, '127.0.0.3');

    /* Somebody else's certificate: an authority that nobody trusts. */
    const rogue = await new Salesforce({
        canary, clients: {}, users: {},
        tls: cert('rogue', makeCa(dir, 'rogue-ca'), [ROGUE]),
    }).listen(443, '127.0.0.4');

    const gateway = await new Gateway({
        name: 'transparent', port: 443, config: d => config(d, files),
    }).start();

    const result = {
        salesforce: await salesforce(sf, internal.cert),
        quickbooks: await quickbooks(qb, internal.cert),
    };

    const ca = fs.readFileSync(internal.cert);
    const answer = await request(`https://${ROGUE}/services/data/v50.0/query`, {
        ca, headers: { authorization: 'Bearer unknown-token-0123456789' },
    });

    result.rogue = { status: answer.status, seen: rogue.counts.api };

    await Promise.all([sf, qb, rogue].map(p => p.close()));
    result.secrets = (await gateway.finish(canary)).secrets;

    process.stdout.write(JSON.stringify(result) + '\n');
}


if (process.argv[2]) {
    await main(process.argv[2]);
}
