// npm leaves out optional packages whose `engines` do not match the Node that runs npm itself. Under Node 20 that is the
// uWebSockets.js binary for the Node 22 we ship as a package, so it is fetched in a second pass under that Node 22.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const glibc = process.report.getReport().header.glibcVersionRuntime;
const wanted = process.platform === 'linux' && process.arch === 'x64' && glibc && process.versions.node.startsWith('22.');
if (wanted && !existsSync('node_modules/uWebSockets.js/package.json') && process.env.npm_execpath) {
  const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const spec = `uWebSockets.js@${optionalDependencies['uWebSockets.js']}`;
  try {
    execFileSync(process.execPath, [process.env.npm_execpath, 'install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', spec], { stdio: 'inherit' });
  } catch (error) {
    console.warn(`uWebSockets.js could not be installed (${error.message}); the portable transport will be used.`);
  }
}
