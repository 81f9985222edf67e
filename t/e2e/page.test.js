/*
 * The connections page in a real browser, over a gateway that lived through
 * both scenarios.  E2E_SCREENSHOTS names a directory that pictures go to.
 */

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { findings, launch, open } from './lib/browser.js';
import { Canary } from './lib/canary.js';
import { Gateway } from './lib/gateway.js';
import { basic, call, ports, request, sleep,
         until } from './lib/http.js';
import { StandIn } from './providers/stand-in.js';


const port = ports(28);
const client = { id: 'platform', secret: 'secret-of-the-platform' };
const users = {
    'integration@acme.example': { password: 'password-of-integration',
                                  tenant: 'acme' },
    'crm@acme.example': { password: 'password-of-crm', tenant: 'acme' },
    'ann@books.example': { password: 'password-of-ann', tenant: 'books' },
    'bob@books.example': { password: 'password-of-bob', tenant: 'books' },
    '<img src=x onerror=alert(1)>': { password: 'password-of-markup',
                                      tenant: '<script>alert(1)</script>' },
};
const crm = 'integration@acme.example';
const shots = process.env.E2E_SCREENSHOTS;

let canary, gateway, browser, ids;
const standIns = {};


const config = at => dir => `
    oauth_store ${dir}/store;

    oauth_provider crm {
        user     $oauth_response_user;
        tenant   $oauth_response_tenant;
        limit    1 per user client;
        contact  "Integration team, integrations@acme.example";
        link     https://platform.example/connections;
    }

    oauth_provider books {
        user     $oauth_response_user;
        tenant   $oauth_response_tenant;
        limit    1 per tenant client;
    }

    server {
        listen 127.0.0.1:${at};

        location /crm/ {
            oauth_guard crm;
            proxy_pass ${standIns.crm.url}/;
        }

        location = /crm/token {
            oauth_token_endpoint crm;
            proxy_pass ${standIns.crm.url}/token;
        }

        location /books/ {
            oauth_guard books;
            proxy_pass ${standIns.books.url}/;
        }

        location = /books/token {
            oauth_token_endpoint books;
            proxy_pass ${standIns.books.url}/token;
        }

        location /oauth/ {
            oauth_status;
            oauth_status_write on;
        }

        location /look {
            oauth_status;
        }

        location /polled/ {
            oauth_status;
        }

        location = /polled/events {
            if ($http_accept ~ event-stream) {
                return 503;
            }

            rewrite ^ /look/events last;
        }
    }
`;


async function exchange(provider, form, owner) {
    const answer = await request(`${gateway.url}/${provider}/token`, {
        form, headers: {
            authorization: basic(client.id, client.secret),
            'x-oauth-owner': owner, 'user-agent': 'recipe-runner/7',
        },
    });

    assert.equal(answer.status, 200, answer.text);

    return answer.json();
}


const connect = (provider, user, owner) => exchange(provider, {
    grant_type: 'password', username: user, password: users[user].password,
}, owner);

const refresh = (provider, tokens, owner) => exchange(provider, {
    grant_type: 'refresh_token', refresh_token: tokens.refresh_token,
}, owner);

const use = (provider, tokens) =>
    call(`${gateway.url}/${provider}/api/x`, tokens.access_token);


/** What a day of two recipes that share a user looks like. */
async function live() {
    await connect('crm', 'crm@acme.example', 'Invoice export');

    let sync = await connect('crm', crm, 'Nightly sync');

    await use('crm', sync);
    sync = await refresh('crm', sync, 'Nightly sync');

    for (let i = 0; i < 2; i++) {
        const leads = await connect('crm', crm, 'Lead router');

        assert.equal((await use('crm', sync)).status, 409);
        sync = await connect('crm', crm, 'Nightly sync');
        assert.equal((await use('crm', leads)).status, 409);
    }

    const ann = await connect('books', 'ann@books.example', 'Payroll');

    await connect('books', 'bob@books.example', 'Expenses');
    assert.equal((await use('books', ann)).status, 409);
}


const list = async query => (await request(
    `${gateway.url}/oauth/connections?${query}`)).json().items;

const url = (query = '') => `${gateway.url}/oauth/${query}`;

/** The number of the connection that was opened as the nth. */
const nth = n => ids[n - 1];

const rows = page => page.locator('tbody tr');


async function show(query, options) {
    const page = await open(browser, url(query), options);

    await page.locator('h1').waitFor();
    await page.locator('#live.on').waitFor();

    return page;
}


async function picture(page, name) {
    if (shots) {
        await page.setViewportSize({ width: 1200, height: 400 });
        await page.screenshot({ path: path.join(shots, `${name}.png`),
                                fullPage: true });
    }
}


async function quiet(page) {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
}


before(async () => {
    canary = new Canary();

    for (const [name, per] of [['crm', 'user'], ['books', 'tenant']]) {
        standIns[name] = await new StandIn({
            canary, clients: { [client.id]: client.secret }, users,
            limits: [{ n: 1, per: [per, 'client'] }], rotate: true,
        }).listen(await port());
    }

    const at = await port();

    gateway = await new Gateway({ name: 'page', port: at, workers: 2,
                                  config: config(at) }).start();
    browser = await launch();
    await live();
    ids = (await list('limit=100')).map(item => item.id).reverse();
    assert.equal(ids.length, 8);
});


after(async () => {
    await browser?.close();
    await Promise.all(Object.values(standIns).map(s => s.close()));
    await gateway?.finish(canary);
});


describe('the list', () => {
    test('tells who holds which connection, newest first', async () => {
        const page = await show();

        await rows(page).first().waitFor();
        assert.equal(await rows(page).count(), 8);

        const first = await rows(page).first().innerText();

        assert.ok(first.includes(`Expenses #${nth(8)}`), first);
        assert.match(first, /live/);
        assert.match(first, /bob@books\.example/);
        assert.match(first, /a moment ago/);

        const loser = await rows(page).nth(1).innerText();

        assert.ok(loser.includes(`Payroll #${nth(7)}`), loser);
        assert.ok(loser.includes(`superseded by #${nth(8)}`), loser);
        await picture(page, 'connections');
        await quiet(page);
    });


    test('has filters, which live in the URL', async () => {
        const page = await show();

        await page.getByLabel('state').selectOption('superseded');
        await page.getByLabel('owner').fill('Nightly sync');
        await page.getByRole('button', { name: 'Filter' }).click();
        await until(async () => await rows(page).count() === 2);
        assert.equal(new URL(page.url()).search,
                     '?state=superseded&owner=Nightly+sync');

        await page.reload();
        await rows(page).first().waitFor();
        assert.equal(await rows(page).count(), 2);
        assert.equal(await page.getByLabel('owner').inputValue(),
                     'Nightly sync');

        await page.goBack();
        await until(async () => await rows(page).count() === 8);
        assert.equal(await page.getByLabel('owner').inputValue(), '');

        for (const [query, n] of [
            ['provider=books', 2], [`user=${crm}`, 5], ['tenant=books', 2],
            ['client=platform', 8], ['client=none', 0], ['state=live', 3],
        ]) {
            await page.goto(url(`?${query}`));
            await page.locator('caption', { hasText: /^(\d|None)/ })
                .waitFor();
            assert.equal(await rows(page).count(), n, query);
        }

        await quiet(page);
    });
});


describe('a story', () => {
    test('tells what happened, and what to do', async () => {
        const page = await show(`?user=${crm}`);

        await page.getByRole('link', {
            name: `Nightly sync #${nth(2)}` }).click();
        await page.locator('ol.story li').nth(3).waitFor();
        assert.equal(new URL(page.url()).search, `?connection=${nth(2)}`);

        const story = await page.locator('ol.story li').allInnerTexts();

        assert.equal(story.length, 4, story.join('\n'));
        assert.match(story[0], /A call of Nightly sync #\d+ was refused/);
        assert.ok(story[1].includes(`was superseded by Lead router #${
            nth(3)}`), story[1]);
        assert.match(story[2], /refreshed its tokens/);
        assert.match(story[3], /connected as integration@acme\.example/);

        const advice = await page.locator('.advice').innerText();

        assert.match(advice, /Retrying does not help/);
        assert.ok(advice.includes('Its owner holds the place with Nightly '
                                  + `sync #${nth(6)}`), advice);
        assert.match(advice, /Ask: Integration team/);
        assert.match(await page.locator('dl').innerText(),
                     /from 127\.0\.0\.1, recipe-runner\/7/);
        await picture(page, 'story');
        await quiet(page);
    });


    test('of a winner tells whose place it took', async () => {
        const page = await show(`?connection=${nth(3)}`);

        await page.locator('ol.story li').nth(2).waitFor();
        assert.ok((await page.locator('ol.story').innerText()).includes(
            `Took the place of Nightly sync #${nth(2)}`));
        assert.ok((await page.locator('.advice').innerText()).includes(
            `Connecting again would end Nightly sync #${nth(6)}`));
        await quiet(page);
    });


    test('of nothing says so', async () => {
        const page = await open(browser, url('?connection=4711'));

        assert.match(await page.getByRole('alert').innerText(),
                     /Nothing is known under this name/);
        await page.context().close();
    });
});


describe('slots', () => {
    test('tell what the next connect would end', async () => {
        const page = await show('?view=slots');

        await rows(page).first().waitFor();

        const text = await page.locator('tbody').innerText();

        assert.match(text, /tenant books, client platform[^]*1 of 1/);
        assert.ok(text.includes(`ends Expenses #${nth(8)}`), text);
        assert.equal(await rows(page).count(), 3);
        await quiet(page);
    });


    test('that are fought over are drawn as that', async () => {
        const page = await show('?view=contested');
        const fight = page.locator('.fight');

        await fight.waitFor();
        assert.match(await fight.innerText(), /user integration@acme/);
        assert.ok((await fight.innerText()).includes(
            `ends Nightly sync #${nth(6)}`));
        assert.equal(await fight.locator('li').count(), 4);
        assert.ok((await fight.locator('li').first().innerText()).startsWith(
            `Lead router #${nth(3)} ended Nightly sync #${nth(2)}`));

        /* the ball goes there and back: two lanes, five turns */

        const points = (await fight.locator('polyline')
            .getAttribute('points')).split(' ');
        const lanes = points.map(p => Number(p.split(',')[0]));

        assert.equal(new Set(lanes).size, 2);
        assert.equal(lanes.filter((x, i) => i && x !== lanes[i - 1]).length,
                     4);
        assert.equal(await fight.getByRole('img', {
            name: /took this place from each other, 4 times/ }).count(), 1);
        await picture(page, 'contested');
        await quiet(page);
    });
});


describe('markup', () => {
    test('shows markup as the text that it is', async () => {
        await connect('crm', Object.keys(users).at(-1), '<b>bold</b>');

        const page = await show('?owner=%3Cb%3Ebold%3C%2Fb%3E');

        await rows(page).first().waitFor();
        assert.match(await rows(page).first().innerText(),
                     /<b>bold<\/b> #\d+[^]*<img src=x onerror=alert\(1\)>/);
        assert.equal(await page.locator('main b, main img').count(), 0);
        await quiet(page);
    });
});


describe('live', () => {
    for (const [what, place] of [['by a stream', '/oauth/'],
                                 ['without a slash', '/look'],
                                 ['by asking', '/polled/']]) {
        test(`a supersession is shown at once, ${what}`, async () => {
            const page = await open(browser,
                                    `${gateway.url}${place}?user=bob@books`
                                    + '.example&state=live');
            const polled = place === '/polled/';

            await page.locator('#live.on').waitFor();
            await rows(page).first().waitFor();

            const row = rows(page).first();

            assert.match(await row.innerText(), /live/);
            await connect('books', 'ann@books.example', 'Payroll');

            /* within a second of the exchange's answer */

            const end = polled ? 3500 : 1000;

            await row.locator('.state.superseded').waitFor({ timeout: end });
            assert.match(await page.locator('#feed').innerText(),
                         /Expenses #\d+ was superseded by Payroll #\d+/);

            if (polled) {
                page.complaints = page.complaints.filter(
                    text => !/status of 503/.test(text));
            }

            await quiet(page);
            await connect('books', 'bob@books.example', 'Expenses');
        });
    }


    test('a new connection enters the list', async () => {
        const page = await show();

        await rows(page).first().waitFor();
        await connect('crm', 'crm@acme.example', 'Fresh');
        await rows(page).first().getByText('Fresh').waitFor();
        assert.match(await page.locator('#feed').innerText(),
                     /Fresh #\d+ connected as crm@acme\.example/);
        assert.match(await page.locator('#said').innerText(),
                     /Invoice export #1 was superseded by Fresh/);
        await quiet(page);
    });


    test('what happens while nobody looks is caught up with', async () => {
        const page = await show();
        const hidden = value => page.evaluate(value => {
            Object.defineProperty(document, 'hidden', {
                value, configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }, value);

        await rows(page).first().waitFor();
        await hidden(true);
        await page.getByText('Paused').waitFor();
        await connect('crm', 'crm@acme.example', 'Meanwhile');
        await sleep(600);
        assert.equal(await page.getByText('Meanwhile').count(), 0);

        await hidden(false);
        await page.locator('#feed').getByText('Meanwhile').first().waitFor();
        await rows(page).first().getByText('Meanwhile').waitFor();
        await page.locator('#live.on').waitFor();
        await quiet(page);
    });


    test('much at once is followed too', async () => {
        const page = await show();

        await rows(page).first().waitFor();
        await Promise.all(Array.from({ length: 40 }, (_, i) =>
            connect('crm', Object.keys(users)[i % 2], `Crowd ${i}`)));

        const [{ id }] = await list('limit=1');

        await page.locator(`tr[data-id="${id}"]`).waitFor();

        const live = (await list('state=live')).map(item => item.id).sort();

        await until(async () => {
            const shown = await page.locator('tr:has(.state.live)')
                .evaluateAll(all => all.map(row => row.dataset.id).sort());

            return shown.join() === live.join();
        }, 8000, 'the list to tell what is so');
        assert.equal(await page.locator('#feed li').count(), 20);
        await quiet(page);
    });


    test('a reload of nginx does not end it', async () => {
        const page = await show();

        await gateway.reload();
        await page.locator('#live.on').waitFor();
        await connect('crm', 'crm@acme.example', 'After reload');
        await page.locator('#feed').getByText('After reload').first()
            .waitFor();
        await page.context().close();
    });
});


describe('orders', () => {
    test('are given after a confirmation', async () => {
        await connect('crm', 'crm@acme.example', 'To release');

        const [{ id }] = await list('owner=To+release&state=live');
        const page = await show(`?connection=${id}`);
        const dialog = page.getByRole('dialog');

        await page.getByRole('button', { name: 'Release' }).click();
        await dialog.getByText('Release the connection of To release?')
            .waitFor();
        await dialog.getByRole('button', { name: 'Cancel' }).click();
        await dialog.waitFor({ state: 'hidden' });
        assert.equal((await list('owner=To+release'))[0].state, 'live');

        await page.getByRole('button', { name: 'Release' }).click();
        await dialog.getByRole('button', { name: 'Release' }).click();
        await page.locator('dl .state.revoked').waitFor();
        assert.equal((await list('owner=To+release'))[0].state, 'revoked');
        await page.locator('ol.story').getByText('was released').waitFor();

        await page.getByRole('button', { name: 'Reinstate' }).click();
        await dialog.getByRole('button', { name: 'Reinstate' }).click();
        await page.locator('dl .state.live').waitFor();
        assert.equal((await list('owner=To+release'))[0].state, 'live');
        await quiet(page);
    });


    test('are not offered where writing is off', async () => {
        const page = await open(browser, `${gateway.url}/look?connection=${nth(2)}`);

        await page.locator('.advice').waitFor();
        assert.equal(await page.locator('main button').count(), 0);
        await quiet(page);
    });
});


describe('for everybody', () => {
    test('by keyboard alone, from the list to a release', async () => {
        await connect('crm', 'crm@acme.example', 'By keyboard');

        const page = await show();
        const tab = async (until, key = 'Tab') => {
            for (let i = 0; i < 60; i++) {
                await page.keyboard.press(key);

                const focus = await page.evaluate(() => ({
                    text: document.activeElement.textContent.trim(),
                    name: document.activeElement.getAttribute('name'),
                    outline: getComputedStyle(document.activeElement)
                        .outlineStyle,
                }));

                if (until(focus)) {
                    assert.notEqual(focus.outline, 'none');
                    return;
                }
            }

            throw new Error('never had the focus');
        };

        await rows(page).first().waitFor();
        await tab(f => f.text === 'Skip to the content');
        await tab(f => f.name === 'owner');
        await page.keyboard.type('By keyboard');
        await page.keyboard.press('Enter');
        await until(async () => await rows(page).count() === 1);
        await tab(f => /^By keyboard #/.test(f.text));
        await page.keyboard.press('Enter');
        await page.getByRole('button', { name: 'Release' }).waitFor();
        await tab(f => f.text === 'Release');
        await page.keyboard.press('Enter');
        await page.getByRole('dialog').waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'hidden' });
        assert.equal(await page.evaluate(
            () => document.activeElement.textContent), 'Release');
        await page.keyboard.press('Enter');
        await page.getByRole('dialog').waitFor();
        await tab(f => f.text === 'Release');
        await page.keyboard.press('Enter');
        await page.locator('dl .state.revoked').waitFor();
        await quiet(page);
    });


    for (const [what, options] of [
        ['light', {}],
        ['dark', { colorScheme: 'dark' }],
        ['narrow', { viewport: { width: 320, height: 640 } }],
    ]) {
        test(`axe-core finds nothing serious: ${what}`, async () => {
            for (const query of ['', `?connection=${nth(2)}`,
                                 '?view=slots', '?view=contested'])
            {
                const page = await show(query, options);

                await page.locator('tbody tr, .story li, .fight').first()
                    .waitFor();

                assert.deepEqual(await findings(page), [], query);

                const wide = await page.evaluate(() =>
                    document.documentElement.scrollWidth - innerWidth);

                assert.ok(wide <= 0, `${query} is ${wide} px too wide`);
                await quiet(page);
            }
        });
    }


    test('dark where the reader wants it dark', async () => {
        for (const [colorScheme, dark] of [['light', false],
                                           ['dark', true]])
        {
            const page = await show('', { colorScheme });
            const back = await page.evaluate(() => getComputedStyle(
                document.body).backgroundColor.match(/\d+/g).map(Number));

            assert.equal(back[0] < 80, dark, String(back));
            await quiet(page);
        }
    });


    test('still where the reader wants it still', async () => {
        for (const [reducedMotion, name] of [['no-preference', 'new'],
                                             ['reduce', 'none']])
        {
            const page = await show('', { reducedMotion });

            await connect('crm', 'crm@acme.example', 'Moving');
            await page.locator('tr.new').first().waitFor();
            assert.equal(await page.evaluate(() => getComputedStyle(
                document.querySelector('tr.new')).animationName), name);
            await quiet(page);
        }
    });
});


test('many connections: a page at a time', async () => {
    for (let i = 0; i < 230; i++) {
        await connect('crm', 'crm@acme.example', `Many ${i}`);
    }

    const page = await show();

    await rows(page).nth(99).waitFor();
    assert.equal(await rows(page).count(), 100);
    assert.match(await page.locator('caption').innerText(), /more/);

    const seen = new Set();

    for (let i = 0; i < 3; i++) {
        for (const id of await rows(page).evaluateAll(all =>
            all.map(row => row.dataset.id)))
        {
            assert.ok(!seen.has(id), id);
            seen.add(id);
        }

        if (i < 2) {
            const top = await rows(page).first().getAttribute('data-id');

            await page.getByRole('link', { name: 'More' }).click();
            await page.locator(`tr[data-id="${top}"]`)
                .waitFor({ state: 'detached' });
            await rows(page).first().waitFor();
        }
    }

    assert.equal(seen.size, (await list('limit=1000')).length);

    await page.getByRole('link', { name: 'Newest' }).click();
    await rows(page).first().getByText('Many 229').waitFor();

    /* and what comes in meanwhile does not make it longer */

    for (let i = 0; i < 5; i++) {
        await connect('crm', 'crm@acme.example', `Late ${i}`);
    }

    await rows(page).first().getByText('Late 4').waitFor();
    assert.equal(await rows(page).count(), 100);
    await quiet(page);
});
