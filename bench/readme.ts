// Writes the saved full-scale results into README.md beside, between its markers. `npm run readme`, and every `--save`; a test fails
// when they are not up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Baseline, readBaseline, type Saved } from './baseline.ts';
import { describeMachine } from './machine.ts';
import { figure, markdownTable, rowsOf } from './table.ts';

const readme = join(import.meta.dirname, 'README.md');
const begin = '<!-- results -->';
const end = '<!-- /results -->';

const section = (name: string, saved: Saved): string => {
  const named = new Set([...Object.keys(saved.ratios), ...saved.goals.map((goal) => goal.name)]);
  const [first, rest] = [rowsOf(saved).filter(([number]) => named.has(number)), rowsOf(saved).filter(([number]) => !named.has(number))];
  return [
    `### ${name}`, '', `${saved.question} ${saved.rounds} rounds on ${saved.measuredAt}; ${describeMachine(saved.machine)}.`, '',
    ...(first.length > 0 ? [markdownTable(first), ''] : []),
    ...(rest.length > 0 ? [`<details><summary>${rest.length} numbers behind them</summary>`, '', markdownTable(rest), '', '</details>', ''] : []),
  ].join('\n');
};

const summary = (saved: Baseline['full']): string => {
  const rows = Object.entries(saved).flatMap(([scenario, { goals }]) => goals.map(({ name, atMost, atLeast, value, met }) => {
    const bounds = [atMost === undefined ? '' : `≤ ${figure(atMost)}`, atLeast === undefined ? '' : `≥ ${figure(atLeast)}`].filter(Boolean).join(' and ');
    return `| ${scenario} | ${name} | ${bounds} | ${figure(value)} | ${met ? 'met' : '**missed**'} |`;
  }));
  return ['| scenario | goal | promised | measured | |', '| --- | --- | --- | --: | --- |', ...rows].join('\n');
};

/** README with the results as the baseline has them. */
export const withResults = (text: string, { full }: Baseline): string => {
  const [head, tail] = [text.indexOf(begin), text.indexOf(end)];
  if (head < 0 || tail < head) throw new Error(`bench/README.md needs ${begin} and ${end}`);
  const body = [summary(full), ...Object.entries(full).map(([name, saved]) => section(name, saved))].join('\n\n');
  return `${text.slice(0, head + begin.length)}\n${body.trimEnd()}\n${text.slice(tail)}`;
};

/** `scenario: goal` of each goal that is missed; README says why under a heading of that name. */
export const missedGoals = ({ full }: Baseline): string[] => Object.entries(full).flatMap(([scenario, { goals }]) => goals.filter(({ met }) => !met).map(({ name }) => `${scenario}: ${name}`));

export const readReadme = (): string => readFileSync(readme, 'utf8');
export const writeReadme = (): void => writeFileSync(readme, withResults(readReadme(), readBaseline()));

if (import.meta.main) writeReadme();
