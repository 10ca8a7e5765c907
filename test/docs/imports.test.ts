import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

const SOURCE = join(import.meta.dirname, '../../src');
const ARCHITECTURE = join(import.meta.dirname, '../../docs/architecture.md');

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The imports of each file: types, and files that are loaded late, included. */
function importsOfFiles(): Graph {
  const files = globSync('**/*.ts', { cwd: SOURCE });
  return new Map(files.map((file) => [file, new Set(importsIn(file))]));
}

function importsIn(file: string): string[] {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  return [...text.matchAll(/(?:\bfrom|\bimport\(|^import)\s*'(\.[^']+\.ts)'/gm)].map(([, path]) =>
    join(dirname(file), path!),
  );
}

/** The same for the folders of one parent folder. Files directly in the parent do not count. */
function importsOfFolders(files: Graph, parent: string): Graph {
  const folders = new Map<string, Set<string>>();
  const folderOf = (file: string) => {
    const [folder, ...rest] = relative(parent, file).split(sep);
    return folder === undefined || folder === '..' || rest.length === 0 ? undefined : folder;
  };
  for (const [file, imports] of files) {
    const from = folderOf(file);
    if (from === undefined) continue;
    const known = folders.get(from) ?? new Set();
    folders.set(from, known);
    for (const to of [...imports].map(folderOf)) if (to !== undefined && to !== from) known.add(to);
  }
  return folders;
}

/** A circle as the list of its members, the first one again at its end; undefined if there is none. */
function circleIn(graph: Graph): readonly string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): readonly string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    path.push(node);
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next);
      if (circle) return circle;
    }
    path.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const circle = visit(node);
    if (circle) return circle;
  }
  return undefined;
}

const files = importsOfFiles();
const parents = new Set([...files.keys()].map((file) => dirname(dirname(file))));

describe('imports', () => {
  test('a circle is found', () => {
    const graph = new Map([
      ['a', new Set(['b'])],
      ['b', new Set(['c', 'd'])],
      ['c', new Set<string>()],
      ['d', new Set(['b'])],
    ]);
    expect(circleIn(graph)).toEqual(['b', 'd', 'b']);
    expect(files.size).toBeGreaterThan(200);
  });

  test('no files import each other in a circle, types included', () => {
    expect(circleIn(files)).toBeUndefined();
  });

  test.each([...parents])('run one way between the folders in %s', (parent) => {
    expect(circleIn(importsOfFolders(files, parent))).toBeUndefined();
  });

  test('the architecture names files that exist', () => {
    const known = [...files.keys()].map((file) => `/${file}`);
    const named = [...readFileSync(ARCHITECTURE, 'utf8').matchAll(/`(?:src\/)?((?:[a-z-]+\/)*[a-z-]+\.ts)`/g)];
    const tests = /^test\//;
    const missing = named
      .map(([, file]) => file!)
      .filter((file) => !tests.test(file) && !known.some((one) => one.endsWith(`/${file}`)));
    expect(missing).toEqual([]);
    expect(named.length).toBeGreaterThan(20);
  });
});
