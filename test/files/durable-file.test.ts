import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFile, replaceFile } from '../../src/files/durable-file.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { isPrint, isSync, pathOf, trace, untraceable } from '../backend/support/trace.ts';

const WRITE = new URL('processes/write.ts', import.meta.url);
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test('a created file never replaces an existing one', () => {
  const folder = scratchFolder();
  const path = join(folder, 'file');
  expect([createFile(path, 'first', 0o600), createFile(path, 'second', 0o600)]).toEqual([true, false]);
  expect(readFileSync(path, 'utf8')).toBe('first');
  expect(readdirSync(folder)).toEqual(['file']);
});

test('a replaced file has the new content and the new mode', () => {
  const folder = scratchFolder();
  const path = join(folder, 'file');
  writeFileSync(path, 'first');
  chmodSync(path, 0o644);
  replaceFile(path, Buffer.from('second'), 0o600);
  expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual(['second', '600']);
  expect(readdirSync(folder)).toEqual(['file']);
});

test('a write that fails leaves no temporary file', () => {
  const folder = scratchFolder();
  const path = join(folder, 'file');
  mkdirSync(path);
  expect(() => replaceFile(path, 'content', 0o600)).toThrow(/EISDIR/);
  expect(createFile(path, 'content', 0o600)).toBe(false);
  expect(readdirSync(folder)).toEqual(['file']);
});

describe.skipIf(untraceable !== undefined)(`a written file (${untraceable ?? 'traced'})`, () => {
  test.each(['create', 'replace'])('gets its name after its content is on the disk: %s', (how) => {
    const folder = scratchFolder();
    const calls = trace(WRITE, how, folder, '000');
    const written = calls.findIndex((call) => call.name === 'write' && pathOf(call)?.includes('.agentq-tmp-'));
    const synced = calls.findIndex((call) => isSync(call) && pathOf(call) === pathOf(calls[written]!));
    const named = calls.findIndex((call) => /^(link|rename)/.test(call.name) && call.args.includes(`${folder}/file`));
    const nameSynced = calls.findIndex((call) => isSync(call) && pathOf(call) === folder);
    const order = [written, synced, named, nameSynced, calls.findIndex(isPrint)];
    expect(order).not.toContain(-1);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(modeOf(join(folder, 'file'))).toBe('660');
  });
});
