import { statfsSync } from 'node:fs';
import { AgentqError } from '../../core/errors.ts';

/**
 * Magic numbers of statfs(2), from linux/magic.h: file systems whose locks or shared memory are unreliable for SQLite's
 * WAL.
 */
const networked: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9P'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x47504653, 'GPFS'],
  [0x73757245, 'Coda'],
  [0x20030528, 'OrangeFS'],
  [0x19830326, 'BeeGFS'],
  [0xaad7aaea, 'PanFS'],
  [0x564c, 'NCP'],
]);

/**
 * @param typeOf the file system's magic number; injected for tests, which can mount no NFS
 * @throws AgentqError `unsupported-store` where the folder lies on a network file system.
 */
export function refuseNetworkFileSystem(dir: string, typeOf = (path: string): number => statfsSync(path).type): void {
  const name = networked.get(typeOf(dir) >>> 0);
  if (name === undefined) return;
  throw new AgentqError(
    'unsupported-store',
    `${dir} is on a network file system (${name}), where SQLite's write-ahead log is not safe`,
    'keep the workspace on a local disk: agentq init --dir LOCAL; its artifact store may stay shared: --store',
  );
}
