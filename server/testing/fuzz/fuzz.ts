// What every fuzz target takes and gives.

export type FuzzOptions = {
  runs: number;
  seed: number;
  /** only this case */
  only?: number;
  /** called now and then with how far it is */
  progress?: (line: string) => void;
};

/** A case that broke a promise; `npm run fuzz -- TARGET --seed S --case N` runs it again. */
export type Finding = { number: number; what: string; input: string };

export type FuzzReport = { target: string; seed: number; runs: number; findings: Finding[]; /** counts of outcomes and what else is worth a line */ summary: string };

/** More of the same says nothing new. */
export const MAX_FINDINGS = 20;

export const numbers = function* ({ runs, only }: FuzzOptions): Generator<number> {
  if (only !== undefined) yield only;
  else for (let number = 0; number < runs; number += 1) yield number;
};

export const hex = (bytes: Uint8Array, most = 200): string => `${Buffer.from(bytes.subarray(0, most)).toString('hex')}${bytes.length > most ? `… (${bytes.length} bytes)` : ''}`;

/** Counts by name, most first. */
export const tally = (): { add: (name: string) => void; line: () => string } => {
  const counts = new Map<string, number>();
  return {
    add: (name) => void counts.set(name, (counts.get(name) ?? 0) + 1),
    line: () => [...counts].toSorted(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`).join(', '),
  };
};

/** Runs synchronous cases: an exception or a returned text is a finding, and so is a case that takes longer than `limitMs`. */
export const runCases = (target: string, options: FuzzOptions, one: (number: number) => { outcome: string; wrong?: string; input: Uint8Array | string }, limitMs = 5_000): FuzzReport => {
  const findings: Finding[] = [];
  const outcomes = tally();
  let [done, slowestMs, slowest] = [0, 0, -1];
  const beganAt = performance.now();
  for (const number of numbers(options)) {
    const began = performance.now();
    const { outcome, wrong, input } = one(number);
    const tookMs = performance.now() - began;
    if (tookMs > slowestMs) [slowestMs, slowest] = [tookMs, number];
    outcomes.add(wrong === undefined ? outcome : 'WRONG');
    const what = wrong ?? (tookMs > limitMs ? `took ${Math.round(tookMs)} ms` : undefined);
    if (what !== undefined) findings.push({ number, what, input: typeof input === 'string' ? input : hex(input) });
    if (findings.length >= MAX_FINDINGS) break;
    done += 1;
    if (done % 100_000 === 0) options.progress?.(`${target}: ${done} of ${options.runs}`);
  }
  const seconds = (performance.now() - beganAt) / 1_000;
  return { target, seed: options.seed, runs: done, findings, summary: `${outcomes.line()}; ${Math.round(done / seconds)} a second, slowest ${Math.round(slowestMs)} ms (case ${slowest})` };
};
