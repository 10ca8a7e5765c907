import { connect } from 'node:net';

/** AMQP 0-9-1, as a client opens every connection. */
const PROTOCOL_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);

/** A method frame; behind its channel and length: connection.start. */
const METHOD = 1;
const CONNECTION_START = 0x000a_000a;

/** How long the other side may say nothing, in ms. */
const PATIENCE = 5000;

/** Whether the broker on that port of 127.0.0.1 is ready: not only takes connections, but answers as AMQP asks for. */
export async function speaksAmqp(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(PATIENCE, () => socket.destroy());
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

/** Whether anybody listens on that port of 127.0.0.1. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PATIENCE, () => settle(false));
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}
