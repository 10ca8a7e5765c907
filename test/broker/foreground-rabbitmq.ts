import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rabbitMqScripts } from './install.ts';
import { makeRabbitMqNode } from './rabbitmq-node.ts';

export interface ForegroundRabbitMq {
  readonly url: string;
  /** Runs the node in the foreground; whoever runs it may kill its process group, and run it again on the same data. */
  readonly command: string;
  /** To be called when nothing of it runs any more. */
  readonly remove: () => void;
}

/** A private RabbitMQ that is not started: a command for somebody who starts and kills brokers. */
export async function foregroundRabbitMq(): Promise<ForegroundRabbitMq> {
  const server = join(rabbitMqScripts(), 'rabbitmq-server');
  const { folder, amqpPort, epmdPort, env } = await makeRabbitMqNode({});
  const script = join(folder, 'run.sh');
  const exports = Object.entries(env).map(([name, value]) => `export ${name}='${value}'`);
  const epmd = `epmd -address 127.0.0.1 -port ${epmdPort} >/dev/null 2>&1 &`;
  writeFileSync(script, `cd '${folder}'\n${exports.join('\n')}\n${epmd}\nexec '${server}'\n`);
  return {
    url: `amqp://guest:guest@127.0.0.1:${amqpPort}/%2f`,
    command: `/bin/sh '${script}'`,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
