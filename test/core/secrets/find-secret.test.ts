import { describe, expect, test } from 'vitest';
import { findSecret, findSecretIn, INSISTING, refuseSecret } from '../../../src/core/secrets/find-secret.ts';
import { documentedForms, draw } from './documented-forms.ts';

describe('of credentials in their documented forms', () => {
  const DRAWS = 5;
  const drawn = documentedForms.flatMap(([what, form]) => Array.from({ length: DRAWS }, () => [what, draw(form)]));

  test('there are 150', () => {
    expect(new Set(documentedForms.map(([what]) => what)).size).toBe(150);
  });

  test.for([
    ['alone', (secret: string) => secret],
    ['in a sentence', (secret: string) => `use ${secret} please`],
    ['in quotes, among lines', (secret: string) => `first line\nthe key is "${secret}", use it\nlast line`],
  ] as const)('at least 95 in 100 are found %s', async ([, put]) => {
    const missed: string[] = [];
    for (const [what, secret] of drawn) if ((await findSecret(put(secret!))) === undefined) missed.push(what!);
    expect(missed.length, missed.join(', ')).toBeLessThanOrEqual(drawn.length * 0.05);
    // A form whose draws are all missed is not supported.
    for (const what of missed) expect(missed.filter((one) => one === what).length, what).toBeLessThan(DRAWS);
  });
});

const chosen = ['hunter', 2].join('');
const fake = (prefix: string, length: number, alphabet = 'aB3dE5gH7jK9'): string =>
  prefix + alphabet.repeat(Math.ceil(length / alphabet.length)).slice(0, length);
const url = (scheme: string, user: string, password: string) => `${scheme}://${user}:${password}@db.internal:5432/shop`;

describe('it finds', () => {
  test.for<[string, string]>([
    ['url-password', url('postgres', 'shop', 'correct-horse')],
    ['url-password', url('HTTPS', 'shop', 'p%40ss')],
    ['url-password', url('mongodb+srv', 'shop', 'hunter2')],
    // The usual form of a Redis password.
    ['url-password', url('redis', '', 'correct-horse')],
    ['url-password', url('amqp', 'shop', 'hunter/2/x')],
    ['url-password', url('amqp', 'shop', '$ecret')],
    ['password', `password=${chosen}`],
    ['password', `PGPASSWORD=${chosen} psql`],
    ['password-argument', `machine x login y password ${chosen}`],
    ['password-argument', `mysql --password ${chosen}`],
    ['curl-user', `curl https://x -u joe:${chosen}`],
    ['curl-user', `curl https://x \\\n  --user 'joe:${chosen}'`],
    ['github-token', fake('ghp_', 36)],
  ])('%s: %s', async ([id, text]) => {
    expect(await findSecret(text)).toBe(`a credential (${id})`);
  });
});

describe('it finds nothing in', () => {
  const dashes = '-'.repeat(5);
  test.for<[string, string]>([
    ['nothing', ''],
    ['prose', 'Rotate the AWS access keys, the GitHub tokens and the private key; see the password policy: section 4.'],
    ['a remark', 'all tests pass: 42/42, it must pass 100% of the time, bypass=123456'],
    ['a git hash', 'fixed in 9fceb02d0ae598e95dc970b74767f19372d61af8'],
    ['a SHA-256', 'sha256:ea7792a26f405e2ae9c6f49ca93bbe6076ceac0a1fc53d83426c7d7f2d9377e4'],
    ['a UUID', '123e4567-e89b-42d3-a456-426614174000'],
    ['a UUID after the word key', 'task key: 123e4567-e89b-42d3-a456-426614174000'],
    ['ids of tasks', 'the key: key-3fa9c81b2e4d5a6f, the token = task-7k3m9p2x4q8w'],
    ['a URL', 'https://example.com/a/b?c=d#e'],
    ['a URL with a port', 'http://localhost:8080/users/@me'],
    ['a URL with a port and a mail address in its query', 'https://example.com:8443?to=me@example.com'],
    ['a URL with a user', 'ssh://git@github.com:22/o/r.git'],
    ['a remote of git', 'git@github.com:o/r.git'],
    ['a package of a scope', 'https://registry.example.org/@types/node'],
    ['a package with a version', 'npm:@types/node@24.0.0'],
    ['a mail address', 'mailto:someone@example.com'],
    ['an option that follows', 'pass --debug-level2 on, pass tests/dir-8.deb, never use --password --debug2'],
    ['a method', 'replace password OAuth2 by password PBKDF2-256'],
    ['a working folder', 'PWD=/home/user1/project OLDPWD=/var/lib/x1 cd $(pwd)/build2'],
    ['code', 'password: process.env.DB_PASSWORD2, token: await readToken2(file)'],
    ['a public key', `${dashes}BEGIN PUBLIC KEY${dashes}`],
    ['a certificate', `${dashes}BEGIN CERTIFICATE${dashes}`],
    ['a prefix alone', 'tokens begin with ghp_, sk-ant-, xoxb- or npm_'],
    ['words that end like a prefix', 'task-force-for-the-very-long-name-of-a-branch-that-goes-on'],
    ['base64', 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='],
  ])('%s: %s', async ([, text]) => {
    expect(await findSecret(text)).toBeUndefined();
  });

  test.for([
    'AKIAIOSFODNN7EXAMPLE',
    'aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    'postgres://USER:PASSWORD@HOST/db',
    'postgres://user:password@localhost/db',
    'https://user:***@host',
    'https://<user>:<password>@host',
    'https://$USER:$PASSWORD@host',
    'https://${USER}:${PASSWORD}@host',
    'https://x-access-token:${{ secrets.TOKEN }}@github.com/o/r',
    'amqp://guest:guest@localhost',
    'ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
    'xoxb-your-token-here',
    'password=<password> password=$PASSWORD1 password: ******** password=YOUR_PASSWORD_123',
    'Authorization: Bearer $TOKEN',
    'Authorization: Bearer YOUR_TOKEN_HERE',
    'postgres://postgres:postgres@localhost/shop, mysql://root:test@db, redis://:changeme@cache',
    'the token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36',
    `Authorization: Basic ${btoa('user:password')}`,
    'curl -u "$USER:$PASS" https://host; curl -u USERNAME:API_TOKEN https://host',
  ])('a placeholder: %s', async (text) => {
    expect(await findSecret(text)).toBeUndefined();
  });
});

describe('a text in parts', () => {
  const secret = fake('ghp_', 36);
  const words = 'some words of a very long text without one '.repeat(10_000);

  test('is searched to its end', async () => {
    expect(await findSecretIn([words, words, words, words, secret])).toBe('a credential (github-token)');
  });

  test('is searched across the ends of its parts', async () => {
    const text = `${words}${secret} ${words}`;
    for (const at of [words.length + 2, words.length + 20, 128 * 1024, 7])
      expect(await findSecretIn([text.slice(0, at), text.slice(at)])).toBe('a credential (github-token)');
    expect(await findSecretIn(text.match(/[^]{1,1000}/g)!)).toBe('a credential (github-token)');
  });

  test('does not report a part of a longer run as a secret', async () => {
    const hex = `adobe_hash = ${fake('', 200_000, '0123456789abcdef')}`;
    expect(await findSecretIn([hex])).toBeUndefined();
  });
});

describe('a text with a secret', () => {
  const secret = fake('ghp_', 36);

  test('is refused with the kind and the place of the secret, but without the secret', async () => {
    const refusal = refuseSecret(`the token ${secret} and more`, 'the summary');
    await expect(refusal).rejects.toMatchObject({
      code: 'secret',
      message: 'there seems to be a credential (github-token) in the summary',
    });
  });

  test('is refused with a hint about --allow-secret only if this option exists', async () => {
    const hint = 'messages are kept and shown to many: hand secrets over another way';
    await expect(refuseSecret(secret, 'the note')).rejects.toMatchObject({ hint });
    await expect(refuseSecret(secret, 'the note', INSISTING)).rejects.toMatchObject({
      hint: `${hint}, or insist with --allow-secret`,
    });
  });

  test('is accepted if it contains no secret or is absent', async () => {
    await refuseSecret('all is well', 'the summary');
    await refuseSecret(undefined, 'the summary');
  });
});
