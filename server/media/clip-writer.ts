// What writes a clip into an open file.
import type { Packet } from './media.ts';

/** `mime` with codecs; `dropped`: packets of tracks that came too late to be interleaved */
export type ClipFile = { mime: string; bytes: number; dropped: number };

export type ClipWriter = {
  /** In decode order; times do not fall from one group of pictures to the next. Wait for what it returns before the next packet. */
  add(packet: Packet): Promise<void> | undefined;
  /** Once, after at least one packet. */
  finish(): Promise<ClipFile>;
  /** Instead, where something failed; the file is the caller's. */
  cancel?(): Promise<void>;
};
