// Cuts the power after a server was killed: of what it had written and not synced, a part drawn by chance never reached the disk.
// Bytes go page by page, the last write is torn at any byte, and each name made, moved or removed goes on its own.
import { closeSync, existsSync, ftruncateSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Random } from '../../clock.ts';
import type { DataChange, NameChange } from './disk-journal.ts';
import { readJournal, sideName } from './disk-journal.ts';

export type Lost = { files: number; bytes: number; names: number };

const PAGES = [512, 4_096];

const resized = (content: Buffer, bytes: number): Buffer => {
  const next = Buffer.alloc(bytes);
  content.copy(next);
  return next;
};

/** Content as the disk may hold it. */
export const withoutSome = (cached: Buffer, changes: DataChange[], random: Random): Buffer => {
  let content = cached;
  const forward: ((content: Buffer) => Buffer)[] = [];
  for (const [back, { at, length, size, old }] of changes.toReversed().entries()) {
    if (length === null) forward.unshift((now) => (random() < 0.5 ? resized(now, at) : now));
    else {
      const written = Buffer.from(content.subarray(at, at + length));
      const last = back === 0;
      forward.unshift((now) => {
        const page = PAGES[Math.floor(random() * PAGES.length)] ?? 512;
        const share = [0, 0.5, 1][Math.floor(random() * 3)] ?? 0.5;
        const torn = last && random() < 0.5 ? Math.floor(random() * written.length) : written.length;
        let next = now;
        for (let from = at; from < at + torn;) {
          const until = Math.min(at + torn, (Math.floor(from / page) + 1) * page);
          if (random() < share) {
            next = resized(next, Math.max(next.length, until));
            written.copy(next, from, from - at, until - at);
          }
          from = until;
        }
        return next;
      });
    }
    content = resized(content, size);
    Buffer.from(old, 'base64').copy(content, at);
  }
  for (const write of forward) content = write(content);
  return content;
};

const group = <T>(items: T[], key: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
};

/** The journal's folder is empty afterwards: what is left on the disk is durable. */
export const losePower = ({ journal, random }: { journal: string; random: Random }): Lost => {
  const changes = readJournal(journal);
  const lost: Lost = { files: 0, bytes: 0, names: 0 };
  for (const [ino, writes] of group(changes.filter((change): change is DataChange => change.t === 'data'), (change) => change.ino)) {
    const path = sideName(journal, ino);
    const cached = readFileSync(path);
    const content = withoutSome(cached, writes, random);
    if (content.equals(cached)) continue;
    lost.files += 1;
    lost.bytes += cached.length - content.length;
    const file = openSync(path, 'r+');
    ftruncateSync(file, 0);
    writeSync(file, content, 0, content.length, 0);
    closeSync(file);
  }
  const named = group(changes.filter((change): change is NameChange => change.t === 'name'), ({ path }) => path);
  for (const path of [...named.keys()].toSorted()) { // folders before what is in them
    const first = named.get(path)?.[0];
    if (!first || random() < 0.5) continue;
    lost.names += 1;
    const { was } = first;
    if (was === 'dir' && existsSync(path) && statSync(path).isDirectory()) continue;
    rmSync(path, { recursive: true, force: true });
    if (was === null || !existsSync(dirname(path))) continue;
    if (was === 'dir') mkdirSync(path, { mode: 0o700 });
    else linkSync(sideName(journal, was), path);
  }
  rmSync(journal, { recursive: true, force: true });
  return lost;
};
