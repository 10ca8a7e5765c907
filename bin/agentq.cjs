#!/usr/bin/env node
'use strict';
// CommonJS, and old syntax: an ES module would cost every call 2 ms more, and an older Node.js must get as far as
// the message below.
var least = 24;
if (Number(process.versions.node.split('.')[0]) < least) {
  process.stderr.write(
    'agentq: Node.js ' +
      least +
      ' or newer is needed, and this is ' +
      process.version +
      ' (npx -p node@' +
      least +
      ' agentq …; in a clone: npm run -s agentq -- …)\n',
  );
  process.exitCode = 1;
} else {
  require('node:module').enableCompileCache();
  // exit() rather than a natural end, which would spend time on tidying up what the system tidies up anyway.
  void require('../dist/agentq.cjs').run().then(process.exit);
}
