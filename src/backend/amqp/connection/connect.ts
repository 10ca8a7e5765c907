import amqplib, { type ChannelModel } from 'amqplib';
import type { BrokerUrl, Host } from './broker-url.ts';

/**
 * Connects to one host of a broker and logs in.
 * @param timeout in ms
 * @throws errors of the driver and of the system: `explain` turns them into errors for the user
 */
export async function connect(address: BrokerUrl, { host, port }: Host, timeout: number): Promise<ChannelModel> {
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
