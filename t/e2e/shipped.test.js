/* The configurations of conf/, run as they are shipped, with real clients. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Netns } from './lib/netns.js';
import { HOSTS } from './transparent/shipped.js';


const inside = fileURLToPath(new URL('transparent/shipped.js',
                                     import.meta.url));
const skip = process.getuid() !== 0 && 'needs root';

const INSTANCE = {
    'transparent.conf': 'https://acme.my.salesforce.com',
    'gateway.conf':
        'https://gateway.example.com:8443/salesforce/acme.my.salesforce.com',
};


describe('conf/', { skip }, () => {
    let netns;
    let result;

    before(async () => {
        netns = new Netns(HOSTS);
        result = await netns.run(inside);
    });

    after(() => netns.remove());


    for (const file of ['transparent.conf', 'gateway.conf']) {
        test(`${file}: jsforce, the sixth approval ends the first`, () => {
            const r = result[file].salesforce;

            assert.equal(r.connected.value?.instanceUrl, INSTANCE[file]);
            assert.equal(r.before.value?.records[0].Name, 'Acme');
            assert.equal(r.full.value?.records[0].Name, 'Acme');

            assert.equal(r.refused.error?.code, 'CONNECTION_SUPERSEDED');
            assert.doesNotMatch(r.refused.error.message, /[{}]/);
            assert.equal(r.refreshRefused.error?.code, 'invalid_grant');
            assert.equal(r.providerSawRefused, false);

            assert.equal(r.last.value?.records[0].Name, 'Acme');
            assert.ok(r.lastRefresh.value?.includes('access_token'));
            assert.equal(r.dead, 0);
        });


        test(`${file}: intuit-oauth, two users of one company`, () => {
            const r = result[file].quickbooks;

            for (const step of ['before', 'second', 'secondAgain']) {
                assert.equal(r[step].value?.CompanyInfo.CompanyName,
                             'Company 4620816365', step);
            }

            assert.equal(r.refused.error?.code, '409');
            assert.ok(result[file].secrets > 10);
        });
    }


    test('observe.conf: a wrong limit does no harm and is noticed', () => {
        const r = result['observe.conf'];

        assert.deepEqual(r.before, { status: 200 });
        assert.equal(r.marked.status, 200);
        assert.match(r.marked.mark, /^superseded; connection="[^"]+"; /);
        assert.match(r.marked.mark, /superseded-by="[^"]+"; owner="second"/);
        assert.deepEqual(r.second, { status: 200 });
        assert.deepEqual(r.after, { status: 200 });
        assert.equal(r.log.length, 1, r.log.join('\n'));
        assert.ok(r.access.includes('superseded'));
        assert.ok(r.access.includes('active'));
    });
});
