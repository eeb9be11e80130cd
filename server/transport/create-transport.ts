import type { Transport, TransportOptions } from './transport.ts';
import { portable } from './portable.ts';
import { loadUws } from './uws-binding.ts';
import { uws } from './uws.ts';

/** `auto`: uWebSockets.js where its binary loads, else portable; `uws` throws `StartError` where it does not load. */
export const createTransport = async (options: TransportOptions & { kind: 'uws' | 'portable' | 'auto' }): Promise<Transport> => {
  const { kind, limits, log } = options;
  if (limits.idleTimeoutS < 8 || limits.idleTimeoutS > 960) throw new RangeError(`idleTimeoutS is ${limits.idleTimeoutS}; uWebSockets.js allows 8 to 960 seconds`);
  if (kind === 'portable') return portable(options);
  const loaded = loadUws();
  if (loaded.binding) return uws(loaded.binding, options);
  if (kind === 'uws') throw loaded.error;
  log.info({ reason: loaded.error.message }, 'uWebSockets.js does not load here; the portable transport serves');
  return portable(options);
};
