import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rabbitMqScripts } from './install.ts';
import { makeRabbitMqNode } from './rabbitmq-node.ts';

export interface ForegroundRabbitMq {
  readonly url: string;
  /** Runs the node in the foreground. Its process group may be killed, and the command run again on the same data. */
  readonly command: string;
  /** Runs rabbitmqctl on the node, with the arguments that follow. */
  readonly ctl: string;
  /** Call it when all its processes have ended. */
  readonly remove: () => void;
}

/** A private RabbitMQ that is not started, with a command for a program that starts and kills it. */
export async function foregroundRabbitMq(): Promise<ForegroundRabbitMq> {
  const scripts = rabbitMqScripts();
  const { folder, amqpPort, epmdPort, env } = await makeRabbitMqNode(scripts);
  const script = (name: string, lines: readonly string[]) => {
    const exports = Object.entries(env).map(([variable, value]) => `export ${variable}='${value}'`);
    writeFileSync(join(folder, name), [...exports, ...lines, ''].join('\n'));
    return `/bin/sh '${join(folder, name)}'`;
  };
  const epmd = `epmd -address 127.0.0.1 -port ${epmdPort} >/dev/null 2>&1 &`;
  return {
    url: `amqp://guest:guest@127.0.0.1:${amqpPort}/%2f`,
    command: script('run.sh', [`cd '${folder}'`, epmd, `exec '${join(scripts, 'rabbitmq-server')}'`]),
    ctl: script('ctl.sh', [`exec '${join(scripts, 'rabbitmqctl')}' "$@"`]),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
