// `npm run demo`: a server in a temporary folder, the generated demo recording streamed to it four times as fast as life, its
// clips, and the address of the dashboard. In a terminal it stays until Ctrl-C; with `--exit`, or without a terminal, it ends.
import { join } from 'node:path';
import { streamFile } from './stream.ts';
import { startServer, temporaryFolder } from './server-process.ts';
import { buildDashboard } from './build.ts';

const clock = (ms: number): string => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`;

await buildDashboard();
const folder = await temporaryFolder('demo');
const server = await startServer({ dataDir: folder.path });
const stop = async (): Promise<void> => {
  await server.kill('SIGTERM');
  await folder.remove();
};
process.once('SIGINT', () => void stop().then(() => process.exit(0)));
try {
  console.log(`Clippy runs at ${server.url} (${server.transport}), everything in ${folder.path}`);
  console.log(`Dashboard: ${server.url}/#token=${server.token}\n`);
  const result = await streamFile({ file: join(import.meta.dirname, 'demo.mp4'), server: server.url, token: server.token, speed: 4, slice: 'gop', title: 'Demo', progress: true });
  console.log(`\n${result.chunks} chunks sent, ${result.acked} acknowledged, ${result.gaps.length} missing; ${clock(result.durationMs)} recorded, ${result.clips.length} clip(s):`);
  for (const clip of result.clips) {
    console.log(`  ${clock(clip.startMs)}–${clock(clip.endMs)}  ${clip.title}  (score ${clip.score.toFixed(2)})`);
    for (const reason of clip.reasons) console.log(`      ${reason.text}`);
    console.log(`      ${server.url}${clip.mediaUrl}`);
  }
  if (result.clips.length === 0) process.exitCode = 1;
  if (process.stdout.isTTY && !process.argv.includes('--exit')) {
    console.log('\nLook around in the dashboard; Ctrl-C ends the demo and removes its folder.');
    await new Promise(() => {});
  }
} finally {
  await stop();
}
