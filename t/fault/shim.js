/* The words of shim.h's shim_control_t, written while the program runs. */

import fs from 'node:fs';
import os from 'node:os';


const WORDS = ['calls', 'nth', 'error', 'on', 'seen', 'failed', 'stall',
               'stalled', 'swallow', 'allocPid', 'allocNth', 'allocOn',
               'allocSeen', 'allocFailed', 'hang'];

export const WRITE = 0x01;
export const SYNC = 0x02;
export const TRUNCATE = 0x04;
export const OPEN = 0x08;

/* Half of what is to be written is: the third way in which a disk fails. */
export const SHORT = 0;
export const EIO = os.constants.errno.EIO;
export const ENOSPC = os.constants.errno.ENOSPC;


export class Control {
    constructor(file) {
        fs.writeFileSync(file, Buffer.alloc(8 * WORDS.length));

        this.file = file;
        this.fd = fs.openSync(file, 'r+');
    }


    set(word, value) {
        const buf = Buffer.alloc(8);

        buf.writeBigUInt64LE(BigInt(value));
        fs.writeSync(this.fd, buf, 0, 8, 8 * WORDS.indexOf(word));
    }


    get(word) {
        const buf = Buffer.alloc(8);

        fs.readSync(this.fd, buf, 0, 8, 8 * WORDS.indexOf(word));

        return Number(buf.readBigUInt64LE());
    }


    /** The nth of these calls fails; with `on`, all behind it too. */
    arm({ calls, nth, error, on = false }) {
        this.disarm();
        this.set('calls', calls);
        this.set('error', error);
        this.set('on', on ? 1 : 0);
        this.set('seen', 0);
        this.set('failed', 0);
        this.set('nth', nth);
    }


    /** Tells how many calls have failed. */
    disarm() {
        this.set('nth', 0);

        return this.get('failed');
    }


    /** As arm(), of the memory of one process. */
    starve({ pid, nth, on = false }) {
        this.feed();
        this.set('allocNth', nth);
        this.set('allocOn', on ? 1 : 0);
        this.set('allocSeen', 0);
        this.set('allocFailed', 0);
        this.set('allocPid', pid);
    }


    feed() {
        this.set('allocPid', 0);

        return this.get('allocFailed');
    }


    close() {
        fs.closeSync(this.fd);
    }
}
