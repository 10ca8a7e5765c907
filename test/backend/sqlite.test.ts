import { backendContract } from './contract.ts';
import { makeSqliteHarness } from './support/sqlite-harness.ts';

backendContract('SQLite', makeSqliteHarness);
