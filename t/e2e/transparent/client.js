/*
 * A runner with stock clients.  Its parent tells it what to do, one message at
 * a time, and changes URLs in URL mode alone.
 */

import { jsforce, loadIntuit } from '../lib/clients.js';


let connection;


const steps = {
    async jsforce({ id, secret, code, urls }) {
        connection = new jsforce.Connection({
            oauth2: {
                clientId: id, clientSecret: secret,
                redirectUri: 'http://localhost/cb',
                ...urls,
            },
        });

        const loginUrl = connection.oauth2.loginUrl;

        await connection.authorize(code);

        return { loginUrl, instanceUrl: connection.instanceUrl };
    },

    async query() {
        return connection.query('SELECT Name FROM Account');
    },

    async refresh() {
        return Object.keys(await connection.oauth2.refreshToken(
            connection.refreshToken));
    },

    async intuit({ id, secret, redirect, urls }) {
        const OAuthClient = loadIntuit();

        connection = new OAuthClient({
            clientId: id, clientSecret: secret, environment: 'sandbox',
            redirectUri: 'http://localhost/cb',
        });

        if (urls) {
            connection.setAuthorizeURLs(urls);
        }

        await connection.createToken(redirect);

        return { tokenEndpoint: OAuthClient.tokenEndpoint };
    },

    async companyInfo({ realm, base = '' }) {
        const r = await connection.makeApiCall({
            url: `${base}v3/company/${realm}/companyinfo/1`,
        });

        return r.json;
    },
};


process.on('message', async ({ step, ...args }) => {
    try {
        process.send({ value: await steps[step](args) });

    } catch (e) {
        process.send({ error: {
            message: e.message, code: e.errorCode ?? e.code ?? e.name,
        } });
    }
});
