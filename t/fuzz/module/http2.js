/* HTTP/2 as frames (RFC 9113), by hand, since they are to be wrong as well. */

const DATA = 0, HEADERS = 1, PRIORITY = 2, RST_STREAM = 3, SETTINGS = 4;
const PUSH_PROMISE = 5, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8;
const CONTINUATION = 9;

const END_STREAM = 1, END_HEADERS = 4, PADDED = 8;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');


function frame(type, flags, stream, payload = Buffer.alloc(0)) {
    const head = Buffer.alloc(9);

    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);

    return Buffer.concat([head, payload]);
}


/* RFC 7541, section 5.1 */
function integer(value, bits, first) {
    const most = (1 << bits) - 1;

    if (value < most) {
        return Buffer.from([first | value]);
    }

    const bytes = [first | most];

    for (value -= most; value > 127; value >>= 7) {
        bytes.push(128 | (value & 127));
    }

    return Buffer.from([...bytes, value]);
}


/* A literal field without indexing: the peer's table stays as it is. */
function field(name, value) {
    const [n, v] = [Buffer.from(name.toLowerCase(), 'latin1'),
                    Buffer.from(String(value), 'latin1')];

    return Buffer.concat([Buffer.from([0]), integer(n.length, 7, 0), n,
                          integer(v.length, 7, 0), v]);
}


function headerBlock(choice, { method, path, headers, body }) {
    const fields = [[':method', method], [':scheme', 'http'],
                    [':path', path], [':authority', 'localhost'],
                    ...Object.entries(headers).filter(([k]) => k !== 'Host')];

    if (body) {
        fields.push(['content-type', body[0]]);

        if (choice.once(2)) {
            fields.push(['content-length',
                         choice.once(20) ? choice.int(100)
                                         : Buffer.byteLength(body[1])]);
        }
    }

    if (choice.once(30)) {
        fields.push(choice.pick([['connection', 'close'], ['te', 'trailers'],
                                 [':status', '200'], ['cookie', 'token=a'],
                                 ['transfer-encoding', 'chunked'],
                                 choice.pick(fields)]));
    }

    return Buffer.concat(fields.map(([k, v]) => field(k, v)));
}


function randomFrame(choice, stream) {
    const word = Buffer.alloc(4);

    word.writeUInt32BE(choice.pick([0, 1, 8, 65535, 0x7fffffff, 0xffffffff]));

    return choice.pick([
        () => frame(PING, choice.int(2), 0, Buffer.alloc(8)),
        () => frame(WINDOW_UPDATE, 0, choice.once(2) ? 0 : stream, word),
        () => frame(RST_STREAM, 0, stream, word),
        () => frame(PRIORITY, 0, stream, Buffer.from([0, 0, 0,
                                                      choice.int(9), 5])),
        () => frame(SETTINGS, 0, 0, Buffer.concat([
            Buffer.from([0, 1 + choice.int(7)]), word])),
        () => frame(GOAWAY, 0, 0, Buffer.alloc(8)),
        () => frame(PUSH_PROMISE, END_HEADERS, stream, word),
        () => frame(CONTINUATION, END_HEADERS, stream, word),
        () => frame(choice.int(256), choice.int(256), stream,
                    Buffer.alloc(choice.int(30))),
    ])();
}


/** The bytes of a whole connection, as parts to be sent in turn. */
export function http2(choice, requests) {
    const window = Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]);
    const frames = [PREFACE, frame(SETTINGS, 0, 0, window),
                    frame(WINDOW_UPDATE, 0, 0,
                          Buffer.from([0x7f, 0, 0, 0]))];

    requests.forEach((request, i) => {
        const stream = 2 * i + 1;
        const block = headerBlock(choice, request);
        const last = request.body ? 0 : END_STREAM;

        if (choice.once(8)) {
            const cut = choice.int(block.length);

            frames.push(frame(HEADERS, last, stream, block.subarray(0, cut)),
                        frame(CONTINUATION, END_HEADERS, stream,
                              block.subarray(cut)));
        } else {
            frames.push(frame(HEADERS, last | END_HEADERS, stream, block));
        }

        if (request.body) {
            const body = Buffer.from(request.body[1]);

            for (let at = 0; at < body.length; at += 16000) {
                frames.push(frame(DATA, 0, stream,
                                  body.subarray(at, at + 16000)));
            }

            frames.push(choice.once(6)
                ? frame(DATA, END_STREAM | PADDED, stream,
                        Buffer.from([3, 0, 0, 0]))
                : frame(DATA, END_STREAM, stream));
        }

        if (choice.once(12)) {
            frames.push(randomFrame(choice, stream));
        }
    });

    const damaged = choice.once(8);
    const bytes = damaged
        ? Buffer.concat([frames[0], frames[1],
                         choice.damage(Buffer.concat(frames.slice(2)))])
        : Buffer.concat(frames);

    if (!choice.once(6)) {
        return [bytes];
    }

    const cut = choice.int(bytes.length);

    return [bytes.subarray(0, cut), bytes.subarray(cut)];
}


/** Counts the streams that have ended in what came back. */
export function answers2(bytes) {
    let ended = 0;

    for (let at = 0; at + 9 <= bytes.length; ) {
        const len = bytes.readUIntBE(at, 3);

        ended += bytes[at + 3] === RST_STREAM
            || (bytes[at + 3] <= HEADERS && (bytes[at + 4] & END_STREAM) !== 0);
        at += 9 + len;
    }

    return ended;
}
