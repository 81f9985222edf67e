/*
 * Transparent mode in a network namespace: the providers' host names resolve
 * to the gateway, an internal CA vouches for it, and stock clients run with
 * no option changed.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Netns } from './lib/netns.js';
import { HOSTS } from './transparent/inside.js';


const inside = fileURLToPath(new URL('transparent/inside.js',
                                     import.meta.url));
const skip = process.getuid() !== 0 && 'needs root';


describe('transparent mode', { skip }, () => {
    let netns;
    let result;

    before(async () => {
        netns = new Netns(HOSTS);
        result = await netns.run(inside);
    });

    after(() => netns.remove());


    test('stock jsforce is refused once, and told why', () => {
        const r = result.salesforce;

        assert.deepEqual(r.connected.value, {
            loginUrl: 'https://login.salesforce.com',
            instanceUrl: 'https://acme.my.salesforce.com',
        });
        assert.equal(r.before.value.records[0].Name, 'Acme');

        assert.equal(r.refused.error.code, 'ERROR_HTTP_409');
        assert.equal(JSON.parse(r.refused.error.message).type,
                     'urn:oauth-gateway:superseded');
        assert.equal(r.refreshRefused.error.code, 'invalid_grant');
        assert.equal(r.providerSawRefused, false);

        assert.equal(r.second.value.records[0].Name, 'Acme');
        assert.ok(r.secondRefresh.value.includes('access_token'));
        assert.equal(r.dead, 0);
    });


    test('stock intuit-oauth: two users of one company', () => {
        const r = result.quickbooks;

        assert.equal(r.connected.value.tokenEndpoint,
            'https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer');
        assert.equal(r.before.value.CompanyInfo.CompanyName,
                     'Company 4620816365');
        assert.equal(r.second.value.CompanyInfo.CompanyName,
                     'Company 4620816365');
        assert.equal(r.refused.error.code, '409');
        assert.ok(r.secondAgain.value.CompanyInfo);
    });


    test('a provider with another authority\'s certificate is not talked to',
         () => {
        assert.deepEqual(result.rogue, { status: 502, seen: 0 });
    });


    test('no secret was left behind', () => {
        assert.ok(result.secrets > 10);
    });
});
