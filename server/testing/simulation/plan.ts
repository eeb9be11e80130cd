// What happens in a world, drawn from its seed alone: who records what, how the server is set up, and what goes wrong when.
import { seededRandom } from '../../../shared/testing/random.ts';
import type { ServerPlan } from './process.ts';

export type Trouble =
  | { type: 'kill' } | { type: 'power' } | { type: 'sigterm' }
  | { type: 'cut' } | { type: 'silence'; way: 'up' | 'down' | 'both' } | { type: 'delay'; ms: number } | { type: 'offline'; ms: number }
  | { type: 'jump'; ms: number } | { type: 'pause'; ms: number }
  | { type: 'outage'; port: PortName; ms: number } | { type: 'slow'; port: PortName; factor: number; ms: number } | { type: 'full'; ms: number }
  | { type: 'client restart'; afterMs: number; power: boolean } | { type: 'takeover' };

export const PORTS = ['disk', 'database', 'store', 'transcriber', 'judge', 'audio', 'tool', 'ring'] as const;
export type PortName = (typeof PORTS)[number];

export type Plan = {
  seed: number;
  server: ServerPlan;
  recorder: {
    mode: 'live' | 'file';
    /** its ring outlives the client */
    lasting: boolean;
    transcript: 'server' | 'client';
    chunks: number;
    packets: number;
    /** media time: when loud passages begin and end */
    loud: { fromMs: number; untilMs: number }[];
    /** share of packets with a word */
    talk: number;
    /** wall-clock ms per ms of media */
    pace: number;
    ringMs: number;
    ringBytes: number;
    /** chance that a chunk never becomes bytes */
    losesChunks: number;
    /** chance of a frame delivered twice */
    doubles: number;
  };
  netMs: number;
  /** chance of failure per call and port */
  faults: Record<PortName, number>;
  halfWrites: number;
  failedSyncs: number;
  /** at which step of the world each trouble comes */
  troubles: { atStep: number; trouble: Trouble }[];
};

export type Draw = { random: () => number; int(low: number, high: number): number; chance(share: number): boolean; pick<T>(of: readonly T[]): T };

export const drawFrom = (random: () => number): Draw => ({
  random,
  int: (low, high) => low + Math.floor(random() * (high - low + 1)),
  chance: (share) => random() < share,
  pick: (of) => of[Math.floor(random() * of.length)]!, // lists here are never empty
});

const drawTrouble = ({ int, pick, chance }: Draw, recorder: Plan['recorder']): Trouble => {
  const kinds: Trouble['type'][] = ['kill', 'kill', 'kill', 'power', 'power', 'power', 'sigterm', 'cut', 'cut', 'cut', 'silence', 'silence', 'delay', 'offline', 'jump', 'pause', 'outage', 'outage', 'slow', 'full'];
  if (recorder.mode === 'file') kinds.push('takeover', 'takeover', 'takeover', 'client restart');
  else if (recorder.lasting) kinds.push('client restart', 'client restart', 'client restart');
  const type = pick(kinds);
  switch (type) {
    case 'silence': return { type, way: pick(['up', 'down', 'both']) };
    case 'delay': return { type, ms: int(50, 8_000) };
    case 'offline': return { type, ms: pick([int(500, 5_000), int(5_000, 90_000)]) };
    case 'jump': return { type, ms: pick([int(-20_000, 20_000), int(-7_200_000, 7_200_000)]) };
    case 'pause': return { type, ms: pick([int(20, 2_000), int(2_000, 40_000)]) };
    case 'outage': return { type, port: pick(PORTS), ms: pick([int(100, 3_000), int(3_000, 60_000)]) };
    case 'slow': return { type, port: pick(PORTS), factor: pick([10, 100, 1_000]), ms: int(1_000, 30_000) };
    case 'full': return { type, ms: int(1_000, 30_000) };
    case 'client restart': return { type, afterMs: pick([int(10, 500), int(500, 20_000)]), power: chance(0.3) };
    default: return { type };
  }
};

export const drawPlan = (seed: number): Plan => {
  const draw = drawFrom(seededRandom(seed * 2 + 1));
  const { int, chance, pick, random } = draw;
  /** A server that has just come back is hit again more often than chance would have it. */
  const followed = (one: Plan['troubles'][number]): Plan['troubles'] =>
    one.trouble.type === 'kill' && chance(0.5) ? [one, { atStep: one.atStep + int(10, 50), trouble: { type: pick(['kill', 'power', 'power'] as const) } }] : [one];
  const mode = pick(['live', 'live', 'file'] as const);
  const lasting = mode === 'live' && chance(0.5);
  const packets = int(2, 5);
  const chunks = int(4, pick([8, 14, 24]));
  const lengthMs = chunks * packets * 500;
  const loud = Array.from({ length: int(0, 2) }, () => {
    const fromMs = int(5_000, Math.max(6_000, lengthMs - 4_000));
    return { fromMs, untilMs: fromMs + int(4_000, 8_000) };
  });
  const stormy = pick([0, 0, 0.01, 0.05]);
  const faults = Object.fromEntries(PORTS.map((port) => [port, chance(0.5) ? stormy * random() * 2 : 0])) as Plan['faults'];
  faults.audio = Math.min(faults.audio, 0.02);
  const maxChunkBytes = 500;
  const recorder: Plan['recorder'] = {
    mode, lasting, packets, chunks, loud,
    transcript: chance(0.25) ? 'client' : 'server',
    talk: pick([0, 0.3, 0.8]),
    pace: pick([0.2, 1, 1]),
    ringMs: pick([8_000, 20_000, 120_000]),
    ringBytes: pick([2_000, 6_000, 100_000]),
    losesChunks: mode === 'live' ? pick([0, 0, 0.05]) : 0,
    doubles: pick([0, 0, 0.1]),
  };
  return {
    seed, recorder,
    server: {
      mailbox: { chunks: int(1, 8), bytes: pick([500, 800, 20_000]) }, maxChunkBytes,
      segmentBytes: pick([700, 1_500, 4_000, 1_000_000]),
      resumeMs: pick([30_000, 120_000, 600_000]),
      hotMs: pick([0, 10_000, 300_000]),
      capacity: int(1, 4),
      transcriber: pick(['none', 'api', 'api', 'local']),
      judge: chance(0.3),
      retentionMs: 1e10,
    },
    netMs: pick([1, 10, 80]),
    faults,
    halfWrites: random(),
    failedSyncs: chance(0.2) ? 0.03 : 0,
    troubles: Array.from({ length: pick([0, 1, 1, 2, 3, 5]) }, () => ({ atStep: int(1, pick([60, 250, 700])), trouble: drawTrouble(draw, recorder) })).flatMap(followed).toSorted((a, b) => a.atStep - b.atStep),
  };
};
