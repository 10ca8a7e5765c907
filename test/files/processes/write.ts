import { writeSync } from 'node:fs';
import { createFile, replaceFile, syncFolder } from '../../../src/files/durable-file.ts';

/** Creates or replaces a file, and prints its path when it is durable. */
const [how, folder, umask = '077'] = process.argv.slice(2) as ['create' | 'replace', string, string?];
process.umask(Number.parseInt(umask, 8));
const path = `${folder}/file`;
if (how === 'replace') replaceFile(path, 'content', 0o660);
else {
  createFile(path, 'content', 0o660);
  syncFolder(folder);
}
writeSync(1, `${path}\n`);
