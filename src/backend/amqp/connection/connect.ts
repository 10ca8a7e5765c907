import { setTimeout as pause } from 'node:timers/promises';
import amqplib, { type ChannelModel } from 'amqplib';
import { ConnectionLost, explain, reasonOf } from './broker-error.ts';
import { type BrokerUrl, type Host, placeOf } from './broker-url.ts';
import { afterRound, connectTimeout } from './retry-policy.ts';

/** No host answered in time. The message says why. */
export class Unreachable extends Error {}

/** What the caller decides while the hosts are tried. */
export interface Attempt {
  /** The time up to the deadline, in ms. It may grow meanwhile. */
  readonly left: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Whether the connection is no longer wanted. */
  readonly closed: () => boolean;
  /** Called before the wait for the next round. */
  readonly onRoundFailed: (problem: string) => void;
}

/**
 * Connects to a host of the broker and logs in. Each round tries every host once.
 * @param first the index of the host that each round begins with
 * @returns also the index of the host
 * @throws Unreachable; AgentqError `denied`, `topology` if a host refuses; ConnectionLost if it is no longer wanted
 */
export async function connectToAny(
  address: BrokerUrl,
  first: number,
  { left, random, closed, onRoundFailed }: Attempt,
): Promise<{ readonly model: ChannelModel; readonly host: number }> {
  const { hosts } = address;
  const order = hosts.map((_, index) => (first + index) % hosts.length);
  for (let round = 0; ; round++) {
    const errors: unknown[] = [];
    for (const [tried, host] of order.entries()) {
      const timeout = connectTimeout(round, { untried: hosts.length - tried, all: hosts.length }, left());
      try {
        return { model: await connect(address, hosts[host]!, timeout), host };
      } catch (error) {
        errors.push(error);
      }
      if (closed()) throw new ConnectionLost('closed');
    }
    const problem = [...new Set(errors.map(reasonOf))].join('; ');
    const after = afterRound(errors, round, left(), random());
    if (after.next === 'fail') {
      const refusing = hosts[order[after.host]!]!;
      throw explain(errors[after.host], placeOf({ ...address, hosts: [refusing] }));
    }
    if (after.next === 'give-up') throw new Unreachable(problem);
    onRoundFailed(problem);
    await pause(after.wait);
    if (closed()) throw new ConnectionLost('closed');
  }
}

/** @param timeout in ms */
async function connect(address: BrokerUrl, { host, port }: Host, timeout: number): Promise<ChannelModel> {
  const { secure, vhost, user, password, heartbeat, tls } = address;
  const model = await amqplib.connect(
    {
      protocol: secure ? 'amqps' : 'amqp',
      hostname: host,
      port,
      username: user,
      password,
      vhost: encodeURIComponent(vhost),
      heartbeat,
      frameMax: 131_072,
    },
    { noDelay: true, timeout, clientProperties: { connection_name: 'agentq' }, ...(secure && tls) },
  );
  // After an error the driver emits a close, which is handled.
  model.on('error', () => {});
  return model;
}
