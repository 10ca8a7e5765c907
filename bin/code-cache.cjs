'use strict';
// Loads the files of dist/ with the code that V8 compiled in an earlier process. The compile cache of Node.js is made
// before a file runs. V8 compiles a function when it is first called, so that cache lacks almost all functions, and
// each process compiles them again. This cache is made after a command has run: one file for each verb, with all
// functions that the verb has called.

const { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { Script } = require('node:vm');

/** The last line of a built file: a hash of its content. */
const STAMP = /\n\/\/(\w{32})\n$/;
const STAMP_LENGTH = 36;

/** The file of dist/ that every command loads. */
const ENTRY = 'agentq.cjs';

/** A process that lives longer than this writes the cache before it ends, in ms: it may be killed. */
const SOON = 1_000;

/**
 * @param {string} dist the folder of the built program
 * @param {string | undefined} file the cache of the verb; undefined for none. V8 runs the code in it: no other user may
 * be able to write there.
 * @returns `load(name)`: the exports of a file of dist/; `save()`: writes the cache if it lacked a file that was loaded
 */
exports.openCodeCache = function openCodeCache(dist, file) {
  const modules = new Map();
  const scripts = [];
  let cached = readCache(file);
  let complete = true;

  function load(name) {
    const known = modules.get(name);
    if (known) return known.exports;
    // Without a prototype it is a dictionary from the start: else the hundreds of exports cost each command 0.4 ms.
    const module = { exports: Object.create(null) };
    modules.set(name, module);
    const { script, stamp, accepted } = compile(join(dist, name), cached.get(name));
    if (stamp) scripts.push({ name, stamp, code: () => script.createCachedData() });
    if (stamp && !accepted) complete = false;
    script.runInThisContext()(module.exports, requireFrom, module);
    return module.exports;
  }

  function requireFrom(id) {
    return id.startsWith('./') ? load(id.slice(2)) : require(id);
  }

  /** The cached files that this process has not loaded, if they belong to the same build. */
  function others() {
    const entry = scripts.find(({ name }) => name === ENTRY);
    if (!entry || !cached.has(ENTRY) || cached.get(ENTRY).stamp !== entry.stamp) return [];
    const loaded = new Set(scripts.map(({ name }) => name));
    return [...cached]
      .filter(([name]) => !loaded.has(name))
      .map(([name, { stamp, code }]) => ({ name, stamp, code: () => code }));
  }

  function save() {
    if (file !== undefined && !complete) writeCache(file, [...scripts, ...others()]);
    complete = true;
    cached = new Map();
    scripts.length = 0;
  }

  if (file !== undefined) setTimeout(save, SOON).unref();
  return { load, save };
};

/**
 * Compiles a file, with the cached code if it was made from the same content. The build has put the code of the file
 * into a function, because doing it here would copy the code in each call.
 */
function compile(filename, cached) {
  const source = readSource(filename);
  const [, stamp] = STAMP.exec(source.slice(-STAMP_LENGTH)) || [];
  const cachedData = stamp && cached && cached.stamp === stamp ? cached.code : undefined;
  const script = new Script(source, { filename, cachedData });
  return { script, stamp, accepted: cachedData !== undefined && !script.cachedDataRejected };
}

function readSource(filename) {
  try {
    return readFileSync(filename, 'utf8');
  } catch (error) {
    // Without its code, this is not taken for an error of the store.
    throw new Error(`a file of the program cannot be read: ${error.message}`, { cause: error });
  }
}

/** @returns for each file of dist/ the stamp of its content, and its compiled code */
function readCache(file) {
  const entries = new Map();
  try {
    const content = readFileSync(file);
    let at = content.indexOf('\n') + 1;
    for (const { name, stamp, length } of JSON.parse(content.toString('latin1', 0, at))) {
      entries.set(name, { stamp, code: content.subarray(at, at + length) });
      at += length;
    }
  } catch {
    // There is no cache yet.
  }
  return entries;
}

/**
 * The content is synced before the file gets its name: V8 does not check it, and an incomplete one would end every
 * later process.
 */
function writeCache(file, files) {
  const temporary = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      const codes = files.map(({ code }) => code());
      const index = files.map(({ name, stamp }, i) => ({ name, stamp, length: codes[i].length }));
      for (const part of [Buffer.from(`${JSON.stringify(index)}\n`), ...codes]) writeAll(fd, part);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    // The next process compiles the code again. A file of another process with the same id is not touched.
    if (error.code !== 'EEXIST') rmSync(temporary, { force: true });
  }
}

function writeAll(fd, data) {
  for (let done = 0; done < data.length;) done += writeSync(fd, data, done);
}
