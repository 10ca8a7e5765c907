#!/usr/bin/env node
'use strict';
// CommonJS and old syntax: an ES module would take 2 ms more in each call, and an older Node.js must be able to print
// the message below.
var least = 24;
if (Number(process.versions.node.split('.')[0]) < least) {
  fail(
    'Node.js ' +
      least +
      ' or newer is needed, and this is ' +
      process.version +
      ' (npx -p node@' +
      least +
      ' agentq …; in a clone: npm run -s agentq -- …)',
  );
} else {
  var cache = cacheFolder();
  if (cache !== undefined) require('node:module').enableCompileCache(cache + '/compile-cache');
  start(cache);
}

function start(cache) {
  var program;
  try {
    program = require('../dist/agentq.cjs');
  } catch (error) {
    return fail('the program is damaged: ' + String(error.message).split('\n')[0] + ' (install it again)');
  }
  // exit() instead of a natural end: the system releases all resources faster.
  void program.run(cache).then(process.exit);
}

function fail(problem) {
  process.stderr.write('agentq: ' + problem + '\n');
  process.exitCode = 1;
}

/**
 * The user's folder for caches: $XDG_CACHE_HOME/agentq, else ~/.cache/agentq. It is created if it is missing. Node.js
 * runs the code in it, so no other user may write there: the folder must belong to the user, have mode 0700, not be a
 * link, and be in a place where no other user can replace it.
 * @returns undefined if there is no such folder
 */
function cacheFolder() {
  var fs = require('node:fs');
  var own = process.geteuid && process.geteuid();
  if (own === undefined) return undefined;
  try {
    var base = process.env.XDG_CACHE_HOME || (process.env.HOME || require('node:os').homedir()) + '/.cache';
    if (base[0] !== '/') return undefined;
    var above = fs.lstatSync(base, { throwIfNoEntry: false });
    if (above && above.isSymbolicLink()) {
      base = fs.realpathSync(base); // another user's link could be changed at any time
      above = fs.statSync(base);
    }
    // If its parent is missing too, both are created, and the folder above is checked.
    if (!above) above = fs.statSync(base.slice(0, base.lastIndexOf('/')));
    var sticky = (above.mode & 0o1000) !== 0;
    if ((above.uid !== own && above.uid !== 0) || ((above.mode & 0o022) !== 0 && !sticky)) return undefined;
    var folder = base + '/agentq';
    var there = fs.lstatSync(folder, { throwIfNoEntry: false });
    if (!there) {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      there = fs.lstatSync(folder);
    }
    return there.isDirectory() && there.uid === own && (there.mode & 0o077) === 0 ? folder : undefined;
  } catch (error) {
    return void error;
  }
}
