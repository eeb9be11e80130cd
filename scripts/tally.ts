// Adds up vitest's JSON reports, says again what failed and why (of a long log often only the end is seen), and prints the one
// line CI ends with. A test counts once: it has passed when it passed in any
// report and failed in none; one that ran nowhere counts as skipped and, in CI, as a failure.
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

export type Report = { testResults: { name: string; status: string; message: string; assertionResults: { fullName: string; status: string; failureMessages?: string[] }[] }[] };
type Outcome = 'passed' | 'failed' | 'skipped';

const FAILURES_SHOWN = 38; // with the line that counts the rest and the tally, 40
const LINE = 240; // characters

const firstLine = (message: string): string => stripVTControlCharacters(message).trim().split('\n', 1)[0]!; // split gives one part at least

const rank: Record<Outcome, number> = { skipped: 0, passed: 1, failed: 2 };

/** Reports named `matrix-…` run the same tests against something else: their tests count on their own. */
export const tally = (reports: { name: string; report: Report }[], root: string): { counts: Record<Outcome, number>; skipped: string[]; failed: string[]; reasons: Map<string, string> } => {
  const outcomes = new Map<string, Outcome>();
  const reasons = new Map<string, string>();
  const ranInMatrix = new Set<string>();
  const note = (key: string, outcome: Outcome, message: string): void => {
    if (outcome === 'failed' && !reasons.has(key)) reasons.set(key, firstLine(message));
    const before = outcomes.get(key);
    if (before === undefined || rank[outcome] > rank[before]) outcomes.set(key, outcome);
  };
  for (const { name, report } of reports) {
    const matrix = name.startsWith('matrix-');
    for (const file of report.testResults) {
      const path = relative(root, file.name);
      if (file.assertionResults.length === 0 && file.status === 'failed') note(`${path} (${name})`, 'failed', file.message);
      for (const test of file.assertionResults) {
        // A printed seed differs from run to run; the test is the same.
        const key = `${path}: ${test.fullName.replaceAll(/(seed[ =])\d+/gi, '$1…')}`;
        const outcome = test.status === 'passed' || test.status === 'failed' ? test.status : 'skipped';
        const message = test.failureMessages?.[0] ?? '';
        if (!matrix) note(key, outcome, message);
        else if (outcome !== 'skipped') {
          note(`${key} (${name})`, outcome, message);
          ranInMatrix.add(key);
        }
      }
    }
  }
  for (const [key, outcome] of outcomes) if (outcome === 'skipped' && ranInMatrix.has(key)) outcomes.delete(key);
  const named = (outcome: Outcome): string[] => [...outcomes].filter(([, one]) => one === outcome).map(([key]) => key);
  const [passed, failed, skipped] = [named('passed'), named('failed'), named('skipped')];
  return { counts: { passed: passed.length, failed: failed.length, skipped: skipped.length }, skipped, failed, reasons };
};

/** What failed, one line each, at most 39 lines. `steps` (install, lint, …) are no tests. */
export const failures = ({ failed, reasons }: Pick<ReturnType<typeof tally>, 'failed' | 'reasons'>, steps: string[]): string[] => {
  const lines = [...steps.map((step) => `failed step: ${step}`), ...failed.map((name) => `failed: ${name}: ${reasons.get(name) ?? ''}`.slice(0, LINE))];
  return lines.length <= FAILURES_SHOWN ? lines : [...lines.slice(0, FAILURES_SHOWN), `and ${lines.length - FAILURES_SHOWN} more`];
};

/** A runner that was killed leaves half a report or none worth the name: that is a failure, not a reason to end without a tally. */
const read = (path: string): Report => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch (error) {
    return { testResults: [{ name: path, status: 'failed', message: `the report cannot be read: ${String(error)}`, assertionResults: [] }] };
  }
};

if (import.meta.main) {
  const [folder = '', ...steps] = process.argv.slice(2);
  if (steps[0] === '--skipped-files') {
    const files = read(folder).testResults.filter((file) => file.assertionResults.some((test) => test.status !== 'passed' && test.status !== 'failed'));
    console.log(files.map((file) => relative(process.cwd(), file.name)).join(' '));
    process.exit(0);
  }
  const reports = readdirSync(folder).filter((file) => file.endsWith('.json')).map((file) => ({ name: file, report: read(join(folder, file)) }));
  const result = tally(reports, process.cwd());
  const { counts, skipped } = result;
  for (const name of skipped) console.log(`skipped: ${name}`);
  for (const line of failures(result, steps)) console.log(line);
  const failed = counts.failed + steps.length;
  console.log(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`);
  process.exitCode = failed > 0 || (process.env['CI'] && counts.skipped > 0) || counts.passed === 0 ? 1 : 0;
}
