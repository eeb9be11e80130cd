// `npm run bench [-- SCENARIO…] [--quick] [--json] [--rounds N] [--save]`. Exits with 1 when a scenario could not be measured
// or a ratio regressed (but for --save, which makes it the new baseline), with 2 when it was asked wrongly.
import { parseArgs } from 'node:util';
import { limitFor, readBaseline, type Regression, regressions, type Saved, writeBaseline } from './baseline.ts';
import { describeMachine, thisMachine } from './machine.ts';
import { type Result, runRounds, type Series, summarise } from './measure.ts';
import { writeReadme } from './readme.ts';
import type { Scale, Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { figure, plainTable, rowsOf } from './table.ts';

const asked = () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, save: { type: 'boolean', default: false }, rounds: { type: 'string' } },
  });
  const unknown = positionals.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) throw new Error(`no scenario ${unknown}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  const rounds = values.rounds === undefined ? null : Number(values.rounds);
  if (rounds !== null && !(Number.isInteger(rounds) && rounds > 0)) throw new Error(`--rounds ${values.rounds}: a whole number from 1 is needed`);
  const chosen = positionals.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => positionals.includes(name));
  const scale: Scale = values.quick ? 'quick' : 'full';
  return { ...values, rounds, chosen, scale };
};

const machine = thisMachine();

/** A suspected regression is measured once more, and what both found is judged together. */
const measure = async (scenario: Scenario, { scale, rounds: wanted, save }: { scale: Scale; rounds: number | null; save: boolean }, before: Saved | undefined): Promise<{ result: Result; worse: Regression[] }> => {
  const prepared = await scenario.prepare(scale);
  try {
    const rounds = wanted ?? prepared.rounds;
    if (save && rounds < prepared.rounds) throw new Error(`${rounds} rounds are too few to be a baseline; ${prepared.rounds} are asked for`);
    const series: Series = {};
    const progress = (text: string): void => void (process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text && `${scenario.name}, ${text}`}`));
    const run = async (from: number, to: number): Promise<{ result: Result; worse: Regression[] }> => {
      await runRounds(prepared.contenders, series, from, to, progress);
      const result = summarise(series, prepared);
      return { result, worse: before ? regressions(before, result, limitFor(scale, before.machine, machine)) : [] };
    };
    const first = await run(0, rounds);
    const judged = first.worse.length > 0 ? await run(rounds, 2 * rounds) : first;
    progress('');
    return judged;
  } finally {
    await prepared.close();
  }
};

const main = async (): Promise<number> => {
  const { chosen, scale, rounds, json, save } = asked();
  const baseline = readBaseline();
  const measured: Record<string, Saved> = {};
  let failed = 0;
  if (json) console.log(JSON.stringify({ machine, scale }));
  else console.log(`${describeMachine(machine)}; ${scale} scale`);
  for (const scenario of chosen) {
    const before = baseline[scale][scenario.name];
    try {
      const { result, worse } = await measure(scenario, { scale, rounds, save }, before);
      if (json) console.log(JSON.stringify({ scenario: scenario.name, ...result, regressions: worse }));
      else console.log(`\n${scenario.name}: ${scenario.question} (${result.rounds} rounds)\n${plainTable(rowsOf(result))}`);
      for (const { ratio, was, is, worseBy } of worse) console.error(`REGRESSED ${scenario.name} ${ratio}: ${figure(was)} → ${figure(is)}, ${Math.round(worseBy * 100)} % worse than the baseline`);
      if (worse.length > 0 && !save) failed += 1;
      measured[scenario.name] = { ...result, question: scenario.question, measuredAt: new Date().toISOString().slice(0, 10), machine };
    } catch (error) {
      failed += 1;
      console.error(`FAILED ${scenario.name}:`, error);
    }
  }
  if (save) {
    const saved = readBaseline(); // anew: another run may have saved meanwhile
    Object.assign(saved[scale], measured);
    writeBaseline(saved);
    writeReadme();
  }
  return failed > 0 ? 1 : 0;
};

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
