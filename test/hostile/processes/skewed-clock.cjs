// A machine of its own: its clock differs from the real one, and the boot of its kernel and its name are its own.
const fs = require('node:fs');
const os = require('node:os');

const { CLOCK_SKEW, HOST_NAME } = process.env;
const { now } = Date;
const { readFileSync } = fs;
Date.now = () => now() + Number(CLOCK_SKEW);
os.hostname = () => HOST_NAME;
fs.readFileSync = (path, ...options) =>
  path === '/proc/sys/kernel/random/boot_id' ? HOST_NAME : readFileSync(path, ...options);
