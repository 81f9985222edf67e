/*
 * The real clients, unmodified, and the steps around them that a person or a
 * browser would do.
 */

import { createRequire } from 'node:module';

import { request } from './http.js';


const require = createRequire(import.meta.url);

export const jsforce = require('jsforce');
export const { AuthorizationCode, ClientCredentials, ResourceOwnerPassword }
    = require('simple-oauth2');
export const { Issuer } = require('openid-client');


/** A fresh copy of intuit-oauth: its endpoints are state of the module. */
export function loadIntuit() {
    const file = require.resolve('intuit-oauth');

    delete require.cache[file];

    return require(file);
}


/** Opens the authorization URL as `user`, who consents; gives the redirect. */
export async function consent(url, user) {
    const u = new URL(url);

    u.searchParams.set('login_hint', user);

    const answer = await request(u.href);

    if (answer.status !== 302) {
        throw new Error(`consent failed: ${answer.status} ${answer.text}`);
    }

    return answer.headers.location;
}


/**
 * A browser of its own: keeps cookies, follows redirects, signs in and
 * consents on oidc-provider's pages, and stops at `redirectUri`.
 */
export async function browse(url, user, redirectUri) {
    const cookies = new Map();
    let options = {};

    for (let i = 0; i < 20; i++) {
        const answer = await request(url, {
            ...options,
            headers: {
                cookie: [...cookies].map(([k, v]) => `${k}=${v}`).join('; '),
            },
        });

        for (const line of answer.headers['set-cookie'] ?? []) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);

            cookies.set(name, value);
        }

        options = {};

        if (answer.headers.location) {
            url = new URL(answer.headers.location, url).href;

            if (url.startsWith(redirectUri)) {
                return url;
            }

            continue;
        }

        const form = /<form[^>]* action="([^"]+)"/.exec(answer.text);
        const prompt = /name="prompt" value="([^"]+)"/.exec(answer.text);

        if (!form || !prompt) {
            throw new Error(`no form at ${url}: ${answer.status}`);
        }

        url = new URL(form[1], url).href;
        options = {
            form: prompt[1] === 'login'
                ? { prompt: 'login', login: user, password: 'any' }
                : { prompt: 'consent' },
        };
    }

    throw new Error('too many redirects');
}


/** The error of a promise that must fail. */
export async function failure(promise) {
    try {
        await promise;

    } catch (e) {
        return e;
    }

    throw new Error('expected a failure');
}
