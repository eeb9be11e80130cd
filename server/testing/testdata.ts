// What tests may or may not find: real recordings beside the repository, optional native packages. Tests that need one are
// skipped, by name, where it is absent.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../shared/testdata/', import.meta.url);

export const testdata = (path: string): string => fileURLToPath(new URL(path, root));
export const hasTestdata = existsSync(testdata('MANIFEST.md'));

/** sherpa-onnx-node is an optional dependency: some platforms have no binary */
export const hasSherpa = ((): boolean => {
  try {
    createRequire(import.meta.url)('sherpa-onnx-node');
    return true;
  } catch {
    // absent here: the tests that need it say so
    return false;
  }
})();
