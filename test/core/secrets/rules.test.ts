import { expect, test } from 'vitest';
import gitleaks from '../../../src/core/secrets/gitleaks.json' with { type: 'json' };
import { keywordIndex } from '../../../src/core/secrets/keyword-index.ts';
import { passwordRules } from '../../../src/core/secrets/password-rules.ts';
import type { Rule } from '../../../src/core/secrets/rule.ts';
import { searchText } from '../../../src/core/secrets/search.ts';
import { vendorRules } from '../../../src/core/secrets/vendor-rules.ts';

const rules: readonly Rule[] = [...vendorRules, ...passwordRules, ...(gitleaks.rules as readonly Rule[])];
const keywords = [...new Set(rules.flatMap(({ keywords }) => keywords))];

test('every rule and every exception is a valid regular expression in JavaScript', () => {
  const exceptions = [gitleaks.allowlist, ...rules.flatMap(({ allowlists = [] }) => allowlists)];
  const all = [...rules, ...exceptions.flatMap(({ expressions = [] }) => expressions)];
  expect(all.length).toBeGreaterThan(300);
  for (const { source, flags = '' } of all) expect(() => new RegExp(source, flags), source).not.toThrow();
});

test('the index finds every keyword', () => {
  const index = keywordIndex(keywords);
  for (const keyword of keywords) {
    expect(keyword, keyword).toBe(keyword.toLowerCase());
    expect(index(`… ${keyword} …`).has(keyword), keyword).toBe(true);
  }
});

// JavaScript backtracks, and the engine of gitleaks does not. A quadratic rule would need minutes here and reach the
// time limit of the test.
test('no rule is slow for repetitions of its beginning', () => {
  const LENGTH = 128 * 1024;
  for (const keyword of keywords) {
    for (const unit of [keyword, `${keyword} `, `${keyword}=`, `${keyword}: "`, `${keyword.toUpperCase()}a1.`])
      searchText(unit.repeat(LENGTH / unit.length));
    searchText(keyword + 'a1'.repeat(LENGTH / 2));
  }
  for (const unit of ['a.', 'eyJ-', '://a:', '://', 'curl -u a ', 'a:b@', '"auths":', 'A1', '-----BEGIN A '])
    searchText(unit.repeat(LENGTH / unit.length));
});
