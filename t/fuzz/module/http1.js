/* HTTP/1.1 as bytes: the requests of one connection, pipelined, and worse. */


function one(choice, { method, path, headers, body }) {
    const fields = { Host: 'localhost', ...headers };
    let tail = Buffer.alloc(0);

    if (body) {
        const [type, text] = body;
        const bytes = Buffer.from(text);

        fields['Content-Type'] = type;

        if (choice.once(6)) {
            const cut = choice.int(bytes.length + 1);
            const parts = [bytes.subarray(0, cut), bytes.subarray(cut)];

            fields['Transfer-Encoding'] = 'chunked';
            tail = Buffer.concat([
                ...parts.filter(p => p.length).flatMap(p => [
                    Buffer.from(`${p.length.toString(16)}\r\n`), p,
                    Buffer.from('\r\n')]),
                Buffer.from('0\r\n\r\n')]);

        } else {
            fields['Content-Length'] = bytes.length;
            tail = bytes;
        }
    }

    const pairs = Object.entries(fields);

    return { pairs, line: `${method} ${path} HTTP/1.1\r\n`, tail };
}


function bytesOf({ line, pairs, tail }) {
    const head = pairs.map(([k, v]) => `${k}: ${v}\r\n`).join('');

    return Buffer.concat([Buffer.from(`${line}${head}\r\n`, 'latin1'), tail]);
}


/* What may end the connection. */
function rough(choice, made) {
    const { pairs } = made;

    switch (choice.int(4)) {
    case 0:
        pairs.push(['Expect', '100-continue']);
        break;
    case 1:
        pairs.push(choice.pick(pairs));
        break;
    case 2:
        pairs.push([choice.pick(['content-length', 'Transfer-Encoding',
                                 'authorization', 'Connection', 'X_Plan']),
                    choice.pick(['0', 'chunked', 'close', '5', 'x'])]);
        break;
    default:
        return choice.damage(bytesOf(made));
    }

    return bytesOf(made);
}


/**
 * The bytes of a whole connection, as parts to be sent in turn.  What ends a
 * connection stands last, so that the others are seen.
 */
export function http1(choice, requests) {
    const endless = r => r.headers.Accept === 'text/event-stream';

    requests.sort((a, b) => endless(a) - endless(b));

    const all = requests.map(r => one(choice, r));
    const last = all.pop();
    const bytes = Buffer.concat([...all.map(bytesOf),
                                 choice.once(3) ? rough(choice, last)
                                                : bytesOf(last)]);

    if (!choice.once(5) || bytes.length === 0) {
        return [bytes];
    }

    const parts = [];

    for (let at = 0; at < bytes.length && parts.length < 6; ) {
        const n = 1 + choice.int(bytes.length);

        parts.push(bytes.subarray(at, at + n));
        at += n;
    }

    return parts;
}


/** Counts the answers in what came back, roughly. */
export function answers1(bytes) {
    return (bytes.toString('latin1').match(/HTTP\/1\.1 [2-9]\d\d /g)
            ?? []).length;
}
