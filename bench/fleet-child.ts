// Many recordings in one process of their own, so that what the server uses is told from what the load uses. Driven by fleet.ts
// over IPC; each order is answered once, when it has been carried out.
import { setTimeout as pause } from 'node:timers/promises';
import { ulid } from 'ulid';
import { allPieces } from '../scripts/live-media.ts';
import { type Client, createClient } from '../shared/client.ts';
import type { Recording } from '../shared/recording.ts';
import type { Answer, FleetOptions, Order, Result } from './fleet.ts';

type Member = {
  recording: Recording;
  pushed: number;
  acked: number;
  /** rises at `mark`: the chunk whose acknowledgement is waited for, and when it came */
  awaited: number;
  ackedAt: number;
  failed: string;
  changed: () => void;
};

const options = JSON.parse(process.argv[2] ?? '{}') as FleetOptions;
const OPENING = 64;

const clients: Client[] = [];
const members: Member[] = [];
const media = options.file === null ? { mime: 'video/mp4', pieces: [] } : await allPieces(options.file);
let feeding: NodeJS.Timeout | null = null;

const until = (member: Member, done: () => boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const look = (): void => {
      if (member.failed !== '') reject(new Error(member.failed));
      else if (done()) resolve();
      else return;
      member.changed = () => {};
    };
    member.changed = look;
    look();
  });

const open = async (number: number): Promise<void> => {
  if (number % options.perConnection === 0) clients.push(createClient({ url: options.url, token: options.token, client: 'bench', clientVersion: '1' }));
  const member: Member = { recording: null!, pushed: 0, acked: 0, awaited: Infinity, ackedAt: 0, failed: '', changed: () => {} }; // set in the next statement
  member.recording = clients[Math.floor(number / options.perConnection)]!.record({ // made by the first of its recordings
    key: ulid(), title: `bench ${number}`, sourceUrl: '', mime: media.mime, video: null, mode: 'live',
    onStatus: ({ lastAcked, state }) => {
      member.acked = lastAcked;
      if (lastAcked >= member.awaited && member.ackedAt === 0) member.ackedAt = Date.now();
      if (state === 'failed') member.recording.stop().catch((error: unknown) => { member.failed = String(error); }).finally(() => member.changed());
      else member.changed();
    },
  });
  members[number] = member;
  await member.recording.session;
};

const push = async (member: Member): Promise<void> => {
  const { pieces } = media;
  const piece = pieces[member.pushed % pieces.length];
  if (!piece) throw new Error('this fleet has no media to send');
  // Past its end the media begins again, with its header, as after a reload of the page.
  const laps = Math.floor(member.pushed / pieces.length);
  const last = pieces.at(-1)!; // there is one
  member.pushed += 1;
  await member.recording.push({ ...piece, startMs: piece.startMs + laps * (last.startMs + last.durationMs) });
};

const inParallel = async (count: number, width: number, work: (number: number) => Promise<void>): Promise<void> => {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(width, count) }, async () => {
    while (next < count) await work(next++);
  }));
};

const carryOut = async (order: Order): Promise<Result> => {
  const began = performance.now();
  switch (order.do) {
    case 'open': {
      const first = members.length;
      await inParallel(order.count, OPENING, (number) => open(first + number));
      return { ms: performance.now() - began };
    }
    case 'send':
      await inParallel(members.length, OPENING, async (number) => {
        const member = members[number]!; // number < length
        for (let i = 0; i < order.chunks; i++) await push(member);
        await until(member, () => member.acked >= member.pushed);
      });
      return { ms: performance.now() - began };
    case 'feed': {
      // Each at its own phase, so that the load is even.
      let due = 0;
      const start = performance.now();
      feeding = setInterval(() => {
        const now = performance.now() - start;
        for (; due * (order.everyMs / members.length) <= now; due++) void push(members[due % members.length]!).catch(() => {}); // a failure is told by `acked`
      }, 5);
      await pause(order.everyMs);
      return { ms: performance.now() - began };
    }
    case 'rest':
      if (feeding) clearInterval(feeding);
      feeding = null;
      return { ms: 0 };
    case 'mark':
      for (const member of members) Object.assign(member, { awaited: member.pushed + 1, ackedAt: 0 });
      return { at: Date.now() };
    case 'acked':
      await Promise.all(members.map((member) => until(member, () => member.ackedAt > 0)));
      return { acked: members.map(({ ackedAt }) => ackedAt), lost: members.reduce((sum, { recording }) => sum + recording.status.lost, 0) };
    case 'stop':
      await inParallel(members.length, OPENING, async (number) => void (await members[number]!.recording.stop())); // number < length
      return { ms: performance.now() - began };
    default:
      return order satisfies never;
  }
};

process.on('message', (order: Order & { id: number }) => {
  carryOut(order).then(
    (result) => process.send?.({ id: order.id, result } satisfies Answer),
    (error: unknown) => process.send?.({ id: order.id, error: String(error) } satisfies Answer),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0, result: { ms: 0 } } satisfies Answer);
