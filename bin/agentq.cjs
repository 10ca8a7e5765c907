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
  start(cacheFolder());
}

function start(cache) {
  var path = require('node:path');
  var dist = path.join(__dirname, '../dist');
  var code;
  var program;
  try {
    code = require('./code-cache.cjs').openCodeCache(dist, codeCacheFile(cache, dist));
    program = code.load('agentq.cjs');
  } catch (error) {
    return fail('the program is damaged: ' + String(error.message).split('\n')[0] + ' (install it again)');
  }
  void program.run(cache).then(function (exitCode) {
    // After a failure, the first argument may not be a verb.
    if (exitCode === 0) code.save();
    // exit() instead of a natural end: the system releases all resources faster.
    process.exit(exitCode);
  });
}

/** @returns undefined if compiled code must not be kept */
function codeCacheFile(cache, dist) {
  var folder = process.env.NODE_COMPILE_CACHE || (cache && cache + '/compile-cache');
  if (!folder || process.env.NODE_DISABLE_COMPILE_CACHE) return undefined;
  // Each installation has its own files.
  var place = 0;
  for (var i = 0; i < dist.length; i++) place = (Math.imul(place, 31) + dist.charCodeAt(i)) >>> 0;
  var verb = /^[a-z][a-z-]{0,29}$/.exec(process.argv[2] || '');
  return (
    folder + '/agentq-' + process.version + '-' + process.arch + '-' + place.toString(36) + '/' + (verb || 'other')
  );
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
