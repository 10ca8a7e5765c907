import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { GuardedProcess, LOG } from './guarded-process.ts';
import { accepts, speaksAmqp } from './handshake.ts';
import { rabbitMqScripts } from './install.ts';
import { makeRabbitMqNode, type RabbitMqNode, type RabbitMqOptions } from './rabbitmq-node.ts';

/** A boot takes seconds. One that takes longer than that, in ms, is stuck: it is ended, and tried again. */
const BOOT_PATIENCE = 60_000;
const BOOT_TRIES = 3;

/** How long one rabbitmqctl may take, in ms. */
const CTL_PATIENCE = 60_000;

/** Between two looks at whether something has started, in ms. */
const LOOK_AGAIN = 50;

/**
 * Starts a RabbitMQ of one's own on free ports of 127.0.0.1, with all its files in a new folder. Installs RabbitMQ
 * first where it is missing and we may. It ends with the process that called this, at the latest.
 * @throws with the end of its log where it does not start
 */
export async function startRabbitMq(options: RabbitMqOptions = {}): Promise<RabbitMq> {
  const scripts = rabbitMqScripts();
  return retry(async () => {
    // Every try with ports of its own: another process may have been faster to take one.
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

/** Starts a cluster. The first node must outlive the others: it has the epmd of all. */
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

/** A broker that a test may treat as badly as it likes. */
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

  /** With the user guest, the default vhost, and without TLS. */
  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}/%2f`;
  }

  get port(): number {
    return this.#node.amqpPort;
  }

  /** Where it speaks TLS, if it was asked to. */
  get tlsPort(): number | undefined {
    return this.#node.tlsPort;
  }

  /** Of the Erlang VM itself. Another one after each restart. */
  get pid(): number {
    if (!this.#server) throw new Error('the broker was never started');
    return this.#server.pid;
  }

  /** Whose cluster another node can join. */
  get peer(): NonNullable<RabbitMqOptions['peer']> {
    return this.#node;
  }

  /** All its files. Every process that belongs to it has this path in its environment. */
  get folder(): string {
    return this.#node.folder;
  }

  /** As a power cut. Resolves once the Erlang VM is gone. */
  async kill(): Promise<void> {
    await this.#server?.kill();
  }

  /**
   * Starts it again, on the same ports and with the same data; first kills one that still runs. Resolves once it
   * answers clients. Its streams may take some seconds more.
   */
  async restart(): Promise<void> {
    await retry(() => this.boot());
  }

  /** Ends it for good and removes its folder. Does no harm twice. */
  async stop(): Promise<void> {
    await Promise.all([this.#server?.kill(), this.#epmd?.kill()]);
    // Its helpers notice only now that it is gone, and may still write.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Runs rabbitmqctl against it. @returns what that printed @throws with what it complained of */
  async ctl(...args: readonly string[]): Promise<string> {
    const port = `${await freePort()}`;
    const { stdout } = await promisify(execFile)(join(this.#scripts, 'rabbitmqctl'), ['--quiet', ...args], {
      env: {
        ...this.#node.env,
        RABBITMQ_CTL_DIST_PORT_MIN: port,
        RABBITMQ_CTL_DIST_PORT_MAX: port,
        RABBITMQ_CTL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      },
      timeout: CTL_PATIENCE,
      killSignal: 'SIGKILL',
    });
    return stdout;
  }

  /** One try to start it. @throws with the end of its log where it takes too long or ends */
  async boot(): Promise<void> {
    const { env, folder, epmdPort, startsEpmd } = this.#node;
    await this.kill();
    if (startsEpmd && !this.#epmd?.running) {
      this.#epmd = await GuardedProcess.start(['epmd', '-port', `${epmdPort}`, '-address', '127.0.0.1'], env, folder);
      await this.#until('epmd', this.#epmd, () => accepts(epmdPort));
    }
    this.#server = await GuardedProcess.start([join(this.#scripts, 'rabbitmq-server')], env, folder);
    await this.#until('RabbitMQ', this.#server, () => speaksAmqp(this.port));
  }

  async #until(what: string, started: GuardedProcess, ready: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + BOOT_PATIENCE;
    while (started.running && Date.now() < end) {
      // Whoever answers while ours has ended is somebody else on the same port.
      if ((await ready()) && started.running) return;
      await sleep(LOOK_AGAIN);
    }
    const why = started.running ? `was not ready after ${BOOT_PATIENCE} ms` : `ended with ${started.outcome}`;
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
