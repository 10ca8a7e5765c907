// The program of the role "checker". Reads the first line of standard input, "links FILE" or "todos FOLDER", and
// writes a report to the result file. In a second attempt, agentq tells below that line how the first one ended. Plain Node.js, as any program that a worker may run.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const [job, target] = readFileSync(0, 'utf8').split('\n')[0].trim().split(' ');
const attempt = Number(process.env.AGENTQ_ATTEMPT);

/** Every local link of a Markdown file must lead to a file, and every anchor to a heading. Nothing is fetched. */
function brokenLinks(file) {
  const text = readFileSync(file, 'utf8').replace(/```[\s\S]*?```/g, '');
  const links = [...text.matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map(([, link]) => link);
  const local = links.filter((link) => !/^[a-z]+:/.test(link));
  const broken = local.filter((link) => {
    const [path, anchor] = link.split('#');
    const to = path === '' ? file : join(dirname(file), path);
    return !existsSync(to) || (anchor && !headings(to).includes(anchor));
  });
  return { looked: `${links.length} links, ${local.length} of them local`, found: broken };
}

function headings(file) {
  return [...readFileSync(file, 'utf8').matchAll(/^#+\s+(.*)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .trim()
      .replace(/\s+/g, '-'),
  );
}

function todos(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const found = files.flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.flatMap((line, i) =>
      /\b(TODO|FIXME)[:(]/.test(line) ? [`${relative('.', path)}:${i + 1}: ${line.trim()}`] : [],
    );
  });
  return { looked: `${files.length} files`, found };
}

if (job === 'flaky' && attempt < 3) throw new Error(`the network was down (attempt ${attempt})`);
if (job === 'poison') throw new Error('no parser in the world reads this');

const { looked, found } = job === 'links' ? brokenLinks(target) : todos(target);
const report = [
  `# ${job} ${target}`,
  '',
  `Looked at ${looked}; found ${found.length}.`,
  ...found.map((one) => `- ${one}`),
  '',
];
writeFileSync(process.env.AGENTQ_RESULT_FILE, report.join('\n'));
