// What the pipeline needs of a session's timeline and of the container structure found in it. sessions/ provides both.
import type { Gap } from '../../shared/model.ts';

export type PulledItem =
  | { kind: 'bytes'; byteStart: number; startMs: number; seq: number; bytes: Uint8Array }
  /** `byteEnd` above `byteStart`: damaged or dropped bytes; equal: the client declared a loss here */
  | { kind: 'gap'; byteStart: number; byteEnd: number; gap: Gap };

export type MediaLog = {
  readonly state: { byteEnd: number; durationMs: number; finished: boolean };
  /** Never waits; no items when nothing more is durable yet. Who calls `release` must not look at the bytes afterwards; calling it is optional. `own`: memory among it that was read for this pull alone. */
  pull(fromByte: number, maxBytes: number, signal: AbortSignal): Promise<{ items: PulledItem[]; nextByte: number; release: () => void; own?: ArrayBuffer[] }>;
  /** Resolves when something after `byte` is durable or the log is finished. */
  changed(byte: number, signal: AbortSignal): Promise<void>;
  /** Bytes of the session's stream, whichever tier holds them. */
  read(start: number, end: number, signal: AbortSignal): Promise<Uint8Array>;
};

/** One recorder's run: the initialisation's bytes and everything up to the next. `offsetMs` maps container time to session time. */
export type Part = { part: number; byteStart: number; byteEnd: number; offsetMs: number; bytes: Uint8Array };
/** A cluster or moof, in session time: with the part's initialisation, a walk can begin here. */
export type Fragment = { byteStart: number; startMs: number; part: number };
export type Keyframe = { timeMs: number; fragmentByteStart: number };

/** Adding what is known already changes nothing, so a restarted decode may repeat itself. */
export type MediaIndex = {
  addInit(part: Part): void;
  addFragments(fragments: Fragment[]): void;
  addKeyframes(keyframes: Keyframe[]): void;
  parts(): readonly Part[];
  /** the last fragment starting at or before `ms` */
  fragmentAt(ms: number): Fragment | null;
  /** the first fragment after this byte */
  fragmentAfter(byte: number): Fragment | null;
  keyframeBefore(ms: number): Keyframe | null;
  /** start of the last fragment known */
  indexedTo(): number;
  /** everything added is synced */
  flush(): Promise<void>;
};
