// Adds up vitest's JSON reports and prints the one line CI ends with. A test counts once: it has passed when it passed in any
// report and failed in none; one that ran nowhere counts as skipped and, in CI, as a failure.
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

type Report = { testResults: { name: string; status: string; message: string; assertionResults: { fullName: string; status: string }[] }[] };
type Outcome = 'passed' | 'failed' | 'skipped';

const rank: Record<Outcome, number> = { skipped: 0, passed: 1, failed: 2 };

/** Reports named `matrix-…` run the same tests against something else: their tests count on their own. */
export const tally = (reports: { name: string; report: Report }[], root: string): { counts: Record<Outcome, number>; skipped: string[]; failed: string[] } => {
  const outcomes = new Map<string, Outcome>();
  const ranInMatrix = new Set<string>();
  const note = (key: string, outcome: Outcome): void => {
    const before = outcomes.get(key);
    if (before === undefined || rank[outcome] > rank[before]) outcomes.set(key, outcome);
  };
  for (const { name, report } of reports) {
    const matrix = name.startsWith('matrix-');
    for (const file of report.testResults) {
      const path = relative(root, file.name);
      if (file.assertionResults.length === 0 && file.status === 'failed') note(`${path} (${name})`, 'failed');
      for (const test of file.assertionResults) {
        // A printed seed differs from run to run; the test is the same.
        const key = `${path}: ${test.fullName.replaceAll(/(seed[ =])\d+/gi, '$1…')}`;
        const outcome = test.status === 'passed' || test.status === 'failed' ? test.status : 'skipped';
        if (!matrix) note(key, outcome);
        else if (outcome !== 'skipped') {
          note(`${key} (${name})`, outcome);
          ranInMatrix.add(key);
        }
      }
    }
  }
  for (const [key, outcome] of outcomes) if (outcome === 'skipped' && ranInMatrix.has(key)) outcomes.delete(key);
  const named = (outcome: Outcome): string[] => [...outcomes].filter(([, one]) => one === outcome).map(([key]) => key);
  const [passed, failed, skipped] = [named('passed'), named('failed'), named('skipped')];
  return { counts: { passed: passed.length, failed: failed.length, skipped: skipped.length }, skipped, failed };
};

if (import.meta.main) {
  const [folder = '', failedSteps = '0'] = process.argv.slice(2);
  if (failedSteps === '--skipped-files') {
    const report = JSON.parse(readFileSync(folder, 'utf8')) as Report;
    const files = report.testResults.filter((file) => file.assertionResults.some((test) => test.status !== 'passed' && test.status !== 'failed'));
    console.log(files.map((file) => relative(process.cwd(), file.name)).join(' '));
    process.exit(0);
  }
  const reports = readdirSync(folder).filter((file) => file.endsWith('.json')).map((file) => ({ name: file, report: JSON.parse(readFileSync(join(folder, file), 'utf8')) as Report }));
  const { counts, skipped, failed } = tally(reports, process.cwd());
  for (const name of failed) console.log(`failed: ${name}`);
  for (const name of skipped) console.log(`skipped: ${name}`);
  const bad = counts.failed + Number(failedSteps) + (process.env['CI'] ? counts.skipped : 0);
  // Steps that are no test (install, lint, …) count as failures of their own.
  console.log(`${counts.passed} passed, ${counts.failed + Number(failedSteps)} failed, ${counts.skipped} skipped`);
  process.exitCode = bad > 0 || counts.passed === 0 ? 1 : 0;
}
