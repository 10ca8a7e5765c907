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
  /src\/cli\/((commands|top)\/|each-task\.|input\/(batch-text|list-options|schemas)\.|output\/(shape\/|schemas\/|layout\/(clip|column-widths)\.|report\/(?!task-text)|(table|defaults|log-printer)\.)|process\/idle-memory\.)/,
  /src\/app\/(agent-brief|backup|doctor|logs|prune|stats|stuck|top|torture|wait|worker)\//,
  /src\/app\/(assignment\/(?!claim)|change\/(apply-to-each|dead-letters|edit)|names\/near-|(inbox|near-names|notes|overview|pause|result|scratch|snapshot-files)\.)/,
  /src\/app\/(budget\/(budget-states|policy-file)|workspace\/(additions|config-error|init-workspace)|evidence\/workspace-store|outbox\/(flush-outbox|read-entry|said-reasons)|submit\/(bad-batch|batch|batch-row|kept-batch|submit-later))\./,
  /src\/backend\/(projection\/(audit\.|questions\/)|sqlite\/(archive\/|ended\.|history\.|overlay\.)|amqp\/)/,
  /src\/core\/secrets\/(?!find-secret)/,
  /src\/core\/(stats\/\w+|log\/(forms|read-events)|task\/(event|stuck|task-form)|evidence\/evidence|result\/(foreign-result|result-message)|envelope\/idempotency-key|moment-form|sha256)\./,
  /src\/(cli\/completion\/|backend\/(projection\/glance-at|sqlite\/glance)\.)/,
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

/**
 * terminal-kit loads its parts by computed names, which a bundle cannot contain. Only `agentq top` uses it, and only its
 * screen buffer: the parts for menus, images and the clipboard are left out.
 */
const lightTerminal = {
  name: 'light-terminal',
  load(id) {
    const [, part] = /terminal-kit\/lib\/(\w+)\.js$/.exec(id) ?? [];
    if (part === 'termkit') return terminalParts;
    return terminalUnused.has(part) ? 'module.exports = {};' : null;
  },
  transform(code, id) {
    if (!id.endsWith('terminal-kit/lib/Terminal.js')) return null;
    const config = /require\( '\.\/termconfig\/' \+ (term\.termconfigFile) \)/g;
    const others = /require\( '\.\/colorScheme\/' \+ palette \+ '\.json' \)/g;
    return code.replace(config, 'termkit.termconfig( $1 )').replace(others, 'undefined');
  },
};
const terminalUnused = new Set(
  `yesOrNo inputField fileInput singleLineMenu singleColumnMenu gridMenu progressBar bar slowTyping extClipboard gpm`.split(
    ' ',
  ),
);
const terminalParts = `const termkit = module.exports = {};
  Object.assign(termkit, require('./misc.js'));
  const late = (name, load) => Object.defineProperty(termkit, name, { get: load });
  late('Rect', () => require('./Rect.js'));
  late('Palette', () => require('./Palette.js'));
  late('ScreenBuffer', () => require('./ScreenBuffer.js'));
  termkit.image = { load() {} };
  termkit.TextBuffer = class {};
  termkit.Terminal = require('./Terminal.js');
  termkit.termconfig = () => require('./termconfig/xterm-256color.generic.js');`;

const { rolldown } = await import('rolldown');
rmSync('dist', { recursive: true, force: true });
const bundle = await rolldown({
  input: { agentq: 'src/cli/entry.ts' },
  platform: 'node',
  preserveEntrySignatures: 'allow-extension', // so that the entry contains the shared code
  transform: { define: { AGENTQ_VERSION: JSON.stringify(version) } },
  plugins: [lightBuiltins, lightDriver, lightTerminal],
});
await bundle.write({
  dir: 'dist',
  format: 'cjs',
  minify: true,
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
  codeSplitting: {
    groups: [
      { name: 'agentq', test: (id) => !own.some((pattern) => pattern.test(id)) },
      { name: 'questions', test: /projection\/questions\/(?!ended)/ },
    ],
  },
});

// bin/code-cache.cjs calls the function that a file contains. The last line of each file names its content: it is
// compared with the compiled code that is kept.
for (const name of readdirSync('dist')) {
  const code = `(function (exports, require, module) {${readFileSync(`dist/${name}`, 'utf8')}\n})`;
  const content = name === 'agentq.cjs' ? asAscii(code) : code;
  const stamp = createHash('sha256').update(content).digest('hex').slice(0, 32);
  writeFileSync(`dist/${name}`, `${content}\n//${stamp}\n`);
}

/** V8 keeps each character of a text in two bytes if one of them needs it. */
function asAscii(code) {
  if (code.includes('String.raw')) throw new Error('an escape in String.raw means other characters');
  return code.replace(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// The manual page has the descriptions that --help prints.
const { DESCRIPTION, verbs } = await import('./src/cli/main.ts');
const { manualPage } = await import('./src/cli/manual/manual-page.ts');
writeFileSync('dist/agentq.1', await manualPage(DESCRIPTION, verbs, version));
