import gitleaks from './gitleaks.json' with { type: 'json' };
import { keywordIndex } from './keyword-index.ts';
import { passwordRules } from './password-rules.ts';
import { ids, placeholders } from './placeholder.ts';
import type { Allowlist, Expression, Rule } from './rule.ts';
import { vendorRules } from './vendor-rules.ts';

const listed = (gitleaks.rules as readonly Rule[]).map((rule) => ({
  ...rule,
  allowlists: [gitleaks.allowlist, ...(rule.id === 'generic-api-key' ? [ids] : []), ...(rule.allowlists ?? [])],
}));

/** A rule of agentq with the same id as a gitleaks rule has the same exceptions. */
const rules: readonly Rule[] = [
  ...[...vendorRules, ...passwordRules].map((rule) => ({ ...listed.find(({ id }) => id === rule.id), ...rule })),
  ...listed,
];

const keywordsIn = keywordIndex(rules.flatMap(({ keywords }) => keywords));

/** The maximum length of a name before the secret, in characters. */
const NAME_LENGTH = 50;

/** A base64 sequence of this length is data; a keyword in it is a coincidence. */
const DATA = /^[\w+/\r\n-]{80}$/;

const compiled = new WeakMap<Expression, RegExp>();

function compile(expression: Expression): RegExp {
  let regex = compiled.get(expression);
  if (!regex) compiled.set(expression, (regex = new RegExp(expression.source, `${expression.flags ?? ''}g`)));
  return regex;
}

const matches = (expression: Expression, text: string) => text.search(compile(expression)) >= 0;

/**
 * Applies every rule to a text.
 * @returns the id of the first rule that finds a secret in it
 */
export function searchText(text: string): string | undefined {
  const held = keywordsIn(text.toLowerCase());
  const applies = ({ keywords }: Rule) => keywords.length === 0 || keywords.some((keyword) => held.has(keyword));
  return rules.find((rule) => applies(rule) && finds(rule, text))?.id;
}

function finds(rule: Rule, text: string): boolean {
  for (const match of text.matchAll(compile(rule))) {
    const name = rule.named ? text.slice(Math.max(0, match.index - NAME_LENGTH), match.index) : '';
    if (rule.named && DATA.test(text.slice(Math.max(0, match.index - 80), match.index))) continue;
    const secret = (rule.group ? match[rule.group] : match.slice(1).find(Boolean)) ?? match[0];
    if (rule.entropy !== undefined && entropyOf(secret) <= rule.entropy) continue;
    const seen: Seen = {
      secret,
      match: () => /[\w.-]*$/.exec(name)![0] + match[0],
      line: () => lineAt(text, match.index),
    };
    if ([placeholders, ...(rule.allowlists ?? [])].some((list) => allows(list, seen))) continue;
    return true;
  }
  return false;
}

interface Seen {
  readonly secret: string;
  readonly match: () => string;
  readonly line: () => string;
}

function allows({ target, expressions = [], stopwords = [] }: Allowlist, seen: Seen): boolean {
  const tried = target === undefined ? seen.secret : seen[target]();
  if (expressions.some((expression) => matches(expression, tried))) return true;
  const lower = seen.secret.toLowerCase();
  return stopwords.some((word) => lower.includes(word));
}

function lineAt(text: string, index: number): string {
  const end = text.indexOf('\n', index);
  return text.slice(text.lastIndexOf('\n', index) + 1, end < 0 ? undefined : end);
}

/** Shannon entropy, in bits per character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let entropy = 0;
  for (const count of counts.values()) entropy -= (count / text.length) * Math.log2(count / text.length);
  return entropy;
}
