/* A name server for the A records of a few names. */

import dgram from 'node:dgram';


const NXDOMAIN = 3;
const A = 1;


function readName(message, at) {
    const labels = [];

    while (message[at] !== 0) {
        labels.push(message.toString('latin1', at + 1, at + 1 + message[at]));
        at += message[at] + 1;
    }

    return [labels.join('.').toLowerCase(), at + 1];
}


function reply(query, find) {
    const [name, end] = readName(query, 12);
    const type = query.readUInt16BE(end);
    const address = find(name);
    const found = address !== undefined && type === A;
    const head = Buffer.from(query.subarray(0, end + 4));

    head.writeUInt16BE(0x8180 | (address === undefined ? NXDOMAIN : 0), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(found ? 1 : 0, 6);
    head.writeUInt32BE(0, 8);

    if (!found) {
        return head;
    }

    const record = Buffer.alloc(16);

    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(A, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(60, 6);
    record.writeUInt16BE(4, 10);
    address.split('.').forEach((n, i) => record.writeUInt8(Number(n), 12 + i));

    return Buffer.concat([head, record]);
}


/** Answers on `host`:53; `find(name)` gives an address or undefined. */
export function serveNames(host, find) {
    const socket = dgram.createSocket('udp4');

    socket.on('message', (query, from) => {
        socket.send(reply(query, find), from.port, from.address);
    });

    return new Promise((resolve, reject) => {
        socket.once('error', reject);
        socket.bind(53, host, () => {
            socket.unref();
            resolve(socket);
        });
    });
}
