// Bundles the program into dist/agentq.cjs: one CommonJS file, in which every verb is initialised when it is called.
import { build } from 'esbuild';
import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** commander starts external subcommands, which agentq has none of; to load child_process for them costs 2 ms a call. */
const lazyChildProcess = {
  name: 'lazy-child-process',
  setup(build) {
    build.onResolve({ filter: /^(node:)?child_process$/ }, ({ path, importer }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path, namespace: 'lazy' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({
      contents: 'export default {}; export const spawn = undefined;',
    }));
  },
};

await build({
  entryPoints: ['src/cli/entry.ts'],
  outfile: 'dist/agentq.cjs',
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minify: true,
  keepNames: false,
  legalComments: 'none',
  define: { AGENTQ_VERSION: JSON.stringify(version) },
  plugins: [lazyChildProcess],
  metafile: true,
});
