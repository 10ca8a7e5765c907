import { describe, expect, test } from 'vitest';
import { findSecret, INSISTING, refuseSecret } from '../../src/core/secrets.ts';

// Every fake is put together here, so that no scanner takes this file for a leak.
const fake = (prefix: string, length: number, alphabet = 'aB3dE5gH7jK9'): string =>
  prefix + alphabet.repeat(Math.ceil(length / alphabet.length)).slice(0, length);
const upper = 'ABCDEFGH23456789';
const url = (scheme: string, user: string, password: string) => `${scheme}://${user}:${password}@db.example:5432/shop`;

describe('it finds', () => {
  test.for<[string, string]>([
    ['a private key', `${'-'.repeat(5)}BEGIN PRIVATE KEY${'-'.repeat(5)}`],
    ['a private key', `${'-'.repeat(5)}BEGIN OPENSSH PRIVATE KEY${'-'.repeat(5)}`],
    ['a private key', `${'-'.repeat(5)}BEGIN PGP PRIVATE KEY BLOCK${'-'.repeat(5)}`],
    ['an AWS access key', fake('AKIA', 16, upper)],
    ['an AWS access key', fake('ASIA', 16, upper)],
    ...['p', 'o', 'u', 's', 'r'].map((kind): [string, string] => ['a GitHub token', fake(`gh${kind}_`, 36)]),
    ['a GitHub token', fake('github_pat_', 60)],
    ['a GitLab token', fake('glpat-', 20)],
    ['an Anthropic API key', fake('sk-ant-', 40)],
    ['an OpenAI API key', fake('sk-', 48)],
    ['an OpenAI API key', fake('sk-proj-', 48)],
    ['a Slack token', fake('xoxb-', 20)],
    ['a Slack webhook', `https://hooks.slack.com/services/T${upper}/B${upper}/${fake('', 24)}`],
    ['a Google API key', fake('AIza', 35)],
    ['a Stripe key', fake('sk_live_', 24)],
    ['a Stripe key', fake('rk_live_', 24)],
    ['an npm token', fake('npm_', 36)],
    ['a JSON web token', [fake('eyJ', 20), fake('eyJ', 30), fake('', 43)].join('.')],
    ['a URL with a password', url('postgres', 'shop', 'correct-horse')],
    ['a URL with a password', url('HTTPS', 'shop', 'p%40ss')],
    ['a URL with a password', url('mongodb+srv', 'shop', 'hunter2')],
  ])('%s: %s', ([kind, secret]) => {
    expect(findSecret(secret)).toBe(kind);
    expect(findSecret(`first line\nthe key is "${secret}", use it\nlast line`)).toBe(kind);
  });

  // How a password of Redis is commonly written.
  test('a URL with a password and no user', () => {
    expect(findSecret(url('redis', '', 'correct-horse'))).toBe('a URL with a password');
  });
});

describe('it finds nothing in', () => {
  test.for<[string, string]>([
    ['nothing', ''],
    ['prose', 'Rotate the AWS access keys, the GitHub tokens and the private key; see the password policy: section 4.'],
    ['a git hash', 'fixed in 9fceb02d0ae598e95dc970b74767f19372d61af8'],
    ['a SHA-256', 'sha256:ea7792a26f405e2ae9c6f49ca93bbe6076ceac0a1fc53d83426c7d7f2d9377e4'],
    ['a UUID', '123e4567-e89b-42d3-a456-426614174000'],
    ['a URL', 'https://example.com/a/b?c=d#e'],
    ['a URL with a port', 'http://localhost:8080/users/@me'],
    ['a URL with a user', 'ssh://git@github.com:22/o/r.git'],
    ['a remote of git', 'git@github.com:o/r.git'],
    ['a package of a scope', 'https://registry.npmjs.org/@types/node'],
    ['a package with a version', 'npm:@types/node@24.0.0'],
    ['a mail address', 'mailto:someone@example.com'],
    ['a public key', `${'-'.repeat(5)}BEGIN PUBLIC KEY${'-'.repeat(5)}`],
    ['a certificate', `${'-'.repeat(5)}BEGIN CERTIFICATE${'-'.repeat(5)}`],
    ['a key of a test mode', fake('sk_test_', 24)],
    ['a prefix alone', 'tokens begin with ghp_, sk-ant-, xoxb- or npm_'],
    ['words that end like a prefix', 'task-force-for-the-very-long-name-of-a-branch-that-goes-on'],
    ['base64', 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='],
  ])('%s: %s', ([, text]) => {
    expect(findSecret(text)).toBeUndefined();
  });

  // Neither a user nor a password of a URL can hold ? or #.
  test('a URL with a port and a mail address in its query', () => {
    expect(findSecret('https://example.com:8443?to=me@example.com')).toBeUndefined();
  });
});

describe('a text with a secret', () => {
  const secret = fake('ghp_', 36);

  test('is refused with what it is and where, without repeating it', () => {
    expect(() => refuseSecret(secret, 'the summary')).toThrow(
      expect.objectContaining({ code: 'secret', message: 'the summary seems to hold a GitHub token' }),
    );
  });

  test('is refused with how to insist, only where the writer may', () => {
    const hint = 'messages are kept and shown to many: hand secrets over another way';
    expect(() => refuseSecret(secret, 'the note')).toThrow(expect.objectContaining({ hint }));
    expect(() => refuseSecret(secret, 'the note', INSISTING)).toThrow(
      expect.objectContaining({ hint: `${hint}, or insist with --allow-secret` }),
    );
  });

  test('is not refused where it holds none, or there is none', () => {
    expect(() => refuseSecret('all is well', 'the summary')).not.toThrow();
    expect(() => refuseSecret(undefined, 'the summary')).not.toThrow();
  });
});

test('the search takes no longer for what looks like the beginning of a secret again and again', () => {
  // Quadratic, each of these would take hours; the test's own bound ends it.
  expect(findSecret('a.'.repeat(2 ** 20))).toBeUndefined();
  expect(findSecret('eyJ-'.repeat(2 ** 19))).toBeUndefined();
});
