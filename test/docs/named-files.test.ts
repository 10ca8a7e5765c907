import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const repo = fileURLToPath(new URL('../..', import.meta.url));

/** Patterns in the docs that stand for any file of a kind. */
const patterns = ['commands/VERB.ts', 'commands/<verb>.ts', 'migrations/N-what-it-does.ts'];

test('every TypeScript file that docs/architecture.md names exists', () => {
  const architecture = readFileSync(`${repo}/docs/architecture.md`, 'utf8');
  const named = [...architecture.matchAll(/`([^`\s]+\.ts)`/g)].map(([, name]) => name!);
  const files = ['src', 'test'].flatMap((folder) =>
    readdirSync(`${repo}/${folder}`, { recursive: true, encoding: 'utf8' }).map((path) => `/${folder}/${path}`),
  );
  expect(named.length).toBeGreaterThan(30);
  const missing = named.filter(
    (name) => !patterns.some((pattern) => name.endsWith(pattern)) && !files.some((path) => path.endsWith(`/${name}`)),
  );
  expect(missing).toEqual([]);
});
