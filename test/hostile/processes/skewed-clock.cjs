// Acts as another machine, with another clock, boot id and host name.
const fs = require('node:fs');
const os = require('node:os');

const { CLOCK_SKEW, HOST_NAME } = process.env;
const { now } = Date;
const { readFileSync } = fs;
Date.now = () => now() + Number(CLOCK_SKEW);
os.hostname = () => HOST_NAME;
fs.readFileSync = (path, ...options) =>
  path === '/proc/sys/kernel/random/boot_id' ? HOST_NAME : readFileSync(path, ...options);
