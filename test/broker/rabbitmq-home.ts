import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Makes a RABBITMQ_HOME with links to the applications that a node needs, and to no others. Erlang 25 looks for each
 * module in the folder of each application in turn, so the 50 plugins that a node does not load double the CPU time of
 * its start.
 * @param scripts the folder of `rabbitmq-server`
 * @param plugins the plugins that the node enables
 * @returns its path; undefined if RabbitMQ does not have its applications as folders beside its scripts
 */
export function makeRabbitMqHome(folder: string, scripts: string, plugins: readonly string[]): string | undefined {
  const installed = join(dirname(realpathSync(join(scripts, 'rabbitmq-server'))), '..', 'plugins');
  const folders = new Map(
    existsSync(installed) ? readdirSync(installed).map((name) => [name.split('-')[0]!, name]) : [],
  );
  if (!folders.has('rabbit')) return undefined;
  const home = join(folder, 'rabbitmq');
  mkdirSync(join(home, 'plugins'), { recursive: true });
  const wanted = new Set(['rabbit', ...plugins]);
  // The set grows during the iteration: the dependencies of each application are appended.
  for (const application of wanted) {
    const name = folders.get(application);
    if (name === undefined) continue;
    symlinkSync(join(installed, name), join(home, 'plugins', name));
    for (const needed of applicationsOf(join(installed, name, 'ebin', `${application}.app`))) wanted.add(needed);
  }
  return home;
}

/** The applications that an Erlang application depends on, including those of Erlang itself. */
function applicationsOf(file: string): readonly string[] {
  const [, list = ''] = /\{applications,\s*\[([^\]]*)\]/.exec(readFileSync(file, 'utf8')) ?? [];
  return list.split(',').map((name) => name.trim());
}
