/*
 * A runner with stock clients: no URL of theirs is changed.  Its parent tells
 * it what to do, one message at a time.
 */

import { jsforce, loadIntuit } from '../lib/clients.js';


let connection;


const steps = {
    async jsforce({ id, secret, code, username, password }) {
        connection = new jsforce.Connection({
            oauth2: {
                clientId: id, clientSecret: secret,
                redirectUri: 'http://localhost/cb',
            },
        });

        const loginUrl = connection.oauth2.loginUrl;

        if (code) {
            await connection.authorize(code);
        } else {
            await connection.login(username, password);
        }

        return { loginUrl, instanceUrl: connection.instanceUrl };
    },

    async query() {
        return connection.query('SELECT Name FROM Account');
    },

    async refresh() {
        return Object.keys(await connection.oauth2.refreshToken(
            connection.refreshToken));
    },

    async intuit({ id, secret, redirect }) {
        const OAuthClient = loadIntuit();

        connection = new OAuthClient({
            clientId: id, clientSecret: secret, environment: 'sandbox',
            redirectUri: 'http://localhost/cb',
        });
        await connection.createToken(redirect);

        return { tokenEndpoint: OAuthClient.tokenEndpoint };
    },

    async companyInfo({ realm }) {
        const r = await connection.makeApiCall({
            url: `v3/company/${realm}/companyinfo/1`,
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
