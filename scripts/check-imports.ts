// Keeps the import rule of the design: imports point one way, and a few packages are named in one place only.
// Prints violations as file:line and exits with 1. Tests and server/testing may import anything.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';

/** Layer → what it may import besides itself. A file belongs to the longest name that its path begins with. */
const LAYERS: Record<string, string[]> = {
  'shared/': [],
  'server/': ['shared/'], // errors, clock, log, metrics, config: what everybody may use
  'server/media/': ['shared/', 'server/'],
  'server/ports.ts': ['shared/', 'server/', 'server/media/'],
  'server/highlights/': ['shared/', 'server/', 'server/media/', 'server/ports.ts'],
  'server/workers/': ['shared/', 'server/', 'server/media/', 'server/ports.ts'],
  'server/adapters/': ['shared/', 'server/', 'server/media/', 'server/ports.ts', 'server/highlights/', 'server/workers/'],
  'server/pipeline/': ['shared/', 'server/', 'server/media/', 'server/ports.ts', 'server/highlights/'],
  'server/sessions/': ['shared/', 'server/', 'server/media/', 'server/ports.ts', 'server/highlights/', 'server/pipeline/'],
  'server/transport/': ['shared/', 'server/', 'server/media/', 'server/ports.ts', 'server/sessions/', 'server/http/'],
  'server/http/': ['shared/', 'server/', 'server/media/', 'server/ports.ts', 'server/sessions/', 'server/transport/'],
  'server/main.ts': ['shared/', 'server/', 'server/media/', 'server/ports.ts', 'server/highlights/', 'server/workers/', 'server/adapters/', 'server/pipeline/', 'server/sessions/', 'server/transport/', 'server/http/'],
  'server/testing/': [],
  'extension/': ['shared/'],
  'dashboard/': ['shared/'],
  'bench/': ['shared/', 'scripts/', 'server/testing/'],
  'scripts/': ['shared/', 'server/', 'server/testing/', 'server/media/', 'server/workers/'],
};
const PACKAGES: [name: RegExp, allowed: string[]][] = [
  [/^uWebSockets\.js$|^@uwsjs\//, ['server/transport/']],
  [/^rxjs($|\/)/, ['server/sessions/', 'server/pipeline/']],
];
const STAGE = /^server\/pipeline\/(decode|extract|transcribe|analyse|cut|archive)/;
const FREE = /\.(test|contract)\.ts$|(^|\/)(testing|e2e)\//;
const IMPORT = /^[ \t]*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^[ \t]*import\s*['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]/gm;

const layerOf = (path: string): string | undefined => Object.keys(LAYERS).filter((name) => path.startsWith(name)).toSorted((a, b) => b.length - a.length)[0];

/** `path` from the root with `/`; returns one line per violation. */
export const violations = (path: string, source: string): string[] => {
  const layer = layerOf(path);
  if (FREE.test(path) || layer === undefined) return [];
  // comments become blanks of the same length, so that lines keep their numbers
  const code = source.replace(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, ' '));
  return [...code.matchAll(IMPORT)].flatMap((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? '';
    const at = `${path}:${code.slice(0, match.index + match[0].length).split('\n').length}`;
    if (!name.startsWith('.')) {
      if (layer === 'shared/' && name !== 'msgpackr') return [`${at}: shared/ imports nothing but msgpackr, not ${name}`];
      return PACKAGES.filter(([pattern, allowed]) => pattern.test(name) && !allowed.includes(layer)).map(([, allowed]) => `${at}: only ${allowed.join(' and ')} may import ${name}`);
    }
    const target = posix.join(posix.dirname(path), name);
    const [from, to] = [STAGE.exec(path)?.[1], STAGE.exec(target)?.[1]];
    if (from !== undefined && to !== undefined && from !== to) return [`${at}: stage ${from} imports stage ${to}; stages never import one another`];
    const found = layerOf(target);
    return found === undefined || found === layer || LAYERS[layer]?.includes(found) ? [] : [`${at}: ${layer} may not import ${found} (${target})`];
  });
};

export const checkTree = (root: string): string[] =>
  Object.keys(LAYERS)
    .filter((name) => /^[a-z]+\/$/.test(name) && existsSync(join(root, name)))
    .flatMap((top) => {
      const files = readdirSync(join(root, top), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name));
      return files.map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/')).toSorted();
    })
    .flatMap((path) => violations(path, readFileSync(join(root, path), 'utf8')));

if (import.meta.main) {
  const found = checkTree(dirname(import.meta.dirname));
  for (const line of found) console.error(line);
  process.exitCode = found.length > 0 ? 1 : 0;
}
