import type { Allowlist } from './rule.ts';

/** Placeholders that documentation uses instead of a secret. */
const words = [
  'example',
  'placeholder',
  'redacted',
  'changeme',
  'change_me',
  'change-me',
  'xxxx',
  '****',
  'your_',
  'your-',
  'my_secret',
  'my-secret',
  '<',
  '${{',
  '…',
  '...',
  // The samples of jwt.io, of Stripe, and of Basic authentication in RFC 7617 and elsewhere
  'eyjzdwiioiixmjm0nty3odkw',
  '4ec39hqlyjwdarjtt1zdp7dc',
  'bqokikjovbii2hlwgh4olfq2',
  'qwxhzgrpbjpvcgvu',
  'dxnlcjpwyxnz',
  'dxnlcm5hbwu6cgfzc3dvcmq',
];

/** Words that describe a secret, and names of variables that contain one. */
const NAME =
  '(?:(?:[a-z]+[_-]){1,3}|my|the|your|our|some|db|super|top|user|root|admin|pg)?(?:user|name|admin|root|test|demo|foo|bar|pass(?:word|wd|phrase|code)?|pwd|pw|secret|token|(?:api[_-]?)?key|cred(?:ential)?s?|auth|change_?me|changeit|env|guest|null|none|undefined|string)(?:[_-]?(?:here|file|var))?\\d?';

const expressions = [
  // PASSWORD, db_password, user-token
  { source: `^${NAME}$`, flags: 'i' },
  // $PASSWORD, $1, ${DB_PASSWORD:-x}, $(pass show db), %PASSWORD%, %s, {password}, {{ .Password }}, [password], @PASSWORD@
  { source: '^\\$(?:[A-Z_][A-Z0-9_]*|\\d|[{(].*)$' },
  { source: `^\\$${NAME}$`, flags: 'i' },
  { source: '^(?:%\\w*%|%[sdv]|%\\(.*|\\{.*|\\[.*|@\\w+@)$' },
  // *** and ···
  { source: '^([*x.·•_-])\\1*$', flags: 'i' },
  // The id of a task
  { source: '^(?:key-[a-f0-9]{16}|task-[a-z0-9]{12})$' },
  // A folder or a file: its name may describe its content
  { source: '^[~.]{0,2}/[\\w./-]+$' },
];

/** Exceptions for the rule for keys of any vendor: a UUID after "key" is nearly always an id. */
export const ids: Allowlist = {
  expressions: [{ source: '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$', flags: 'i' }],
};

/** Exceptions for every rule. */
export const placeholders: Allowlist = { stopwords: words, expressions };
