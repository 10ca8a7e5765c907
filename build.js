// Bundles the program into dist/. The format is CommonJS, because loading an ES module takes 2 ms more in each call. The
// code that every command needs is one file. Code that only some commands need is in files that only they load.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  console.error(
    `agentq is built and tested with Node.js 24 or newer, and this is ${process.version}. npm install brings the right
one as the package "node", unless install scripts are switched off: npm install --ignore-scripts=false, then try again.`,
  );
  process.exit(1);
}

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** Code that not every command needs: the verbs, code of some verbs, and code that creates schemas when it is loaded. */
const own = [
  /src\/cli\/(commands\/|each-task\.|input\/(batch-text|list-options|schemas)\.|output\/(shape\/|layout\/(clip|column-widths)\.|(table|schemas|task-schemas|defaults|fold-renewals|how-it-stands|log-printer|overview|stuck-report|stuck-view|watched-overview)\.)|process\/idle-memory\.)/,
  /src\/app\/(backup|doctor|logs|prune|stats|stuck|suggestion|torture|worker)\//,
  /src\/app\/(apply-to-each|brief|dead-letters|hand-over|inbox|near-names|overview|previous-failures|result|scratch|snapshot-files|wait|wait-any|wait-cursor)\./,
  /src\/app\/(workspace\/(additions|config-error|init-workspace)|evidence\/workspace-store|outbox\/(flush-outbox|read-entry|said-reasons)|submit\/(bad-batch|batch|batch-row|kept-batch|submit-later))\./,
  /src\/backend\/(projection\/(audit|questions\/ended)\.|sqlite\/(archive\/|ended\.|history\.|overlay\.)|amqp\/)/,
  /src\/core\/secrets\/(?!find-secret)/,
  /src\/core\/(log\/(forms|read-events)|task\/(event|stuck|task-form)|evidence\/evidence|result\/(foreign-result|result-message)|envelope\/idempotency-key|moment-form|sha256)\./,
  /src\/(cli\/completion\/|backend\/projection\/glance-at\.)/,
  /node_modules\/(?!commander|zod|nanoid)/,
  /zod\/.*(json-schema|locales|registries)/,
];

/**
 * commander uses default imports of Node.js modules; copying their names takes 1 ms in each call. It loads
 * child_process for external subcommands, which takes 2 ms; agentq has no such subcommands.
 */
const lightBuiltins = {
  name: 'light-builtins',
  resolveId: (id, importer) => (/commander/.test(importer) && /^node:(?!util|events)/.test(id) ? `\0${id}` : null),
  load(id) {
    if (!id.startsWith('\0node:')) return null;
    const value = /child_process/.test(id) ? '{}' : `process.getBuiltinModule(${JSON.stringify(id.slice(1))})`;
    return `export default ${value}; export const spawn = undefined;`;
  },
};

/**
 * amqplib always loads modules that it needs only for amqps: or for checks of itself. In each call, TLS takes 3 ms,
 * OpenSSL 2 more, and assert 1.
 */
const lightDriver = {
  name: 'light-driver',
  resolveId: (id, importer) => (/amqplib/.test(importer) && id in driverBuiltins ? `\0light-${id}` : null),
  load: (id) => driverBuiltins[id.replace('\0light-', '')] ?? null,
};
const late = (id) => `process.getBuiltinModule(${JSON.stringify(id)})`;
const driverBuiltins = {
  'node:tls': `exports.connect = (...args) => ${late('node:tls')}.connect(...args);`,
  'node:assert': `module.exports = (...args) => { if (!args[0]) ${late('node:assert')}(...args); };
    module.exports.equal = (...args) => { if (args[0] !== args[1]) ${late('node:assert')}.equal(...args); };`,
};

const { rolldown } = await import('rolldown');
rmSync('dist', { recursive: true, force: true });
const bundle = await rolldown({
  input: { agentq: 'src/cli/entry.ts' },
  platform: 'node',
  preserveEntrySignatures: 'allow-extension', // so that the entry contains the shared code
  transform: { define: { AGENTQ_VERSION: JSON.stringify(version) } },
  plugins: [lightBuiltins, lightDriver],
});
await bundle.write({
  dir: 'dist',
  format: 'cjs',
  minify: true,
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
  codeSplitting: { groups: [{ name: 'agentq', test: (id) => !own.some((pattern) => pattern.test(id)) }] },
});

// The last line of each file names its content: bin/code-cache.cjs compares it with the compiled code that it keeps.
for (const name of readdirSync('dist')) {
  const stamp = createHash('sha256')
    .update(readFileSync(`dist/${name}`))
    .digest('hex')
    .slice(0, 32);
  writeFileSync(`dist/${name}`, `\n//${stamp}\n`, { flag: 'a' });
}
