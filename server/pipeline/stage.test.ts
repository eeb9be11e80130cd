import { lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { StageError, pull, stage } from './stage.ts';

const silent = { entered: (): void => {}, left: (): void => {} };
const numbers = (count: number) => {
  let n = 0;
  return async (): Promise<number | null> => (n < count ? n++ : null);
};
const options = { name: 'extract', capacity: 4, concurrency: 4, gauge: silent, now: () => 0 } as const;

describe('stage', () => {
  it('keeps order while items finish out of order, and never holds more than the credits given', async () => {
    let inside = 0;
    let most = 0;
    const { source, give } = pull(4, numbers(200));
    const work = async (n: number): Promise<number> => {
      most = Math.max(most, ++inside);
      for (let turn = 0; turn < (n * 7) % 5; turn += 1) await Promise.resolve();
      inside -= 1;
      return n;
    };
    const seen: number[] = [];
    await new Promise<void>((resolve, reject) => {
      source.pipe(stage({ ...options, work })).subscribe({ next: (n) => { seen.push(n); give(); }, complete: resolve, error: reject });
    });
    expect(seen).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect(most).toBeLessThanOrEqual(4);
  });

  it('reports a depth of 0 once all items have left, in whatever order they finished', async () => {
    const depths: number[] = [];
    const gauge = { entered: (depth: number) => depths.push(depth), left: (depth: number) => depths.push(depth) };
    const { source } = pull(3, numbers(2));
    const work = async (n: number): Promise<number> => {
      for (let turn = 0; turn < (n === 0 ? 20 : 1); turn += 1) await Promise.resolve();
      return n;
    };
    await lastValueFrom(source.pipe(stage({ ...options, gauge, work })));
    expect(depths.at(-1)).toBe(0);
  });

  it('pulls nothing without credits', async () => {
    let pulled = 0;
    const { source } = pull(3, async () => pulled++);
    const seen: number[] = [];
    const subscription = source.subscribe((n) => seen.push(n));
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    expect(seen).toEqual([0, 1, 2]);
    expect(pulled).toBe(3);
    subscription.unsubscribe();
  });

  it('refuses overflow by name, with the remedy', async () => {
    const { source } = pull(9, numbers(9));
    const work = (): Promise<number> => new Promise(() => {});
    await expect(lastValueFrom(source.pipe(stage({ ...options, work }), toArray()))).rejects.toThrow(/stage extract: already holds 4 items; raise CLIPPY_PIPELINE_CAPACITY/);
  });

  it('turns a failure into a StageError that keeps its cause, and aborts the rest', async () => {
    const cause = new Error('boom');
    let aborted = false;
    const { source } = pull(4, numbers(4));
    const work = async (n: number, signal: AbortSignal): Promise<number> => {
      signal.addEventListener('abort', () => { aborted = true; });
      if (n === 2) throw cause;
      return new Promise(() => {});
    };
    const failure = await lastValueFrom(source.pipe(stage({ ...options, work }), toArray())).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StageError);
    expect((failure as StageError).cause).toBe(cause);
    expect(aborted).toBe(true);
  });
});
