import { writeSync } from 'node:fs';
import { CacheFile } from '../../../src/backend/amqp/cache/cache-file.ts';

/**
 * Opens a cache again and again, reads all of it, and writes to it. Prints a line each time: an empty one, or the
 * problem, if the file is damaged or has rows of two files.
 */
const [dir] = process.argv.slice(2) as [string];
for (;;) {
  const file = new CacheFile(dir, 'log', 0o600);
  let problem = '';
  try {
    const { db } = file;
    for (let n = 0; n < 3; n++) {
      db.transaction(() => {
        db.run('INSERT INTO silence SELECT began, max(ended) + 1 FROM silence GROUP BY began');
        return { keep: true };
      });
      const { integrity_check: found } = db.get<{ integrity_check: string }>('PRAGMA integrity_check(1)')!;
      const { files } = db.get<{ files: number }>('SELECT count(DISTINCT began) AS files FROM silence')!;
      if (found !== 'ok' || files > 1) problem = `${found}, rows of ${files} files`;
    }
    file.close();
  } catch (error) {
    problem = (error as Error).message;
  }
  writeSync(1, `${problem}\n`);
}
