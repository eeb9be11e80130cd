import { expect, it } from 'vitest';
import { memoryLog } from '../testing/memory-log.ts';
import { createReadiness } from './readiness.ts';

it('[R11][S12] calls a check that never answers failed, and shares one round among many askers', async () => {
  let nowMs = 0;
  const timers: (() => void)[] = [];
  let calls = 0;
  // [S12] its wall clock is set back by an hour meanwhile
  const clock = { now: () => -3_600 * nowMs, monotonic: () => nowMs, after: (_ms: number, run: () => void) => { timers.push(run); return () => undefined; } };
  const never = { name: 'store', check: () => { calls++; return new Promise<void>(() => undefined); } };
  const log = memoryLog();
  const ready = createReadiness([never, { name: 'throws', check: () => { throw new Error('at once'); } }], clock, log);
  const asked = [ready(), ready(), ready()];
  timers.forEach((run) => run());
  expect(await Promise.all(asked)).toEqual(asked.map(() => [{ name: 'store', ok: false }, { name: 'throws', ok: false }]));
  expect(calls).toBe(1);
  expect(log.lines.map(({ fields }) => fields)).toEqual(expect.arrayContaining([{ check: 'store', reason: 'no answer within 2000 ms' }, { check: 'throws', reason: 'at once' }]));
  nowMs = 1_000;
  const again = ready();
  timers.forEach((run) => run());
  await again;
  expect(calls).toBe(2);
});
