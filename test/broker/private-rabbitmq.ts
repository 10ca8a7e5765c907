import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { GuardedProcess, LOG } from './guarded-process.ts';
import { accepts, answersAmqp } from './handshake.ts';
import { rabbitMqScripts } from './install.ts';
import { makeRabbitMqNode, type RabbitMqNode, type RabbitMqOptions } from './rabbitmq-node.ts';

/** Time limit of a boot, in ms. A boot that takes longer is stopped and tried again. */
const BOOT_TIME_LIMIT = 60_000;
const BOOT_TRIES = 3;

/** Time limit of one rabbitmqctl command, in ms. */
const CTL_TIME_LIMIT = 60_000;

/** The interval of the checks whether a process is ready, in ms. */
const POLL_INTERVAL = 50;

/**
 * Starts a private RabbitMQ on free ports of 127.0.0.1, with all its files in a new folder. Installs RabbitMQ first if
 * it is missing and the user is root. The broker ends at the latest with the calling process.
 * @throws with the end of its log if it does not start
 */
export async function startRabbitMq(options: RabbitMqOptions = {}): Promise<RabbitMq> {
  const scripts = rabbitMqScripts();
  return retry(async () => {
    // Every try uses new ports, because another process may have taken one.
    const broker = new RabbitMq(scripts, await makeRabbitMqNode(scripts, options));
    try {
      await broker.boot();
      return broker;
    } catch (error) {
      await broker.stop();
      throw error;
    }
  });
}

/** Starts a cluster. The first node must be stopped last, because it runs the epmd of all nodes. */
export async function startRabbitMqCluster(size: number, options: RabbitMqOptions = {}): Promise<readonly RabbitMq[]> {
  const first = await startRabbitMq(options);
  try {
    const others = Array.from({ length: size - 1 }, () => startRabbitMq({ ...options, peer: first.peer }));
    return [first, ...(await Promise.all(others))];
  } catch (error) {
    await first.stop();
    throw error;
  }
}

/** A private broker that a test may kill and restart. */
export class RabbitMq {
  readonly #scripts: string;
  readonly #node: RabbitMqNode;
  #epmd: GuardedProcess | undefined;
  #server: GuardedProcess | undefined;

  /** Use startRabbitMq. */
  constructor(scripts: string, node: RabbitMqNode) {
    this.#scripts = scripts;
    this.#node = node;
  }

  /** The URL with the user guest and the default virtual host, without TLS. */
  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}/%2f`;
  }

  get port(): number {
    return this.#node.amqpPort;
  }

  /** The TLS port, if TLS was requested. */
  get tlsPort(): number | undefined {
    return this.#node.tlsPort;
  }

  /** The process id of the Erlang VM. It changes with each restart. */
  get pid(): number {
    if (!this.#server) throw new Error('the broker was never started');
    return this.#server.pid;
  }

  /** The node, as the peer of another node that joins its cluster. */
  get peer(): NonNullable<RabbitMqOptions['peer']> {
    return this.#node;
  }

  /** The folder with all its files. The environment of all its processes contains this path. */
  get folder(): string {
    return this.#node.folder;
  }

  /** Kills it with SIGKILL. Resolves when the Erlang VM has ended. */
  async kill(): Promise<void> {
    await this.#server?.kill();
  }

  /**
   * Starts it again on the same ports with the same data, after a kill if it still runs. Resolves when it answers
   * clients. Its streams may need some more seconds.
   */
  async restart(): Promise<void> {
    await retry(() => this.boot());
  }

  /** Stops it and removes its folder. May be called twice. */
  async stop(): Promise<void> {
    await Promise.all([this.#server?.kill(), this.#epmd?.kill()]);
    // Its helper processes end a little later and may still write.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Runs rabbitmqctl on it. @returns the output @throws with the error output */
  async ctl(...args: readonly string[]): Promise<string> {
    const port = `${await freePort()}`;
    const { stdout } = await promisify(execFile)(join(this.#scripts, 'rabbitmqctl'), ['--quiet', ...args], {
      env: {
        ...this.#node.env,
        RABBITMQ_CTL_DIST_PORT_MIN: port,
        RABBITMQ_CTL_DIST_PORT_MAX: port,
        RABBITMQ_CTL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      },
      timeout: CTL_TIME_LIMIT,
      killSignal: 'SIGKILL',
    });
    return stdout;
  }

  /** One try to start it. @throws with the end of its log if it takes too long or ends */
  async boot(): Promise<void> {
    const { env, folder, epmdPort, startsEpmd } = this.#node;
    await this.kill();
    if (startsEpmd && !this.#epmd?.running) {
      this.#epmd = await GuardedProcess.start(['epmd', '-port', `${epmdPort}`, '-address', '127.0.0.1'], env, folder);
      await this.#until('epmd', this.#epmd, () => accepts(epmdPort));
    }
    this.#server = await GuardedProcess.start([join(this.#scripts, 'rabbitmq-server')], env, folder);
    await this.#until('RabbitMQ', this.#server, () => answersAmqp(this.port));
  }

  async #until(what: string, started: GuardedProcess, ready: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + BOOT_TIME_LIMIT;
    while (started.running && Date.now() < end) {
      // If the started process has ended, another process answers on the same port.
      if ((await ready()) && started.running) return;
      await sleep(POLL_INTERVAL);
    }
    const why = started.running ? `was not ready after ${BOOT_TIME_LIMIT} ms` : `ended with ${started.outcome}`;
    await started.kill();
    throw new Error(
      `${what} ${why}. The end of its log:\n${readFileSync(join(this.folder, LOG), 'utf8').slice(-4000)}`,
    );
  }
}

async function retry<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = BOOT_TRIES - 1; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}
