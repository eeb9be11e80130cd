import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { violations } from './check-imports.ts';

const PLANTED: [path: string, source: string, expected: RegExp][] = [
  ['shared/client.ts', "import { readFile } from 'node:fs';", /client\.ts:1: shared\/ imports nothing but msgpackr/],
  ['shared/client.ts', "import { Refused } from '../server/errors.ts';", /may not import server\//],
  ['server/media/walker.ts', "// first\n/* import\n*/\nimport type {\n  Clip,\n} from '../ports.ts';", /walker\.ts:6: server\/media\/ may not import server\/ports\.ts/],
  ['server/errors.ts', "export { x } from './media/media.ts';", /may not import server\/media\//],
  ['server/pipeline/cut.ts', "import { decode } from './decode.ts';", /stage cut imports stage decode/],
  ['server/pipeline/cut.ts', "import '../sessions/session.ts';", /may not import server\/sessions\//],
  ['server/sessions/session.ts', "const x = await import('../adapters/repository.postgres.ts');", /may not import server\/adapters\//],
  ['server/http/routes.ts', "import uws from 'uWebSockets.js';", /only server\/transport\/ may import/],
  ['server/highlights/score.ts', "import { map } from 'rxjs/operators';", /only server\/sessions\/ and server\/pipeline\/ may import/],
  ['server/workers/pool.ts', "import { x } from '../adapters/x.ts';", /may not import server\/adapters\//],
  ['dashboard/views/app.ts', "import { x } from '../../server/ports.ts';", /may not import server\/ports\.ts/],
  ['extension/popup.ts', "import { x } from '../dashboard/app.ts';", /may not import dashboard\//],
  ['bench/floor.ts', "import { x } from '../server/media/walk.ts';", /may not import server\/media\//],
  ['scripts/demo.ts', "import { x } from '../server/sessions/session.ts';", /may not import server\/sessions\//],
];
const ALLOWED: [path: string, source: string][] = [
  ['shared/codec.ts', "import { Packr } from 'msgpackr';\nimport type { Clip } from './model.ts';"],
  ['server/main.ts', "import { a } from './adapters/a.ts';\nimport { b } from './transport/b.ts';"],
  ['server/pipeline/index.ts', "import { cut } from './cut.ts';\nimport { from } from 'rxjs';"],
  ['server/pipeline/cut.ts', "import { stage } from './stage.ts';\nimport { clipOf } from './cut-clip.ts';"],
  ['server/sessions/session.test.ts', "import { a } from '../adapters/a.ts';"],
  ['server/transport/uws.ts', "import uws from 'uWebSockets.js';"],
  ['scripts/demo.ts', "import { x } from '../server/testing/speech.ts';\n// import x from '../server/main.ts';"],
  ['README.ts', "import x from 'rxjs';"],
];

describe('import rule', () => {
  it.each(PLANTED)('finds what %s may not import: %s', (path, source, expected) => {
    expect(violations(path, source)).toEqual([expect.stringMatching(expected)]);
  });

  it.each(ALLOWED)('allows %s: %s', (path, source) => {
    expect(violations(path, source)).toEqual([]);
  });

  it('exits with 1 and names the file and line, and with 0 on a clean tree', () => {
    const root = mkdtempSync(join(tmpdir(), 'clippy-imports-'));
    try {
      for (const top of ['shared', 'server', 'extension', 'dashboard', 'bench', 'scripts']) mkdirSync(join(root, top));
      cpSync(join(import.meta.dirname, 'check-imports.ts'), join(root, 'scripts', 'check-imports.ts'));
      execFileSync(process.execPath, [join(root, 'scripts', 'check-imports.ts')]);
      writeFileSync(join(root, 'shared', 'bad.ts'), "\nimport x from 'rxjs';\n");
      const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts', 'check-imports.ts')], { encoding: 'utf8' });
      expect([status, stderr]).toEqual([1, 'shared/bad.ts:2: shared/ imports nothing but msgpackr, not rxjs\n']);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
