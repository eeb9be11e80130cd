// The stream of the scenarios about words and judging: spoken sentences with pauses, over noise, with a moment every 100 s,
// sent to a server whose engines are scripted: they answer with the words that were really spoken.
import { temporaryFolder, startServer } from '../scripts/server-process.ts';
import { streamFile } from '../scripts/stream.ts';
import { type Planted, plantedStream } from '../server/testing/planted.ts';
import { type ScriptedRequest, startScriptedProvider } from '../server/testing/scripted-provider.ts';
import { hasFlite } from '../server/testing/speech.ts';
import type { Word } from '../shared/model.ts';
import type { Scale } from './scenario.ts';

export type Talk = Planted & { seconds: number };

export const talk = async (scale: Scale): Promise<Talk> => {
  if (!(await hasFlite())) throw new Error('flite is not installed: there would be nothing to transcribe (Debian: apt-get install flite)');
  const seconds = scale === 'quick' ? 180 : 300;
  return { ...(await plantedStream({ durationS: seconds, moments: Math.floor(seconds / 100) })), seconds };
};

/** What a server asked its engines, and the words it kept. `chat` answers its judge, who is not asked where it is left out. */
export const transcribed = async ({ file, words }: Talk, chat?: (body: unknown) => string): Promise<{ requests: ScriptedRequest[]; heard: Word[] }> => {
  const provider = await startScriptedProvider({ words, ...(chat ? { chat } : {}) });
  const folder = await temporaryFolder('bench');
  try {
    const server = await startServer({
      dataDir: folder.path,
      env: {
        OPENAI_API_KEY: 'scripted', OPENAI_BASE_URL: provider.url, CLIPPY_PROVIDER_RPM: '100000', CLIPPY_PROVIDER_RPD: '1000000', CLIPPY_PROVIDER_AUDIO_SPH: '10000000', CLIPPY_SCENES: 'off',
        ...(chat ? {} : { CLIPPY_OPENAI_JUDGE_MODEL: '' }),
      },
    });
    try {
      const { sessionId } = await streamFile({ file, server: server.url, token: server.token, speed: 'max', slice: 'gop' });
      const reply = await fetch(`${server.url}/api/sessions/${sessionId}/transcript.json`, { headers: { authorization: `Bearer ${server.token}` } });
      if (!reply.ok) throw new Error(`the transcript could not be read: ${reply.status}`);
      const { words: heard } = (await reply.json()) as { words: Word[] }; // our own server's answer, checked by its schema
      return { requests: provider.requests, heard };
    } finally {
      await server.kill('SIGTERM');
    }
  } finally {
    await provider.close();
    await folder.remove();
  }
};
