/*
 * The provider: a request says by its X-Plan which answer it gets, so that
 * the same seed meets the same answers.
 */

import net from 'node:net';

import { goodAnswer, randomAnswer } from './answers.js';
import { Choice } from './random.js';


export class Provider {
    /** `saw(path, headers, body)` is told of each request. */
    constructor({ path, seed, saw }) {
        this.path = path;
        this.seed = seed;
        this.saw = saw;
        this.requests = 0;
        this.good = new Map();
        this.server = net.createServer(socket => this.serve(socket));
    }


    listen() {
        return new Promise(resolve => this.server.listen(this.path, resolve));
    }


    close() {
        this.server.close();
    }


    serve(socket) {
        let input = Buffer.alloc(0);
        let head = null;

        socket.on('error', () => socket.destroy());
        socket.setTimeout(5000, () => socket.destroy());

        socket.on('data', data => {
            input = Buffer.concat([input, data]);

            if (head === null) {
                const end = input.indexOf('\r\n\r\n');

                if (end === -1) {
                    return;
                }

                head = this.parse(input.toString('latin1', 0, end));
                input = input.subarray(end + 4);
            }

            if (head.answered || !this.complete(head, input)) {
                return;
            }

            head.answered = true;
            this.requests++;
            this.saw(head.path, head.headers, input);
            this.answer(socket, head).catch(() => socket.destroy());
        });
    }


    parse(text) {
        const [line, ...fields] = text.split('\r\n');
        const headers = fields.map(field => {
            const at = field.indexOf(':');

            return [field.slice(0, at).toLowerCase(),
                    field.slice(at + 1).trim()];
        });

        return { path: line.split(' ')[1] ?? '', headers, answered: false,
                 fields: new Map(headers) };
    }


    complete(head, body) {
        if (head.fields.get('transfer-encoding') === 'chunked') {
            return body.includes('0\r\n\r\n');
        }

        return body.length >= Number(head.fields.get('content-length') ?? 0);
    }


    async answer(socket, head) {
        const plan = head.fields.get('x-plan') ?? '';
        const good = this.good.get(plan);
        const { parts, pause, close } = good
            ? goodAnswer(good)
            : randomAnswer(new Choice(this.seed, Number(plan) || 0),
                           head.path);

        for (const part of parts) {
            socket.write(part);

            if (pause) {
                await new Promise(resolve => setTimeout(resolve, pause));
            }
        }

        if (close === 'reset') {
            socket.resetAndDestroy();
        } else {
            socket.end();
        }
    }
}
