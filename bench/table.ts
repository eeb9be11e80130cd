// Numbers as a person reads them: plain columns on a terminal, or the same rows in Markdown.
import { GENERATOR, type GoalResult, type Result } from './measure.ts';
import type { Spread } from './statistics.ts';

/** Three digits that matter; whole numbers stay whole. */
export const figure = (value: number): string => {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  if (size < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
};

export type Row = [number: string, median: string, spread: string, unit: string, goal: string];
export const HEAD: Row = ['number', 'median', 'min … max', 'unit', 'goal'];

/** A generator above this limits what it measures. */
const BUSY = 0.8;

const goalText = (goal: GoalResult): string => {
  const bounds = [goal.atMost === undefined ? '' : `≤ ${figure(goal.atMost)}`, goal.atLeast === undefined ? '' : `≥ ${figure(goal.atLeast)}`];
  return `${bounds.filter(Boolean).join(' and ')}: ${goal.met ? 'met' : 'MISSED'}`;
};

/** Ratios first, then what they were made of. */
export const rowsOf = ({ metrics, ratios, goals }: Pick<Result, 'metrics' | 'ratios' | 'goals'>): Row[] => {
  const row = (name: string, { median, min, max }: Spread, unit: string, note: string): Row => {
    const held = goals.filter((goal) => goal.name === name).map(goalText);
    return [name, figure(median), min === max ? '' : `${figure(min)} … ${figure(max)}`, unit, [...held, note].filter(Boolean).join('; ')];
  };
  return [
    ...Object.entries(ratios).map(([name, ratio]) => row(name, ratio, '×', '')),
    ...Object.entries(metrics).map(([name, metric]) => row(name, metric, metric.unit, name.endsWith(GENERATOR) && metric.median > BUSY ? 'the load generator was the limit' : '')),
  ];
};

export const plainTable = (rows: Row[]): string => {
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]!.length))); // a Row has every column
  const right = new Set([1]);
  return all.map((row) => row.map((cell, column) => (right.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('  ').trimEnd()).join('\n');
};

export const markdownTable = (rows: Row[]): string =>
  [HEAD, ['---', '--:', '---', '---', '---'], ...rows].map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
