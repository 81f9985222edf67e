/*
 * The configurations of conf/, with nothing changed but paths, addresses and
 * the switch of rollout.conf, in a network namespace.  The clients' names for
 * the providers mean the gateway; the gateway's resolver knows better.
 * Prints what happened as JSON.
 */

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Canary } from '../lib/canary.js';
import { serveNames } from '../lib/dns.js';
import { Gateway, MODULE } from '../lib/gateway.js';
import { basic, call, request, sleep, until } from '../lib/http.js';
import { Runner } from '../lib/runner.js';
import { makeCa, makeCert } from '../lib/tls.js';
import { QuickBooks } from '../providers/quickbooks.js';
import { Salesforce } from '../providers/salesforce.js';
import { StandIn } from '../providers/stand-in.js';


const SALESFORCE = ['login.salesforce.com', 'acme.my.salesforce.com'];
const INTUIT = ['oauth.platform.intuit.com', 'quickbooks.api.intuit.com',
                'sandbox-quickbooks.api.intuit.com'];
const EXAMPLE = ['auth.example.com', 'api.example.com'];
const GATEWAY = 'gateway.example.com';

export const HOSTS = [...SALESFORCE, ...INTUIT, GATEWAY];

const shipped = fileURLToPath(new URL('../../../conf', import.meta.url));
const client = { id: 'stock.app', secret: 'secret-of-the-stock-app' };
const realm = '4620816365';
const canary = new Canary();
const NAMESERVER = '127.0.0.53';


/* Answers in the words of observe.conf. */
class Example extends StandIn {
    get paths() {
        return { ...super.paths, token: '/oauth/token' };
    }


    answer(connection, tokens, issuedAt) {
        const { user, tenant, ...rest } = super.answer(connection, tokens,
                                                       issuedAt);

        return { ...rest, user_id: user, account_id: tenant };
    }
}


/* conf/ laid out for this machine; the edits an administrator would make. */
function layOut(file, files) {
    return dir => {
        fs.cpSync(shipped, dir, { recursive: true });

        const edit = (name, ...pairs) => {
            const at = path.join(dir, name);
            let text = fs.readFileSync(at, 'utf8');

            for (const [from, to] of pairs) {
                const edited = text.replace(from, to);

                if (edited === text) {
                    throw new Error(`${name}: nothing like ${from}`);
                }

                text = edited;
            }

            fs.writeFileSync(at, text);

            return text;
        };

        edit('to_provider.conf', [/(trusted_certificate +)\S+;/,
                                  `$1${files.public.cert};`]);
        edit('rollout.conf', [/^map[^}]*\}/m, ''], [/^# (?=split|  |\})/gm, ''],
             ['1%', '0.01%']);

        const common = [
            [/modules\/ngx_http_oauth_gateway_module.so/, MODULE],
            [/\/run\/nginx.pid/, `${dir}/nginx.pid`],
            [/\/var\/log\/nginx\/error.log \w+/, `${dir}/error.log info`],
            [/\/var\/log\/nginx\/oauth.log/, `${dir}/access.log`],
            [/\/var\/lib\/oauth-gateway/, `${dir}/store`],
            [/resolver +\S+/, `resolver ${NAMESERVER}`],
            [/worker_processes +auto/, 'worker_processes 2'],
        ];

        return edit(file, ...common, ...file === 'observe.conf' ? [] : [
            [/\/etc\/nginx\/oauth-gateway.key/, `${dir}/store.key`],
            [/\/etc\/nginx\/tls\/\w+\.crt(?=;)/g, files.front.cert],
            [/\/etc\/nginx\/tls\/\w+\.key(?=;)/g, files.front.key],
            [/listen +(\d+)(?![\d.])/g, 'listen 127.0.0.1:$1'],
        ]);
    };
}


/* Five approvals per user: the sixth takes the first one's place. */
async function salesforce(sf, ca, urls) {
    const runners = [new Runner(ca), new Runner(ca)];
    const [first, others] = runners;
    const login = () => ({
        ...client, urls,
        code: sf.issueCode({ client: client.id, user: 'ann' }),
    });
    const result = { connected: await first.step('jsforce', login()) };

    result.before = await first.step('query');

    for (let i = 0; i < 5; i++) {
        await others.step('jsforce', login());
        result.full = i < 4 ? await first.step('query') : result.full;
    }

    const counts = JSON.stringify(sf.counts);

    result.refused = await first.step('query');
    result.refreshRefused = await first.step('refresh');
    await sleep(300);
    result.providerSawRefused = counts !== JSON.stringify(sf.counts);
    result.last = await others.step('query');
    result.lastRefresh = await others.step('refresh');
    result.dead = sf.counts.dead;
    runners.forEach(r => r.stop());

    return result;
}


async function quickbooks(qb, ca, { urls, base }) {
    const runners = [new Runner(ca), new Runner(ca)];
    const [ann, bob] = runners;
    const connect = (runner, user) => runner.step('intuit', {
        ...client, urls,
        redirect: 'http://localhost/cb?state=s'
            + `&code=${qb.issueCode({ client: client.id, user })}`
            + `&realmId=${realm}`,
    });
    const info = runner => runner.step('companyInfo', { realm, base });
    const result = { connected: await connect(ann, 'ann') };

    result.before = await info(ann);
    await connect(bob, 'bob');
    result.second = await info(bob);

    await until(async () => {
        result.refused = await info(ann);
        return result.refused.error?.code === '409';
    }, 5000, 'the binding of the company').catch(() => {});

    result.secondAgain = await info(bob);
    runners.forEach(r => r.stop());

    return result;
}


/*
 * The first day: a limit that the provider does not have refuses nothing, is
 * marked once, and shows itself in the log.
 */
async function observe(example, gateway) {
    const url = 'http://127.0.0.1:8080';
    const connect = async owner => {
        const answer = await request(`${url}/token`, {
            form: { grant_type: 'authorization_code',
                    code: example.issueCode({ client: client.id,
                                              user: 'ann' }) },
            headers: { authorization: basic(client.id, client.secret),
                       'x-oauth-owner': owner },
        });

        return answer.json().access_token;
    };
    const api = async token => {
        const { status, headers } = await call(`${url}/api/x`, token);

        return { status, mark: headers['oauth-connection-status'] };
    };
    const first = await connect('first');
    const result = { before: await api(first) };
    const second = await connect('second');

    result.marked = await api(first);
    result.second = await api(second);

    await until(async () => (await api(first)).mark === undefined, 5000)
        .catch(() => {});

    result.after = await api(first);
    result.log = fs.readFileSync(gateway.errorLog, 'utf8').split('\n')
        .filter(
            l => l.includes('is a contradiction: '));
    result.access = fs.readFileSync(gateway.accessLog, 'utf8').trim()
        .split('\n').map(l => JSON.parse(l).verdict);

    return result;
}


async function main(dir) {
    const internal = makeCa(dir, 'internal-ca');
    const files = {
        public: makeCa(dir, 'public-ca'),
        front: makeCert(dir, 'front', internal, HOSTS),
    };
    const upstream = (name, hosts) => {
        const { cert, key } = makeCert(dir, name, files.public, hosts);

        return { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
    };
    const clients = { [client.id]: client.secret };
    const sf = await new Salesforce({
        canary, clients,
        users: { ann: { password: 'password-of-ann', tenant: 'acme' } },
        instanceUrl: 'https://acme.my.salesforce.com',
        tls: upstream('salesforce', SALESFORCE),
    }).listen(443, '127.0.0.2');
    const qb = await new QuickBooks({
        canary, clients,
        users: { ann: { password: 'password-of-ann', tenant: realm },
                 bob: { password: 'password-of-bob', tenant: realm } },
        tls: upstream('intuit', INTUIT),
    }).listen(443, '127.0.0.3');

    const example = await new Example({
        canary, clients,
        users: { ann: { password: 'password-of-ann', tenant: 'acme' } },
        tls: upstream('example', EXAMPLE),
    }).listen(443, '127.0.0.4');
    const addresses = new Map([
        ...SALESFORCE.map(n => [n, '127.0.0.2']),
        ...INTUIT.map(n => [n, '127.0.0.3']),
        ...EXAMPLE.map(n => [n, '127.0.0.4']),
    ]);

    await serveNames(NAMESERVER, name => addresses.get(name));

    const result = {};
    const url = `https://${GATEWAY}:8443`;

    for (const [file, sfUrls, qbUrls] of [
        ['transparent.conf', {}, {}],
        ['gateway.conf', { loginUrl: `${url}/salesforce` }, {
            urls: {
                authorizeEndpoint: 'https://appcenter.intuit.com',
                tokenEndpoint: `${url}/quickbooks/token`,
                revokeEndpoint: `${url}/quickbooks/revoke`,
                userInfoEndpoint: `${url}/quickbooks/userinfo`,
            },
            base: `${url}/quickbooks/`,
        }],
    ]) {
        const gateway = await new Gateway({
            name: 'shipped', port: 443, whole: layOut(file, files),
        }).start();

        sf.resetCounts();
        result[file] = {
            salesforce: await salesforce(sf, internal.cert, sfUrls),
            quickbooks: await quickbooks(qb, internal.cert, qbUrls),
        };
        result[file].secrets = (await gateway.finish(canary)).secrets;
    }

    const gateway = await new Gateway({
        name: 'shipped', port: 8080, whole: layOut('observe.conf', files),
    }).start();

    result['observe.conf'] = await observe(example, gateway);
    await gateway.finish(canary);

    await Promise.all([sf, qb, example].map(p => p.close()));
    process.stdout.write(JSON.stringify(result) + '\n');
}


if (process.argv[2]) {
    await main(process.argv[2]);
}
