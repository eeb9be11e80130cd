// The real server as a child that kills itself at a named moment (crash-points.ts). It is started early, loads its code and
// waits for its order, so that a round costs the start of a server and not that of Node.
import { resolve } from 'node:path';
import { decodeServerFrame } from '../../../shared/codec.ts';
import { parseConfig } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { createLog } from '../../log.ts';
import { type Between, serve } from '../../main.ts';
import { createDiskJournal } from './disk-journal.ts';
import { watchFiles } from './watched-files.ts';

/** `hit`: the how manieth passing of the point kills; `journal`: a folder, where power may be cut. */
export type Order = { point: { name: string; hit: number } | null; journal: string | null };
export type Answer = { url: string } | { failed: string };

const answer = (message: Answer): void => void process.send?.(message);

const run = async ({ point, journal }: Order): Promise<void> => {
  let left = point?.hit ?? Infinity;
  const die = (): void => {
    process.kill(process.pid, 'SIGKILL');
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // the signal is on its way; nothing runs behind it
  };
  const pass = (name: string): void => {
    if (name === point?.name && --left === 0) die();
  };
  const tears = (part: string): boolean => point?.name === `${part}.write half` && left === 1;
  const config = parseConfig(process.env);
  const between: Between = (name, part) => new Proxy(part, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const effect = name === 'wire' ? (key === 'send' ? decodeServerFrame(args[0] as Uint8Array).t : null) : String(key); // what a server sends is bytes
        if (effect !== null) pass(`${name}.${effect} before`);
        const result: unknown = value.apply(target, args);
        if (effect === null || !(result instanceof Promise)) {
          if (effect !== null) pass(`${name}.${effect} after`);
          return result;
        }
        return result.then((settled: unknown) => {
          pass(`${name}.${effect} after`);
          return settled;
        });
      };
    },
  });
  watchFiles({ dataDir: resolve(config.dataDir), pass, tears, journal: journal === null ? null : createDiskJournal(journal) });
  const { url } = await serve(config, createLog({ level: config.logLevel }), between);
  answer({ url });
};

process.once('message', (order: Order) => {
  run(order).catch((error: unknown) => {
    answer({ failed: messageOf(error) });
    process.exitCode = 1;
    process.disconnect();
  });
});
process.once('disconnect', () => process.exit());
