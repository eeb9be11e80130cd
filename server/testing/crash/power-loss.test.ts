import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, rename, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../shared/testing/random.ts';
import { createDiskJournal } from './disk-journal.ts';
import { losePower } from './power-loss.ts';
import { watchFiles } from './watched-files.ts';

let root: string;
let at: string;
let journal: string;
let unwatch = (): void => {};
/** A process begins; the one before is dead. */
const begin = (): void => {
  unwatch();
  unwatch = watchFiles({ dataDir: root, pass: () => {}, tears: () => false, journal: createDiskJournal(journal) });
};
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'power-'));
  at = join(root, 'sessions');
  journal = join(root, 'unsynced');
  mkdirSync(at);
  begin();
});
afterEach(() => {
  unwatch();
  rmSync(root, { recursive: true });
});

const write = async (name: string, bytes: Uint8Array, position = 0, sync: 'sync' | 'lazy' = 'sync'): Promise<void> => {
  const file = await open(join(at, name), position === 0 ? 'wx+' : 'r+');
  await file.writev([bytes], position);
  if (sync === 'sync') await file.datasync();
  await file.close();
};
const syncFolder = async (path = at): Promise<void> => {
  const folder = await open(path, 'r');
  await folder.sync();
  await folder.close();
};
const bytesOf = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
/** What lies on the disk after each of many power cuts of the same story. */
const outcomes = async (story: () => Promise<void>): Promise<string[]> => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    rmSync(at, { recursive: true });
    rmSync(journal, { recursive: true, force: true });
    mkdirSync(at);
    begin();
    await story();
    losePower({ journal, random: seededRandom(seed) });
    seen.add(readdirSync(at, { recursive: true, encoding: 'utf8' }).toSorted().map((name) => name).join(' '));
  }
  return [...seen].toSorted();
};

describe('a power cut', () => {
  it('[PL1] keeps what was synced, bytes and name', async () => {
    await write('a', bytesOf(9_000, 1));
    await syncFolder();
    losePower({ journal, random: seededRandom(1) });
    expect(readFileSync(join(at, 'a'))).toEqual(Buffer.from(bytesOf(9_000, 1)));
  });

  it('[PL1] loses a part of what was appended and not synced, never what was before it', async () => {
    const lengths = new Set<number>();
    for (let seed = 1; seed <= 40; seed++) {
      const name = `a${seed}`;
      await write(name, bytesOf(5_000, 1));
      await syncFolder();
      await write(name, bytesOf(20_000, 2), 5_000, 'lazy');
      losePower({ journal, random: seededRandom(seed) });
      const left = readFileSync(join(at, name));
      expect(left.subarray(0, 5_000)).toEqual(Buffer.from(bytesOf(5_000, 1)));
      expect(left.subarray(5_000).every((byte) => byte === 2 || byte === 0)).toBe(true);
      lengths.add(left.length);
      begin();
    }
    expect(lengths).toContain(5_000);
    expect(lengths).toContain(25_000);
    expect(lengths.size).toBeGreaterThan(4);
  });

  it('[PL1] a name that was made, moved or removed and not synced comes and goes; a synced one stays', async () => {
    expect(await outcomes(() => write('a', bytesOf(10, 1)))).toEqual(['', 'a']);
    expect(await outcomes(async () => {
      await write('a', bytesOf(10, 1));
      await syncFolder();
      await rename(join(at, 'a'), join(at, 'b'));
    })).toEqual(['', 'a', 'a b', 'b']);
    expect(await outcomes(async () => {
      await write('a', bytesOf(10, 1));
      await syncFolder();
      await unlink(join(at, 'a'));
    })).toEqual(['', 'a']);
    expect(await outcomes(async () => {
      await write('a', bytesOf(10, 1));
      await unlink(join(at, 'a'));
      await syncFolder();
    })).toEqual(['']);
  });

  it('[PL1] a folder that was not synced takes what is in it along; a removal may be half done', async () => {
    const nested = async (): Promise<void> => {
      await mkdir(join(at, 'x/y'), { recursive: true });
      await write('x/y/a', bytesOf(10, 1));
      await syncFolder(join(at, 'x/y'));
    };
    expect(await outcomes(nested)).toEqual(['', 'x', 'x x/y x/y/a']);
    expect(await outcomes(async () => {
      await nested();
      await syncFolder(join(at, 'x'));
      await syncFolder();
      await rm(join(at, 'x'), { recursive: true });
    })).toEqual(['', 'x', 'x x/y', 'x x/y x/y/a']);
  });

  it('[PL1] a folder that two make at once is durable when the first of them has synced its name', () => {
    const kept = createDiskJournal(journal);
    const made = join(at, 'x');
    const [one, other] = [kept.mkdir([made]), kept.mkdir([made])];
    mkdirSync(made);
    one.done();
    kept.syncNames(at)();
    other.done();
    losePower({ journal, random: () => 0.9 }); // every change of a name is undone
    expect(readdirSync(at)).toEqual(['x']);
  });

  it('[PL1] goes on where a killed process left off', async () => {
    await write('a', bytesOf(10, 1), 0, 'lazy');
    begin();
    await write('b', bytesOf(10, 1));
    await syncFolder();
    losePower({ journal, random: () => 0.9 }); // every change of a name is undone
    expect(readdirSync(at).toSorted()).toEqual(['a', 'b']);
  });
});
