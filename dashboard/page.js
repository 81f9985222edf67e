/*
 * The connections page.  What it shows is the query string of its own URL:
 * view, filters and cursor; so links, history and bookmarks work.  All text
 * comes in as text nodes: nothing of the ledger is ever read as HTML.
 */

const PAGE = 100;               /* rows in the document at a time */
const LOOKS = 10;               /* pages without a match before we ask */
const FEED = 20;
const STORY = 50;
const STORY_MAX = 1000;
const MISSED = 500;
const LANES = 6;
const FILTERS = ['provider', 'state', 'owner', 'user', 'tenant', 'client'];
const STATES = ['live', 'superseded', 'revoked', 'broken', 'expired'];
const TYPES = ['connected', 'refreshed', 'replayed', 'joined', 'superseded',
    'rejected', 'flagged', 'healed', 'revoked', 'released', 'reinstated',
    'broken', 'repaired', 'expired', 'contradicted', 'contested', 'bound',
    'unrecorded', 'takeover_rejected'];

/* what may come often: it is shown, but not read out */
const COMMON = new Set(['connected', 'refreshed', 'replayed', 'joined',
    'rejected', 'flagged', 'healed', 'bound', 'expired']);

const base = location.pathname.replace(/\/*$/, '/');
const at = id => document.getElementById(id);

let about = { write: false, providers: [], last_event: 0 };
let skew = 0;                   /* the gateway's clock minus ours, ms */
let drawn = 0;                  /* the view that answers may still change */
let view = { event: () => {}, reload: () => {} };
let source = null;              /* of events */
let asking = 0;                 /* the timer in its place */


/* Documents */

function el(name, attributes, ...inside) {
    const e = document.createElement(name);

    for (const [key, value] of Object.entries(attributes ?? {})) {
        if (value === true) {
            e.setAttribute(key, '');

        } else if (value !== false && value != null) {
            e.setAttribute(key, value);
        }
    }

    e.append(...inside.flat().filter(child => child != null));

    return e;
}


function svg(name, attributes, ...inside) {
    const e = document.createElementNS('http://www.w3.org/2000/svg', name);

    for (const [key, value] of Object.entries(attributes)) {
        e.setAttribute(key, value);
    }

    e.append(...inside);

    return e;
}


const link = (query, ...inside) => el('a', { href: query }, ...inside);
const owner = name => name ?? 'unknown owner';
const plural = (n, one, many) => `${n} ${n === 1 ? one : many}`;


/** A connection by its owner and number, as a link to its story. */
function who(id, name) {
    if (id == null) {
        return owner(name);
    }

    const number = el('span', { class: 'id' }, `#${id}`);

    return link(`?connection=${encodeURIComponent(id)}`, owner(name), ' ',
                number);
}


/* Time */

const now = () => Date.now() + skew;


function age(text) {
    const seconds = Math.max(0, (now() - Date.parse(text)) / 1000);

    if (seconds < 10) {
        return 'a moment';
    }

    for (const [unit, size] of [['d', 86400], ['h', 3600], ['min', 60]]) {
        if (seconds >= size) {
            return `${Math.floor(seconds / size)} ${unit}`;
        }
    }

    return `${Math.floor(seconds)} s`;
}


const exact = text => new Date(text).toLocaleString(undefined, {
    dateStyle: 'medium', timeStyle: 'medium',
});


/** "3 min ago", which goes on counting. */
function ago(text) {
    if (text == null) {
        return el('span', { class: 'quiet' }, 'unknown');
    }

    return el('time', { datetime: text, title: exact(text), 'data-ago': true },
              `${age(text)} ago`);
}


setInterval(() => {
    for (const e of document.querySelectorAll('time[data-ago]')) {
        e.textContent = `${age(e.dateTime)} ago`;
    }
}, 10000);


/* The API */

async function api(path, options = {}) {
    const answer = await fetch(base + path, {
        ...options, headers: { Accept: 'application/json' },
    });
    const body = await answer.json().catch(() => ({}));

    if (!answer.ok) {
        throw new Error(body.detail ?? `The gateway answered ${answer.status}`);
    }

    return body;
}


const query = parameters => new URLSearchParams(
    Object.entries(parameters).filter(([, value]) => value)).toString();

const connection = id => api(`connections/${encodeURIComponent(id)}`);


/* What happened, in words */

function sentence(event, self) {
    const me = who(event.connection, event.owner);
    const other = event.other
        ? who(event.other.connection, event.other.owner) : 'unknown owner';
    const times = event.count > 1 ? `, ${event.count} times` : '';
    const user = event.user ? ` as ${event.user}` : '';

    switch (event.type) {

    case 'connected':
        return [me, event.adopted ? ' was seen for the first time'
                                  : ` connected${user}`];

    case 'refreshed':
        return [me, ` refreshed its tokens${times}`];

    case 'replayed':
        return [me, ` was given an answer again that had got lost${times}`];

    case 'joined':
        return [me, ` waited for a refresh under way${times}`];

    case 'superseded':
        if (self !== undefined && self === event.other?.connection) {
            return ['Took the place of ', me,
                    event.reconnect ? ', its own older connection' : ''];
        }

        if (event.undecided) {
            return [me, ' may have been superseded by ', other,
                    ': both connected at the same time'];
        }

        return [me, event.reconnect ? ' was replaced by its own reconnect '
                                    : ' was superseded by ', other];

    case 'rejected':
        return ['A call of ', me, ` was refused${times}`];

    case 'flagged':
        return ['A call of ', me, ` was passed on and marked${times}`];

    case 'healed':
        return ['A call of ', me, ' was given the live tokens',
                event.other ? [' of ', other] : '', times].flat();

    case 'revoked':
        return [me, ' was revoked by its runner'];

    case 'released':
        return [me, ' was released by an operator'];

    case 'reinstated':
        return [me, ' was reinstated by an operator'];

    case 'broken':
        return [me, ' was refused by the provider, and nothing seen here '
                    + 'ended it'];

    case 'repaired':
        return [me, ' is accepted by the provider again'];

    case 'expired':
        return [me, ' ended: its last token ran out'];

    case 'contradicted':
        return ['The provider accepted ', me, ' although the ledger had '
                + 'ended it: a limit may be configured wrongly'];

    case 'contested':
        return ['Owners take the place of each other again and again: ', me,
                event.other ? [' and ', other] : ''].flat();

    case 'bound':
        return [me, ` was found to belong to ${event.user ?? 'its user'}`];

    case 'unrecorded':
        return [`An exchange of ${owner(event.owner)} could not be recorded`];

    case 'takeover_rejected':
        return [`A connect of ${owner(event.other?.owner ?? event.owner)} was `
                + 'refused: it would have ended ', me];

    default:
        return [`${event.type}: `, me];
    }
}


function tone(type) {
    switch (type) {

    case 'connected': case 'repaired': case 'reinstated':
        return 'good';

    case 'superseded': case 'broken': case 'rejected': case 'revoked':
    case 'released':
        return 'bad';

    case 'contested': case 'contradicted': case 'flagged': case 'unrecorded':
    case 'takeover_rejected':
        return 'warn';

    default:
        return '';
    }
}


const APART = 'Give each owner an integration user of its own, one for each '
              + 'enterprise account; or let owners share one live connection '
              + '(heal).';


/** Whom the next connect of its owner would end. */
function cost(item) {
    const end = item.reconnect_ends;

    if (!end) {
        return ['Its place is free again: connecting again ends nobody.'];
    }

    if (item.owner && end.owner === item.owner) {
        return ['Its owner holds the place with ',
                who(end.connection, end.owner), ', and should use that.'];
    }

    return ['Connecting again would end ', who(end.connection, end.owner),
            ': ask that owner before.'];
}


/** What to do about a connection: { tone, text }. */
function advice(item) {
    switch (item.state) {

    case 'superseded':
        if (item.reason === 'reconnect') {
            return { text: 'Nothing to do: the same owner connected again, '
                           + 'and uses the newer connection.' };
        }

        if (item.reason === 'undecided') {
            return { tone: 'warn', text: 'Nothing yet: two connects '
                + 'overlapped, and the next answer of the provider tells '
                + 'which of them it kept.' };
        }

        return { tone: 'bad', text: ['Retrying does not help. ',
                                     ...cost(item), ` ${APART}`] };

    case 'revoked':
        return { text: 'It was ended on purpose. If it is still needed, '
                       + 'connect again.' };

    case 'broken':
        return { tone: 'bad', text: ['The provider refuses it, and nothing '
            + 'that was seen here ended it. Somebody may have connected '
            + 'outside of the gateway, or access was withdrawn. Find out who '
            + `uses ${item.user ?? 'this user'}, then connect again. `,
            ...cost(item)] };

    case 'expired':
        return { text: item.reason === 'idle'
            ? 'Nobody used it for long. If it is still needed, connect again.'
            : 'Its last token ran out. If it is still needed, connect '
              + 'again.' };

    default:
        return item.contested
            ? { tone: 'warn', text: 'Owners take this place from each other: '
                + `the next connect will end this connection. ${APART}` }
            : { text: 'Nothing to do.' };
    }
}


function badges(item) {
    return [
        el('span', { class: `state ${item.state}` }, item.state),
        item.superseded_by
            ? [' by ', link(`?connection=${item.superseded_by}`,
                            `#${item.superseded_by}`)] : [],
        item.contested ? [' ', el('span', { class: 'contested' },
                                  'contested')] : [],
    ].flat();
}


/* The list */

function filterForm(values) {
    const field = (name, input) => el('div', {},
        el('label', { for: `f-${name}` }, name), input);
    const choice = (name, words) => el('select', { id: `f-${name}`, name },
        el('option', { value: '' }, 'any'),
        [...new Set([...words, values[name]])].filter(Boolean).map(word =>
            el('option', { value: word, selected: word === values[name] },
               word)));

    const form = el('form', { class: 'filter', role: 'search',
                              'aria-label': 'Filter' },
        FILTERS.map(name => field(name,
            name === 'provider' ? choice(name, about.providers.map(p => p.name))
            : name === 'state' ? choice(name, STATES)
            : el('input', { id: `f-${name}`, name, value: values[name] ?? '',
                            autocomplete: 'off', spellcheck: 'false' }))),
        el('p', { class: 'buttons' }, el('button', {}, 'Filter'),
           link('?', 'Clear')));

    form.addEventListener('submit', e => {
        e.preventDefault();
        go(`?${query(Object.fromEntries(new FormData(form)))}`);
    });

    return form;
}


function fillRow(row, item) {
    const cell = (name, ...inside) =>
        el('td', { role: 'cell', 'data-name': name }, ...inside);

    row.dataset.id = item.id;
    row.replaceChildren(
        el('th', { scope: 'row', role: 'rowheader' },
           who(item.id, item.owner)),
        cell('state', badges(item)),
        cell('user', item.user ?? item.login ?? 'unknown'),
        cell('tenant', item.tenant ?? 'unknown'),
        cell('provider', item.provider),
        cell('connected', ago(item.opened_at)),
        cell('last used', ago(item.last_used_at)));

    return row;
}


function newRow(item) {
    return fillRow(el('tr', { role: 'row' }), item);
}


/** Again what an animation may have shown before. */
function flash(e) {
    e.classList.remove('new');
    void e.offsetWidth;
    e.classList.add('new');
}


async function listView(main, search) {
    const mine = drawn;
    const values = Object.fromEntries(FILTERS.map(n => [n, search.get(n)]));
    const rows = el('tbody', { role: 'rowgroup' });
    const caption = el('caption', {}, 'Loading');
    const more = el('p');
    const touched = new Set();
    let timer = null;
    let pause = 200;

    main.append(el('h1', { tabindex: -1 }, 'Connections'), filterForm(values),
        el('table', { role: 'table' }, caption,
           el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' },
              ['owner', 'state', 'user', 'tenant', 'provider', 'connected',
               'last used'].map(name =>
                  el('th', { scope: 'col', role: 'columnheader' }, name)))),
           rows),
        more);

    const load = async () => {
        const items = [];
        let after = search.get('after');
        let looks = 0;

        /* a page may be short, even empty, and still have a next */

        do {
            const page = await api(`connections?${query({
                ...values, after, limit: PAGE - items.length })}`);

            items.push(...page.items);
            after = page.next;

        } while (after && items.length < PAGE && ++looks < LOOKS);

        if (mine !== drawn) {
            return;
        }

        rows.replaceChildren(...items.map(newRow));
        caption.textContent = items.length
            ? `${plural(items.length, 'connection', 'connections')}, newest `
              + `first${after ? '; there are more' : ''}`
            : after ? 'None among those looked at so far' : 'None';
        more.replaceChildren(
            ...after ? [link(`?${query({ ...values, after })}`, 'More')] : [],
            ...search.get('after')
                ? [after ? ' ' : '', link(`?${query(values)}`, 'Newest')] : []);
    };

    const matches = item => FILTERS.every(name =>
        !values[name] || values[name] === item[name]);
    const rowOf = id => rows.querySelector(`[data-id="${CSS.escape(id)}"]`);

    const update = async () => {
        const ids = [...touched];

        timer = null;
        touched.clear();

        /* much is going on: the whole list, and not that often */

        pause = ids.length > 20 ? 3000 : 200;

        if (ids.length > 20) {
            return load();
        }

        const items = await Promise.all(ids.map(id =>
            connection(id).catch(() => null)));

        if (mine !== drawn) {
            return;
        }

        for (const item of items.filter(Boolean)) {
            const row = rowOf(item.id);

            if (row) {
                const focused = row.contains(document.activeElement);

                flash(fillRow(row, item));

                if (focused) {
                    row.querySelector('a').focus();
                }

            } else if (matches(item) && !search.get('after')) {
                const fresh = newRow(item);

                rows.prepend(fresh);
                flash(fresh);

                if (rows.children.length > PAGE) {
                    rows.lastChild.remove();
                }
            }
        }
    };

    view = {
        reload: load,
        event(event) {
            for (const id of [event.connection, event.other?.connection]) {
                if (id && (rowOf(id) || event.type === 'connected')) {
                    touched.add(id);
                }
            }

            /* soon after the first, once for all that come meanwhile */
            timer ??= touched.size ? setTimeout(() => act(update), pause)
                                  : null;
        },
    };

    await load();
}


/* Slots */

const keysOf = slot => Object.entries(slot.keys).map(([key, value]) =>
    `${key} ${value ?? 'unknown'}`).join(', ');


async function pages(main, path, search, draw) {
    const list = el('div');
    const more = el('p');
    const mine = drawn;

    main.append(list, more);

    const load = async () => {
        const items = [];
        let after = search.get('after');
        let looks = 0;

        do {
            const page = await api(`slots?${query({
                contested: path, after, limit: PAGE - items.length })}`);

            items.push(...page.items);
            after = page.next;

        } while (after && items.length < PAGE && ++looks < LOOKS);

        if (mine !== drawn) {
            return;
        }

        const name = path ? 'contested' : 'slots';

        draw(list, items);
        more.replaceChildren(
            ...after ? [link(`?${query({ view: name, after })}`, 'More')] : [],
            ...search.get('after')
                ? [after ? ' ' : '', link(`?view=${name}`, 'First')] : []);
    };

    const changes = new Set(['connected', 'superseded', 'contested',
        'released', 'reinstated', 'revoked', 'broken', 'repaired', 'expired',
        'bound', 'contradicted']);
    let timer = null;

    view = {
        reload: load,
        event(event) {
            if (changes.has(event.type)) {
                timer ??= setTimeout(() => {
                    timer = null;
                    act(load);
                }, 400);
            }
        },
    };

    await load();
}


function slotRow(slot) {
    const cell = (name, ...inside) =>
        el('td', { role: 'cell', 'data-name': name }, ...inside);

    return el('tr', { role: 'row' },
        el('th', { scope: 'row', role: 'rowheader' }, keysOf(slot)),
        cell('provider', slot.provider),
        cell('live', `${slot.held} of ${slot.limit.n}`,
             slot.contested ? [' ', el('span', { class: 'contested' },
                                       'contested')] : []),
        cell('the next connect', ...slot.next_evicted
            ? ['ends ', who(slot.next_evicted.connection,
                            slot.next_evicted.owner)]
            : ['ends nobody']));
}


function slotsView(main, search) {
    main.append(el('h1', { tabindex: -1 }, 'Slots'),
        el('p', {}, 'A slot is what live connections share a limit in. When '
                    + 'it is full, the next connect ends the oldest.'));

    return pages(main, '', search, (list, items) => {
        list.replaceChildren(items.length
            ? el('table', { role: 'table' },
                el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' },
                   ['slot', 'provider', 'live', 'the next connect'].map(name =>
                      el('th', { scope: 'col', role: 'columnheader' }, name)))),
                el('tbody', { role: 'rowgroup' }, items.map(slotRow)))
            : el('p', {}, 'No connection is live.'));
    });
}


/** The ball goes from the loser to the winner of each fight. */
function pingPong(fights) {
    const names = [];

    for (const fight of fights) {
        for (const side of [fight.loser, fight.winner]) {
            if (!names.includes(owner(side.owner))) {
                names.push(owner(side.owner));
            }
        }
    }

    const lanes = Math.min(names.length, LANES);
    const x = side => (Math.min(names.indexOf(owner(side.owner)), lanes - 1)
                       + .5) * 320 / lanes;
    const y = i => 46 + i * 30;
    const bottom = y(fights.length) + 12;
    const label = (name, i) => i === LANES - 1 && names.length > LANES
        ? 'others' : name.length > 60 / lanes
            ? `${name.slice(0, 60 / lanes - 1)}\u2026` : name;
    const points = [`${x(fights[0].loser)},30`];
    const picture = svg('svg', { viewBox: `0 0 320 ${bottom + 4}`, role: 'img',
        'aria-label': `${names.join(' and ')} took this place from each `
            + `other, ${plural(fights.length, 'time', 'times')}. The list `
            + 'tells when.' });

    names.slice(0, lanes).forEach((name, i) => {
        const middle = (i + .5) * 320 / lanes;

        picture.append(
            svg('text', { x: middle, y: 16 }, label(name, i)),
            svg('line', { class: 'lane', x1: middle, x2: middle, y1: 24,
                          y2: bottom }));
    });

    const marks = fights.map((fight, i) => {
        const [from, to] = [x(fight.loser), x(fight.winner)];

        points.push(`${from},${y(i)}`, `${to},${y(i) + 8}`);

        return svg('g', {},
            svg('path', { class: 'lost', d: `M${from - 5} ${y(i) - 5}l10 10m0`
                                            + '-10l-10 10' }),
            svg('circle', { cx: to, cy: y(i) + 8, r: 5,
                class: i === fights.length - 1 ? 'holds' : 'won' }));
    });

    points.push(`${x(fights.at(-1).winner)},${bottom}`);
    picture.append(svg('polyline', { class: 'ball',
                                     points: points.join(' ') }), ...marks);

    return picture;
}


function fightView(slot) {
    const fights = [...slot.history].reverse();
    const contact = about.providers.find(p => p.name === slot.provider);

    return el('section', { class: 'fight' },
        el('h2', {}, `${slot.provider}: ${keysOf(slot)}`),
        el('p', {}, el('span', { class: 'contested' }, 'contested'),
           ` ${slot.held} of ${slot.limit.n} live. The next connect `,
           ...slot.next_evicted
               ? ['ends ', who(slot.next_evicted.connection,
                               slot.next_evicted.owner), '.']
               : ['ends nobody.']),
        fights.length ? pingPong(fights) : null,
        el('ol', {}, fights.map(fight => el('li', {},
            who(fight.winner.connection, fight.winner.owner), ' ended ',
            who(fight.loser.connection, fight.loser.owner), ' ',
            el('time', { datetime: fight.at, class: 'quiet' },
               exact(fight.at))))),
        el('p', { class: 'advice warn' }, APART, ...ask(contact)));
}


function contestedView(main, search) {
    main.append(el('h1', { tabindex: -1 }, 'Contested slots'),
        el('p', {}, 'Owners that take the same place from each other. Each '
                    + 'connect repairs one of them and breaks another.'));

    return pages(main, '1', search, (list, items) => {
        list.replaceChildren(...items.length ? items.map(fightView)
            : [el('p', {}, 'No slot is contested.')]);
    });
}


/** Whom to ask, as the provider's block says. */
function ask(provider) {
    const text = [];

    if (provider?.contact) {
        text.push(` Ask: ${provider.contact}.`);
    }

    /* never one that runs, whatever stands in a configuration */

    if (/^https?:\/\//i.test(provider?.link ?? '')) {
        text.push(' ', el('a', { href: provider.link, rel: 'noreferrer' },
                          'Reconnect or release'), '.');
    }

    return text;
}


/* The story of a connection */

function details(item) {
    const from = [item.opened_from.address, item.opened_from.user_agent]
        .filter(Boolean).join(', ');
    const rows = [
        ['state', badges(item)],
        ['owner', owner(item.owner)],
        ['user', item.user ?? 'unknown'],
        ['login', item.login],
        ['tenant', item.tenant ?? 'unknown'],
        ['provider', item.provider],
        ['client', item.client],
        ['grant', item.grant],
        ['scope', item.scope],
        ['connected', item.adopted ? 'before the gateway saw it'
                                   : [ago(item.opened_at),
                                      from ? ` from ${from}` : '']],
        ['refreshed', item.refreshed_at && ago(item.refreshed_at)],
        ['last used', ago(item.last_used_at)],
        ['ends', item.expires_at && exact(item.expires_at)],
        ['ended', item.ended_at && ago(item.ended_at)],
    ];

    return el('dl', {}, rows.filter(([, value]) => value).map(
        ([name, value]) => [el('dt', {}, name),
                            el('dd', {}, ...[value].flat())]).flat());
}


const orders = {
    release: {
        states: ['live', 'broken'], word: 'Release',
        title: item => `Release the connection of ${owner(item.owner)}?`,
        text: 'The ledger ends it here: its place is free, and calls with '
              + 'its tokens are refused where the gateway refuses. The '
              + 'provider is not told.',
    },
    reinstate: {
        states: ['superseded', 'broken', 'revoked'], word: 'Reinstate',
        title: item => `Reinstate the connection of ${owner(item.owner)}?`,
        text: 'For a ledger that was wrong: the connection counts as live '
              + 'again, and its calls go through. That does not bring a '
              + 'connection back that the provider has ended.',
    },
};


function buttons(item, done) {
    const offered = Object.entries(orders).filter(([, order]) =>
        order.states.includes(item.state)
        && (item.state !== 'revoked' || item.reason === 'released'));

    return el('p', { class: 'buttons' }, offered.map(([name, order]) => {
        const button = el('button', { type: 'button' }, order.word);

        button.addEventListener('click', async () => {
            if (await confirmed(order.word, order.title(item), order.text)) {
                act(async () => {
                    await api(`connections/${item.id}/${name}`,
                              { method: 'POST' });
                    say(`${order.word}d`);
                    await done();
                });
            }
        });

        return button;
    }));
}


function confirmed(word, title, text) {
    const dialog = at('ask');

    at('ask-title').textContent = title;
    at('ask-text').textContent = text;
    at('ask-yes').textContent = word;
    dialog.returnValue = 'no';
    dialog.showModal();

    return new Promise(resolve => dialog.addEventListener('close',
        () => resolve(dialog.returnValue === 'yes'), { once: true }));
}


/** An event of a story; several of one kind in a row are one entry. */
function entry(event, id) {
    return el('li', { class: tone(event.type) },
        el('time', { datetime: event.at }, exact(event.at)),
        el('span', {}, ...sentence(event, id)));
}


const alike = (a, b) => a.type === b.type && COMMON.has(a.type)
    && a.type !== 'connected' && a.other?.connection === b.other?.connection;


function storyList(id) {
    const list = el('ol', { class: 'story' });
    let newest = null;
    let oldest = null;

    const place = (event, top) => {
        const next = top ? newest : oldest;

        if (next && alike(next.event, event)) {
            next.event = { ...next.event, at: top ? event.at : next.event.at,
                           count: next.event.count + event.count };

            const fresh = entry(next.event, id);

            next.element.replaceWith(fresh);
            next.element = fresh;
            return next;
        }

        const made = { event, element: entry(event, id) };

        list[top ? 'prepend' : 'append'](made.element);
        newest = top || !newest ? made : newest;
        oldest = top && oldest ? oldest : made;

        return made;
    };

    return { list, place };
}


async function storyView(main, search) {
    const mine = drawn;
    const id = search.get('connection');
    const title = el('h1', { tabindex: -1 }, `Connection ${id}`);
    const facts = el('div');
    const more = el('p');
    const story = storyList(id);
    let next = null;
    let last = 0;
    let shown = 0;
    let shape = '';

    main.append(title, facts, el('h2', {}, 'Its story, newest first'),
                story.list, more);

    const load = async () => {
        const item = await connection(id);
        const text = advice(item);
        const provider = about.providers.find(p => p.name === item.provider);

        if (mine !== drawn) {
            return;
        }

        title.replaceChildren(owner(item.owner), ' ',
                              el('span', { class: 'id' }, `#${id}`));

        /* a button that has the focus stays while it means the same */

        const fresh = details(item);
        const now = [item.state, item.reason, item.contested,
                     item.reconnect_ends?.connection].join();

        if (shape === now) {
            facts.querySelector('dl').replaceWith(fresh);
            return;
        }

        shape = now;
        facts.replaceChildren(fresh,
            el('h2', {}, 'What to do'),
            el('p', { class: `advice ${text.tone ?? ''}` },
               ...[text.text].flat(),
               ...text.tone ? ask(provider) : []),
            about.write ? buttons(item, load) : '');
    };

    const page = async () => {
        const got = await api(`connections/${encodeURIComponent(id)}/events?${
            query({ after: next, limit: STORY })}`);

        if (mine !== drawn) {
            return;
        }

        for (const event of got.items) {
            last = Math.max(last, event.seq);
            story.place(event, false);
        }

        next = got.next;
        shown += got.items.length;
        more.replaceChildren();

        if (next && shown >= STORY_MAX) {
            more.append(`The ${shown} newest events are shown.`);

        } else if (next) {
            const button = el('button', { type: 'button' }, 'Earlier');

            button.addEventListener('click', () => act(page));
            more.append(button);

        } else if (shown === 0) {
            more.append('None of its events is kept any more.');
        }
    };

    const queue = [];

    view = {
        reload: load,
        event(event) {
            if (event.connection !== id && event.other?.connection !== id) {
                return;
            }

            queue.push(event);
            flush();
        },
    };

    let ready = false;

    const flush = () => {
        if (!ready) {
            return;
        }

        for (const event of queue.splice(0)) {
            if (event.seq > last) {
                last = event.seq;
                flash(story.place(event, true).element);
            }
        }

        act(load);
    };

    await load();
    await page();
    ready = true;
    queue.length && flush();
}


/* What happens meanwhile */

function say(text) {
    at('said').textContent = text;
}


function happened(event) {
    if (event.seq <= about.last_event) {
        return;
    }

    const feed = at('feed');
    const line = el('li', {}, el('time', { datetime: event.at },
        new Date(event.at).toLocaleTimeString()), ' ', ...sentence(event));

    about.last_event = event.seq;
    at('feed-none').hidden = true;
    feed.prepend(line);
    flash(line);

    while (feed.children.length > FEED) {
        feed.lastChild.remove();
    }

    if (!COMMON.has(event.type)) {
        say(line.textContent);
    }

    view.event(event);
}


function live(on, word) {
    at('live').className = on ? 'on' : '';
    at('live-word').textContent = word;
}


/**
 * A stream of events; where there can be none, we ask every two seconds.  A
 * page that nobody sees lets go of it: a browser has few connections to one
 * host, and a worker few streams.
 */
function follow() {
    if (document.hidden) {
        live(false, 'Paused');
        return;
    }

    source = new EventSource(`${base}events?after=${about.last_event}`);

    source.onopen = () => live(true, 'Live');

    source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) {
            poll(15);

        } else {
            live(false, 'Connecting again');
        }
    };

    for (const type of TYPES) {
        source.addEventListener(type, e => happened(JSON.parse(e.data)));
    }
}


async function poll(rounds) {
    let wait = 2000;

    try {
        const page = await api(`events?${query({ after: about.last_event,
                                                 limit: 100 })}`);

        live(true, 'Asking every 2 s');
        page.items.forEach(happened);
        wait = page.next ? 0 : wait;

    } catch {
        live(false, 'The gateway does not answer');
        wait = 5000;
    }

    if (document.hidden) {
        live(false, 'Paused');
        return;
    }

    asking = setTimeout(rounds ? () => poll(rounds - 1) : follow, wait);
}


async function seen() {
    const last = about.last_event;

    about = await api('');

    /* the few that were missed are told, many only by what is shown */

    if (about.last_event >= last && about.last_event - last < MISSED) {
        about.last_event = last;
    }

    follow();
    await view.reload();
}


function unseen() {
    clearTimeout(asking);
    source?.close();
    live(false, 'Paused');
}


/* The page itself */

async function act(work) {
    try {
        await work();

    } catch (e) {
        const main = at('main');

        main.querySelector('.problem')?.remove();
        main.append(el('p', { class: 'problem', role: 'alert' }, e.message));
    }
}


function draw() {
    const main = at('main');
    const search = new URLSearchParams(location.search);
    const name = search.get('connection') ? 'connection'
        : search.get('view') ?? 'connections';
    const show = { connection: storyView, slots: slotsView,
                   contested: contestedView }[name] ?? listView;

    drawn++;
    view = { event: () => {}, reload: () => {} };
    main.replaceChildren();

    for (const a of at('views').children) {
        const here = a.dataset.view === name;

        here ? a.setAttribute('aria-current', 'page')
             : a.removeAttribute('aria-current');
    }

    const done = act(() => show(main, search));
    const title = main.querySelector('h1');

    document.title = `${title?.textContent ?? 'Connections'} - OAuth gateway`;

    return done;
}


function go(query) {
    history.pushState(null, '', query === '?' ? location.pathname : query);

    const done = draw();

    scrollTo(0, 0);
    at('main').querySelector('h1')?.focus();

    return done;
}


document.addEventListener('click', e => {
    const a = e.target.closest?.('a');

    if (a && a.getAttribute('href').startsWith('?') && e.button === 0
        && !e.metaKey && !e.ctrlKey && !e.shiftKey && !e.altKey)
    {
        e.preventDefault();
        go(a.getAttribute('href'));
    }
});

addEventListener('popstate', draw);

document.addEventListener('visibilitychange', () => {
    unseen();

    if (!document.hidden) {
        act(seen);
    }
});


act(async () => {
    about = await api('');
    skew = Date.parse(about.at) - Date.now();
    await draw();
    follow();
});
