import { connect } from 'node:net';

/** The protocol header of AMQP 0-9-1, which a client sends first. */
const PROTOCOL_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);

/** The type of a method frame, and the class and method id of connection.start, which follow channel and length. */
const METHOD = 1;
const CONNECTION_START = 0x000a_000a;

/** Time limit for an answer, in ms. */
const TIME_LIMIT = 5000;

/** Whether the broker on this port of 127.0.0.1 is ready: it accepts connections and answers the AMQP handshake. */
export async function answersAmqp(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(TIME_LIMIT, () => socket.destroy());
  socket.write(PROTOCOL_HEADER);
  let answer = Buffer.alloc(0);
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= 11) return answer[0] === METHOD && answer.readUInt32BE(7) === CONNECTION_START;
    }
    return false;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Whether a process listens on this port of 127.0.0.1. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(TIME_LIMIT, () => settle(false));
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}
