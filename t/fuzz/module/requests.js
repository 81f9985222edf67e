/* What a runner, an operator or an attacker may send. */

import { TOKENS, claims, jwt } from './answers.js';


const SPELLINGS = ['', '', '', '', '', '', '/', ';x=1', '%2f', '//', '/.',
                   '/../token', '?', '%00', '\\', '%20', '#'];

const GRANTS = [
    'authorization_code', 'authorization_code', 'refresh_token',
    'refresh_token', 'refresh_token', 'password', 'client_credentials',
    'urn:ietf:params:oauth:grant-type:jwt-bearer', 'jwt-bearer',
    'urn:ietf:params:oauth:grant-type:token-exchange', '', 'REFRESH_TOKEN',
];


const access = choice => `at-${choice.int(TOKENS)}`;
const refresh = choice => `rt-${choice.int(TOKENS)}`;


function basic(choice) {
    return `Basic ${Buffer.from(choice.pick([
        `c${choice.int(3)}:secret`, 'c%31:s%2b', 'c1', ':', 'a:b:c',
        '\xff:\xfe'])).toString('base64')}`;
}


function encoded(choice, members) {
    if (choice.once(6)) {
        return ['application/json', JSON.stringify(members)];
    }

    const pairs = Object.entries(members).map(
        ([k, v]) => `${k}=${encodeURIComponent(v)}`);

    if (choice.once(20)) {
        pairs.push(choice.pick(pairs));
    }

    if (choice.once(10)) {
        pairs.push(`resource=${choice.int(3)}`, `resource=${choice.int(3)}`);
    }

    return ['application/x-www-form-urlencoded', pairs.join('&')];
}


function tokenRequest(choice) {
    const grant = choice.pick(GRANTS);
    const members = { grant_type: grant };
    const headers = {};

    if (grant === 'refresh_token' || choice.once(20)) {
        members.refresh_token = refresh(choice);
    }

    if (grant === 'authorization_code' || choice.once(20)) {
        members.code = `code-${choice.int(1000)}`;
    }

    if (grant === 'password' || choice.once(20)) {
        members.username = `l${choice.int(6)}`;
        members.password = 'p';
    }

    if (/jwt|exchange/.test(grant)) {
        members.assertion = jwt(choice, claims(choice));
    }

    if (choice.once(5)) {
        members.scope = choice.pick(['read', 'read write', 'x'.repeat(5000)]);
    }

    if (choice.once(10)) {
        members.client_assertion = jwt(choice, claims(choice));
    }

    if (choice.once(10)) {
        delete members.grant_type;
    }

    if (choice.once(2)) {
        members.client_id = `c${choice.int(3)}`;
        members.client_secret = 'secret';
    } else {
        headers.Authorization = basic(choice);
    }

    if (choice.once(12)) {
        headers.DPoP = jwt(choice, { jwk: { kty: 'EC', x: 'a', y: 'b' } });
    }

    if (choice.once(60)) {
        members.padding = 'p'.repeat(choice.int(70000));
    }

    return { method: choice.once(20) ? choice.pick(['GET', 'PUT', 'POST'])
                                     : 'POST',
             path: `/${choice.pick(['rich', 'rich', 'healing'])}/token`,
             headers, body: encoded(choice, members) };
}


function revocation(choice) {
    const members = { token: choice.once(2) ? access(choice)
                                            : refresh(choice) };

    if (choice.once(3)) {
        members.token_type_hint = choice.pick(['access_token', 'refresh_token',
                                               'x']);
    }

    return { method: 'POST',
             path: `/${choice.pick(['rich', 'healing'])}/revoke`,
             headers: { Authorization: basic(choice) },
             body: encoded(choice, members) };
}


function apiCall(choice, superseded) {
    const token = superseded.length && choice.once(4)
        ? choice.pick(superseded) : access(choice);
    const scheme = choice.once(6)
        ? choice.pick(['bearer', 'DPoP', 'OAuth', 'Bearer ', 'Basic', ''])
        : 'Bearer';
    const r = {
        method: choice.once(8) ? choice.pick(['POST', 'HEAD', 'PUT', 'OPTIONS',
                                              'DELETE'])
                               : 'GET',
        path: choice.pick(['/strict/a', '/strict/', '/rich/company/7/x',
                           '/rich/me', '/rich/me', '/rich/form', '/rich/many',
                           '/healing/a', '/healing/a', '/check/healing',
                           '/check/rich', '/rich/x']),
        headers: { Authorization: `${scheme} ${token}` }, body: null,
    };

    if (r.path === '/rich/many') {
        delete r.headers.Authorization;
        Object.assign(r.headers, choice.pick([
            { 'X-Token': token }, { Cookie: `token=${token}; token=x` },
            { 'X-Token': token, Cookie: `token=${access(choice)}` }]));
        r.path += choice.once(3) ? `?token=${token}` : '';
    }

    if (r.path === '/rich/form' || choice.once(12)) {
        r.method = 'POST';
        r.body = encoded(choice, { token, grant_type: 'x' });
    }

    if (choice.once(30)) {
        r.headers.Range = 'bytes=0-3';
    }

    return r;
}


function statusCall(choice, ids) {
    const id = ids.last - choice.int(300);
    const query = choice.pick([
        '', '', '?limit=2', '?limit=1000', '?limit=0', '?after=5',
        '?state=live', '?provider=rich&user=u1', '?owner=a&client=c1',
        '?contested=1', '?x=1', '?limit=1&limit=2', '?user=%00',
        '?tenant=t1&state=superseded', `?after=${id}`, '?after=-1',
    ]);
    const r = {
        method: 'GET', headers: { Host: 'localhost' }, body: null,
        path: `/status/${choice.pick([
            'connections', 'connections', `connections/${id}`,
            `connections/${id}/events`, 'slots', 'events', 'metrics', 'health',
            '', 'nothing', 'connections/x', 'connections//', 'introspect',
        ])}${query}`,
    };

    if (choice.once(20)) {
        r.path = choice.pick(['/metrics', '/health']);
    }

    if (choice.once(6)) {
        r.headers.Accept = choice.pick(['text/event-stream', 'text/html',
                                        'application/json', '*/*;q=0']);
    }

    if (choice.once(4)) {
        r.method = 'POST';
        r.path = choice.once(3) ? '/status/introspect'
            : `/status/connections/${id}/${choice.pick(['release', 'release',
                                                        'reinstate', 'x'])}`;
        r.body = encoded(choice, { token: access(choice) });

        if (r.path.endsWith('reinstate') && ids.superseded.has(id)) {
            r.path = '/status/connections';
        }

        if (choice.once(5)) {
            r.headers.Origin = choice.pick(['http://evil.example', 'null',
                                            'http://localhost']);
        }
    }

    return r;
}


/**
 * One request: { method, path, headers, body: [type, text] | null }.
 *
 * superseded  tokens that must not come through
 * ids         { last, superseded }: the newest connection, and those that no
 *             operator may bring back
 */
export function randomRequest(choice, superseded, ids) {
    const roll = choice.int(100);
    const r = roll < 45 ? tokenRequest(choice)
        : roll < 52 ? revocation(choice)
        : roll < 88 ? apiCall(choice, superseded)
        : statusCall(choice, ids);

    r.headers['X-Plan'] = String(choice.int(1000000));

    if (choice.once(3)) {
        r.headers['X-OAuth-Owner'] = choice.pick(['a', 'b', 'c', '\xe4"\\',
                                                  'o'.repeat(600)]);
    }

    if (choice.once(3)) {
        r.headers['X-Mode'] = choice.pick(['flag', 'heal', 'odd', 'none']);
    }

    if (choice.once(5)) {
        r.headers['X-Takeover'] = choice.pick(['flag', 'pass']);
    }

    if (choice.once(12)) {
        r.headers['X-Url'] = choice.pick(['https://b', '"', '\\u0000', '']);
        r.headers['X-Refresh'] = choice.pick(['', refresh(choice)]);
    }

    if (choice.once(15)) {
        const [path, query] = r.path.split('?');

        r.path = path + choice.pick(SPELLINGS) + (query ? `?${query}` : '');
    }

    if (choice.once(30)) {
        r.path += `${r.path.includes('?') ? '&' : '?'}grant_type=refresh_token`
            + `&refresh_token=${refresh(choice)}`;
    }

    return r;
}
