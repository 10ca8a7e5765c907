import { describe, expect, test } from 'vitest';
import { missingArtifacts, promisedArtifacts } from '../../src/core/evidence/promise.ts';
import { envelope, evidence } from './tasks.ts';

test('an envelope promises the artifacts that it names, and else none', () => {
  expect(promisedArtifacts(envelope({ expected_output: { artifacts: ['patch', 'summary'] } }))).toEqual([
    'patch',
    'summary',
  ]);
  expect(promisedArtifacts(envelope({ expected_output: { format: 'markdown' } }))).toEqual([]);
  expect(promisedArtifacts(envelope())).toEqual([]);
});

describe('of the promised artifacts', () => {
  const promised = ['patch', 'summary'];

  test('none is missing where each was brought, in whatever order and with whatever else', () => {
    const artifacts = ['log', 'summary', 'patch'].map((name) => evidence(name));
    expect(missingArtifacts(promised, { artifacts })).toEqual([]);
  });

  test('those are missing that were not brought, in the order of the promise', () => {
    expect(missingArtifacts(promised, { artifacts: [evidence('log')] })).toEqual(promised);
  });

  test('one is missing that was brought empty', () => {
    const artifacts = [evidence('patch', ''), evidence('summary')];
    expect(missingArtifacts(promised, { artifacts })).toEqual(['patch']);
  });

  test('a summary in words stands for the artifact of that name, and for no other', () => {
    expect(missingArtifacts(promised, { artifacts: [], summary: 'done' })).toEqual(['patch']);
  });

  test.for(['', ' \n\t'])('a summary without a word (%j) stands for nothing', (summary) => {
    expect(missingArtifacts(['summary'], { artifacts: [], summary })).toEqual(['summary']);
  });
});
