// What a recording may have in flight: its mailbox, or less where many recordings share the memory or the disk runs low (P12, T6, T10).
import type { Credits } from '../../shared/protocol.ts';

export type CreditLimits = {
  /** of one recording */
  mailbox: Credits;
  /** of all of them */
  together: Credits;
  maxChunkBytes: number;
};

/** While one chunk is on its way to the disk, the next is on its way here. */
const LEAST_CHUNKS = 2;

/** `recordings`: among how many `together` is shared out; `share`: of what each may have, 0 = none. */
export const creditsFor = ({ mailbox, together, maxChunkBytes }: CreditLimits, recordings: number, share: number): Credits => {
  if (share === 0) return { chunks: 0, bytes: 0 };
  const part = (whole: number, all: number, least: number): number => Math.min(whole, Math.max(least, Math.floor(Math.min(whole, all / Math.max(1, recordings)) * share)));
  return { chunks: part(mailbox.chunks, together.chunks, LEAST_CHUNKS), bytes: part(mailbox.bytes, together.bytes, maxChunkBytes) };
};
