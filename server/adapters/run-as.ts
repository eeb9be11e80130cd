// PostgreSQL refuses to run as root. A normal user runs it as itself; root runs it as the owner of the data folder, or as a
// system user `clippy` that is made for it, or, where users cannot be made, as `nobody`.
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import { messageOf, StartError } from '../errors.ts';

/** `ids` is what spawn() needs to become that user; empty for the user we are. */
export type RunAs = { name: string; ids: { uid?: number; gid?: number } };

const run = promisify(execFile);
const USER = 'clippy';

const idOf = async (flag: '-u' | '-g', name: string): Promise<number> => Number((await run('id', [flag, name])).stdout);

const named = async (name: string): Promise<RunAs | null> => {
  try {
    const [uid, gid] = await Promise.all([idOf('-u', name), idOf('-g', name)]);
    return { name, ids: { uid, gid } };
  } catch {
    return null; // no such user
  }
};

const created = async (log: (message: string) => void): Promise<RunAs | null> => {
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/usr/sbin/nologin', USER]);
    log(`made the system user ${USER} to run PostgreSQL (it refuses to run as root)`);
    return await named(USER);
  } catch (error) {
    log(`could not make the system user ${USER} (${messageOf(error).trim()}); PostgreSQL runs as nobody`);
    return null;
  }
};

export const databaseUser = async (dir: string, log: (message: string) => void): Promise<RunAs> => {
  if (process.getuid?.() !== 0) {
    try {
      return { name: userInfo().username, ids: {} };
    } catch (cause) {
      // initdb asks the system for its user's name and gives up without one
      throw new StartError(`user ${process.getuid?.()} has no entry in /etc/passwd, which PostgreSQL needs`, 'run as a user that has one, or set DATABASE_URL', { cause });
    }
  }
  const owner = await stat(dir);
  if (owner.uid !== 0) {
    const known = await named(String(owner.uid));
    if (known) return { name: known.name, ids: { uid: owner.uid, gid: owner.gid } };
  }
  const user = (await named(USER)) ?? (await created(log)) ?? (await named('nobody'));
  if (!user) throw new StartError('started as root, and there is no other user to run PostgreSQL as', 'run Clippy as a normal user, or set DATABASE_URL');
  return user;
};
