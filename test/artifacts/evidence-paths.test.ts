import { describe, expect, test } from 'vitest';
import {
  attemptFolder,
  artifactsFolder,
  contextPath,
  type EvidencePlace,
  placeOf,
  resultPath,
} from '../../src/app/evidence/evidence-paths.ts';

describe('a path of the store', () => {
  const artifact = (attempt: number | undefined): EvidencePlace => ({ kind: 'artifact', id: 'v1.2', attempt });
  const paths: [string, EvidencePlace | undefined][] = [
    [contextPath('v1.2', '.md'), { kind: 'context', id: 'v1.2' }],
    [contextPath('plain', ''), { kind: 'context', id: 'plain' }],
    ['tasks/folder/v1.md', { kind: 'context', id: undefined }],
    [resultPath('v1.2', 1), { kind: 'result', id: 'v1.2', attempt: 1 }],
    [resultPath('v1.2', 12), { kind: 'result', id: 'v1.2', attempt: 12 }],
    ['results/v1.2@draft.md', { kind: 'result', id: 'v1.2', attempt: 1 }],
    ['results/v1.2~7.md', { kind: 'result', id: 'v1.2', attempt: 1 }],
    ['results/folder/v1.md', undefined],
    [`${attemptFolder('v1.2', 3)}/patch.diff`, artifact(3)],
    [`${attemptFolder('v1.2', 3)}/folder/patch.diff`, artifact(3)],
    [`${artifactsFolder('v1.2')}/patch.diff`, artifact(undefined)],
    [`${artifactsFolder('v1.2')}/3`, artifact(undefined)],
    [`${artifactsFolder('v1.2')}/old/patch.diff`, artifact(undefined)],
    [artifactsFolder('v1.2'), undefined],
    ['notes/v1.md', undefined],
    ['', undefined],
  ];
  test.for(paths)('%s', ([path, place]) => expect(placeOf(path)).toEqual(place));
});
