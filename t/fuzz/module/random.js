/* The same choices for the same seed. */

import { Random } from '../../e2e/lib/random.js';


/** Choices of one session or answer, told by numbers. */
export class Choice extends Random {
    constructor(seed, number = 0) {
        super(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b)
              ^ Math.imul(number + 1, 0xc2b2ae35));
    }


    /** True once in n times. */
    once(n) {
        return this.int(n) === 0;
    }


    /** A few bytes lost, changed, doubled or put in. */
    damage(bytes) {
        let out = bytes;

        for (let n = 1 + this.int(3); n > 0; n--) {
            const at = this.int(out.length + 1);
            const len = 1 + this.int(this.once(4) ? 200 : 4);

            switch (this.int(5)) {
            case 0:
                out = Buffer.concat([out.subarray(0, at),
                                     out.subarray(at + len)]);
                break;
            case 1:
                out = Buffer.from(out);
                if (at < out.length) {
                    out[at] = this.int(256);
                }
                break;
            case 2:
                out = Buffer.concat([out.subarray(0, at + len),
                                     out.subarray(at)]);
                break;
            case 3:
                out = Buffer.concat([out.subarray(0, at),
                                     Buffer.from(this.pick(PIECES), 'latin1'),
                                     out.subarray(at)]);
                break;
            default:
                out = out.subarray(0, at);
            }
        }

        return out;
    }
}


/* What parsers have stumbled over. */
const PIECES = [
    '\0', '\r\n', '\n', '\r', '\r\n\r\n', '%', '%00', '%2f', '%zz', '"', '\\',
    '\\u0000', '\\ud800', '{', '[[[[[[[[', '}', ',', ':', '=', '&', '&&', ';',
    '+', '\xff', '\xc3', '\xef\xbb\xbf', '\xed\xa0\x80', '-1', '0',
    '18446744073709551616', '99999999999999999999999', '1e999', 'null',
    '\x1f\x8b', ' ', '\t', 'a'.repeat(300), 'chunked', '0\r\n\r\n',
    'ffffffffffffffff\r\n', '/../', '//', '?', '#',
];
