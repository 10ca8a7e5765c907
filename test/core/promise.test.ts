import { describe, expect, test } from 'vitest';
import { missingArtifacts, promisedArtifacts } from '../../src/core/evidence/promise.ts';
import { envelope, evidence } from './tasks.ts';

test('the expected artifacts are those that the envelope names', () => {
  expect(promisedArtifacts(envelope({ expected_output: { artifacts: ['patch', 'summary'] } }))).toEqual([
    'patch',
    'summary',
  ]);
  expect(promisedArtifacts(envelope({ expected_output: { format: 'markdown' } }))).toEqual([]);
  expect(promisedArtifacts(envelope())).toEqual([]);
});

describe('of the expected artifacts', () => {
  const promised = ['patch', 'summary'];

  test('none is missing if all exist, in any order and with additional artifacts', () => {
    const artifacts = ['log', 'summary', 'patch'].map((name) => evidence(name));
    expect(missingArtifacts(promised, { artifacts })).toEqual([]);
  });

  test('the absent ones are missing, in the order of the envelope', () => {
    expect(missingArtifacts(promised, { artifacts: [evidence('log')] })).toEqual(promised);
  });

  test('an empty one is missing', () => {
    const artifacts = [evidence('patch', ''), evidence('summary')];
    expect(missingArtifacts(promised, { artifacts })).toEqual(['patch']);
  });

  test('the text of the summary replaces only the artifact with the name summary', () => {
    expect(missingArtifacts(promised, { artifacts: [], summary: 'done' })).toEqual(['patch']);
  });

  test('the result replaces only the artifact with the name result, and not if it is empty', () => {
    const names = ['result', 'patch'];
    expect(missingArtifacts(names, { artifacts: [], result: evidence('result') })).toEqual(['patch']);
    expect(missingArtifacts(names, { artifacts: [], result: evidence('result', '') })).toEqual(names);
  });

  test.for(['', ' \n\t'])('a blank summary (%j) replaces no artifact', (summary) => {
    expect(missingArtifacts(['summary'], { artifacts: [], summary })).toEqual(['summary']);
  });
});
