/** A regular expression as JSON: its source and its flags. */
export interface Expression {
  readonly source: string;
  readonly flags?: string;
}

/** What is no secret although a rule matches it. */
export interface Allowlist {
  /** What the expressions are tried on: the secret, the whole match with the name before it, or the line it is in. */
  readonly target?: 'match' | 'line';
  readonly expressions?: readonly Expression[];
  /** Lower case; a secret that contains one of them is allowed. */
  readonly stopwords?: readonly string[];
}

/** A form of credentials, as gitleaks' rules describe it. */
export interface Rule extends Expression {
  readonly id: string;
  /** Lower case; the rule applies only to texts that contain one of them. None: to all texts. */
  readonly keywords: readonly string[];
  /** Whether it matches `NAME = VALUE` from somewhere in the name on. */
  readonly named?: boolean;
  /** The group that is the secret: the first one that took part in the match where it is not given. */
  readonly group?: number;
  /** The secret has more than so many bits of Shannon entropy a character. */
  readonly entropy?: number;
  readonly allowlists?: readonly Allowlist[];
}

/** A rule for random tokens, which have words of their vendor at the beginning, or inside. */
export const token = (id: string, form: RegExp, ...keywords: string[]): Rule => ({
  id,
  source: form.source,
  flags: form.flags,
  keywords,
  entropy: 2.5,
});

/** What stands between NAME and VALUE, in a shell, in JSON, YAML and most languages, for rules about both. */
export const IS = String.raw`["'\]]{0,2}[ \t]{0,3}(?:=>|:?=|:)[ \t]{0,3}`;
