import { type Allowlist, IS, type Rule, token } from './rule.ts';

/** A password that a person chose is less random than a token, so no entropy is required. */
const chosen = (id: string, source: string, ...keywords: string[]): Rule => ({ id, source, flags: 'i', keywords });

/** The difference between a password and a word or the name of a variable. */
const DIGIT_OR_SIGN = String.raw`[^\s"'\x60<>;,(){}[\]]{0,127}[\d!#$%^&*+~]`;
const quoted = (quote: string) =>
  String.raw`${quote}(?=[^${quote}\s]{0,127}[\d!#$%^&*+~]|(?-i:[^${quote}\s]{0,64}[a-z][A-Z][^${quote}\s]{0,64}[a-z][A-Z]))([^${quote}\s]{6,128})${quote}`;

/** A password in quotes or without. */
const VALUE = String.raw`(?:${quoted('"')}|${quoted("'")}|(?=${DIGIT_OR_SIGN})([^\s"'\x60<>;,(){}[\]]{6,128}))`;

/** process.env.DB_PASSWORD2, and an option that follows. */
const code: Allowlist = {
  expressions: [{ source: '^[a-z_$][\\w$]*(?:\\.[a-z_$][\\w$]*)+$', flags: 'i' }, { source: '^--' }],
};

/** Credentials that are recognised by the text before them, for every vendor. */
export const passwordRules: readonly Rule[] = [
  token(
    'authorization-header',
    RegExp(String.raw`authorization${IS}["']?(?:bearer|basic|token|bot|apikey|ssws)[ \t]+([\w=~@.+/:-]{8,})`, 'i'),
    'authorization',
  ),
  token('bearer-token', /\bbearer[ \t]+((?=[\w.~+/-]*\d)[\w.~+/-]{24,}=*)/i, 'bearer'),
  token(
    'hexadecimal-key',
    RegExp(String.raw`(?:api|app|access|secret|auth)[_-]?(?:key|token|secret)${IS}["']?([a-f0-9]{32,64})(?!\w)`, 'i'),
    'key',
    'token',
    'secret',
  ),
  chosen(
    'curl-user',
    String.raw`\bcurl\b(?:[^\r\n]|\\\r?\n){0,400}?[ \t](?:-u|--(?:proxy-)?user)[ \t=]{0,4}["']?[^\s:"'<>]+:([^\s"'<>]{3,})`,
    'curl',
  ),
  {
    // A port and a path with an @ are not a password. A password that equals the user name is not a secret.
    ...chosen(
      'url-password',
      String.raw`(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/([^\s/?#:@"'<>]{0,128}):(?!\1@|\d{1,5}(?:[/?#"'\\]|$))([^\s?#@"'<>\\]{3,256})@[^\s/@]+`,
      '://',
    ),
    group: 2,
  },
  {
    ...chosen(
      'password',
      String.raw`(?:pass(?:word|wd|phrase|code)|(?<![a-z])(?:pass|pwd)|_pwd)${IS}${VALUE}`,
      'pass',
      'pwd',
    ),
    allowlists: [code],
  },
  {
    ...chosen(
      'password-argument',
      String.raw`(?:(?<![\w-])--?pass(?:word|wd|phrase)?|sshpass[ \t]+-p|login[ \t]+\S{1,128}[ \t]+password)[ \t]+${VALUE}`,
      'pass',
    ),
    allowlists: [code],
  },
];
