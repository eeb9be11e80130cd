// Which kinds of objects a heap holds more of than before: two snapshots of V8's heap, folded by constructor.
import { readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

type Snapshot = { snapshot: { meta: { node_fields: string[]; node_types: [string[]] } }; nodes: number[]; strings: string[] };
export type Kind = { count: number; bytes: number };

const sum = (snapshot: Snapshot): Map<string, Kind> => {
  const { node_fields: fields, node_types: [types] } = snapshot.snapshot.meta;
  const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field)) as [number, number, number];
  const kinds = new Map<string, Kind>();
  for (let at = 0; at < snapshot.nodes.length; at += fields.length) {
    const kind = types[snapshot.nodes[at + type] ?? 0] ?? '';
    const label = kind === 'object' || kind === 'native' ? `${kind} ${snapshot.strings[snapshot.nodes[at + name] ?? 0]}` : kind;
    const known = kinds.get(label) ?? { count: 0, bytes: 0 };
    kinds.set(label, { count: known.count + 1, bytes: known.bytes + (snapshot.nodes[at + size] ?? 0) });
  }
  return kinds;
};

/** Asks a process started with `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=folder` for a snapshot; only its main thread's heap. */
export const takeSnapshot = async (pid: number, folder: string): Promise<Map<string, Kind>> => {
  const before = new Set(await readdir(folder));
  process.kill(pid, 'SIGUSR2');
  for (let size = -1; ;) {
    await sleep(2_000);
    const name = (await readdir(folder)).find((each) => each.endsWith('.heapsnapshot') && !before.has(each));
    if (name === undefined) continue;
    const path = join(folder, name);
    const now = (await stat(path)).size;
    if (now > 0 && now === size) {
      const kinds = sum(JSON.parse(await readFile(path, 'utf8')) as Snapshot);
      await rm(path);
      return kinds;
    }
    size = now;
  }
};

/** The kinds that grew most, one line each. */
export const heapGrowth = (before: ReadonlyMap<string, Kind>, after: ReadonlyMap<string, Kind>, lines = 25): string[] =>
  [...after]
    .map(([label, { count, bytes }]) => ({ label, count: count - (before.get(label)?.count ?? 0), bytes: bytes - (before.get(label)?.bytes ?? 0) }))
    .filter(({ bytes }) => bytes > 0)
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, lines)
    .map(({ label, count, bytes }) => `${(bytes / 1e3).toFixed(1).padStart(10)} kB ${String(count).padStart(8)}  ${label}`);
