/** A regular expression as JSON: its source and its flags. */
export interface Expression {
  readonly source: string;
  readonly flags?: string;
}

/** Exceptions: matches of a rule that are not a secret. */
export interface Allowlist {
  /** What the expressions are applied to: the secret, the whole match with the name before it, or its line. */
  readonly target?: 'match' | 'line';
  readonly expressions?: readonly Expression[];
  /** Lower case; a secret that contains one of them is allowed. */
  readonly stopwords?: readonly string[];
}

/** A rule for one kind of credential, in the form of gitleaks. */
export interface Rule extends Expression {
  readonly id: string;
  /** Lower case; the rule applies only to texts that contain one of them. None: to all texts. */
  readonly keywords: readonly string[];
  /** Whether it matches `NAME = VALUE`, starting anywhere in the name. */
  readonly named?: boolean;
  /** The group with the secret. If absent, the first group that took part in the match. */
  readonly group?: number;
  /** The minimum Shannon entropy of the secret, in bits per character (exclusive). */
  readonly entropy?: number;
  readonly allowlists?: readonly Allowlist[];
}

/** A rule for random tokens that start with, or contain, words of their vendor. */
export const token = (id: string, form: RegExp, ...keywords: string[]): Rule => ({
  id,
  source: form.source,
  flags: form.flags,
  keywords,
  entropy: 2.5,
});

/** The text between NAME and VALUE in a shell, in JSON, YAML and most languages, for rules about both. */
export const IS = String.raw`["'\]]{0,2}[ \t]{0,3}(?:=>|:?=|:)[ \t]{0,3}`;
