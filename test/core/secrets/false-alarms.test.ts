import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../src/app/torture/seeded-random.ts';
import { findSecret } from '../../../src/core/secrets/find-secret.ts';

const root = join(import.meta.dirname, '../../..');
const skipped = new Set(['node_modules', '.git', 'dist']);

const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => join(parentPath, name))
  .filter(
    (path) =>
      !path
        .slice(root.length)
        .split('/')
        .some((part) => skipped.has(part)),
  );

test('no file of this repository is reported, also not the lock file', async () => {
  expect(files).toContain(join(root, 'package-lock.json'));
  const alarms: string[] = [];
  for (const file of files) {
    const found = await findSecret(readFileSync(file, 'latin1'));
    if (found !== undefined) alarms.push(`${file}: ${found}`);
  }
  expect(alarms).toEqual([]);
});

const COUNT = 10_000;
const random = seededRandom(28);
const bytes = (length: number) => Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
const hash = (algorithm: string, encoding: 'hex' | 'base64') => () =>
  createHash(algorithm).update(bytes(8)).digest(encoding);

test.for<[string, () => string]>([
  ['MD5 hashes', hash('md5', 'hex')],
  ['SHA-1 hashes', hash('sha1', 'hex')],
  ['SHA-256 hashes', hash('sha256', 'hex')],
  ['SHA-512 hashes in base64', () => `sha512-${hash('sha512', 'base64')()}`],
  [
    'UUIDs',
    () =>
      bytes(16)
        .toString('hex')
        .replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-a$4-$5'),
  ],
  ['pictures in base64', () => `data:image/png;base64,${bytes(200 + random() * 400).toString('base64')}`],
  [
    'pictures in lines of base64',
    () =>
      bytes(200 + random() * 400)
        .toString('base64')
        .replaceAll(/.{76}/g, '$&\n'),
  ],
])('none of 10,000 %s is reported, one by one and together', async ([, make]) => {
  const texts = Array.from({ length: COUNT }, make);
  for (const text of texts) expect(await findSecret(text), text).toBeUndefined();
  expect(await findSecret(texts.join('\n'))).toBeUndefined();
});
