// The program of the role "reviewer". Reads every report from standard input, prints a summary, and writes the findings
// as an artifact, because the task expects one.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const reports = readFileSync(0, 'utf8');
const findings = reports.split('\n').filter((line) => line.startsWith('- '));
const looked = reports.split('\n').filter((line) => line.startsWith('Looked at')).length;

writeFileSync(join(process.env.AGENTQ_ARTIFACTS_DIR, 'findings.json'), `${JSON.stringify(findings, null, 2)}\n`);
console.log(`# Review\n\n${looked} reports read, ${findings.length} findings.`);
for (const finding of findings) console.log(finding);
