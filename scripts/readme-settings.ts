// Writes the table of settings into README, between its markers. `npm run readme`; a test fails when it is not up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS } from '../server/config.ts';

const readme = join(import.meta.dirname, '../README.md');
const begin = '<!-- settings -->';
const end = '<!-- /settings -->';

const table = (): string => {
  const rows = Object.values(SETTINGS).map(({ env, default: fallback, unit, doc }) => `| \`${env}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${unit} | ${doc.replaceAll('|', '\\|')} |`);
  return ['| variable | default | unit | what it does |', '| --- | --- | --- | --- |', ...rows].join('\n');
};

/** README with the table as the code has it. */
export const withSettings = (text: string): string => {
  const [head, tail] = [text.indexOf(begin), text.indexOf(end)];
  if (head < 0 || tail < head) throw new Error(`README.md needs ${begin} and ${end}`);
  return `${text.slice(0, head + begin.length)}\n${table()}\n${text.slice(tail)}`;
};

export const readReadme = (): string => readFileSync(readme, 'utf8');

if (import.meta.main) writeFileSync(readme, withSettings(readReadme()));
