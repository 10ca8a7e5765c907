import { AgentqError } from './errors.ts';

/** Forms that are credentials beyond reasonable doubt: the vendors publish them so that they can be found. */
const forms: readonly (readonly [name: string, form: RegExp])[] = [
  ['a private key', /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/],
  ['an AWS access key', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ['a GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})\b/],
  ['a GitLab token', /\bglpat-[A-Za-z0-9_-]{20,}/],
  ['an Anthropic API key', /(?<![A-Za-z0-9_-])sk-ant-[A-Za-z0-9_-]{20,}/],
  ['an OpenAI API key', /(?<![A-Za-z0-9_-])sk-(?:proj-|svcacct-)?[A-Za-z_-]{0,40}\d[A-Za-z0-9_-]{31,}/],
  ['a Slack token', /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/],
  ['a Slack webhook', /\bhooks\.slack\.com\/services\/T[A-Z0-9]+\/B[A-Z0-9]+\/[A-Za-z0-9]{20,}/],
  ['a Google API key', /\bAIza[A-Za-z0-9_-]{35}/],
  ['a Stripe key', /\b[rs]k_live_[A-Za-z0-9]{20,}/],
  ['an npm token', /\bnpm_[A-Za-z0-9]{36}\b/],
  ['a JSON web token', /(?<![\w-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/],
  ['a URL with a password', /(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^\s/?#:@]*:[^\s/?#@${<][^\s/?#@]{2,}@[^\s/]+/i],
];

/** For the commands that have the option. */
export const INSISTING = ', or insist with --allow-secret';

/** What kind of credential the text seems to hold; undefined where it seems to hold none. */
export function findSecret(text: string): string | undefined {
  return forms.find(([, form]) => form.test(text))?.[0];
}

/**
 * @param insisting how to insist, where the writer may
 * @throws AgentqError `secret` where the text seems to hold a credential. The message never repeats it.
 */
export function refuseSecret(text: string | undefined, where: string, insisting = ''): void {
  const found = text === undefined ? undefined : findSecret(text);
  if (found === undefined) return;
  throw new AgentqError(
    'secret',
    `${where} seems to hold ${found}`,
    `messages are kept and shown to many: hand secrets over another way${insisting}`,
  );
}
