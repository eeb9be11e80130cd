// Thread entry: answers the requests of media-messages.ts. Requests of one session are answered in turn; those of other sessions
// go on while one waits for its FFmpeg.
import { parentPort, workerData } from 'node:worker_threads';
import { MediaError, messageOf } from '../errors.ts';
import { decodeMono, openAudioSession, type AudioSession } from './audio-session.ts';
import { packFrames, unpackPackets, type MediaReply, type MediaRequest, type MediaWorkerSettings } from './media-messages.ts';
import type { PoolAnswer, PoolCall } from './pool.ts';
import { openSoundModels } from './speech-models.ts';

if (!parentPort) throw new Error('media-worker.ts runs as a worker thread');
const port = parentPort;
const { ffmpegPath, models } = workerData as MediaWorkerSettings;
const sessions = new Map<string, AudioSession>();

const sessionOf = (id: string): AudioSession => {
  const session = sessions.get(id);
  if (!session) throw new MediaError('tool', `audio of session ${id} is not open here; open it again from the saved cursor`);
  return session;
};

const close = async (id: string): Promise<void> => {
  const session = sessions.get(id);
  sessions.delete(id);
  await session?.close();
};

const answer = async (request: MediaRequest): Promise<MediaReply> => {
  switch (request.op) {
    case 'open': {
      await close(request.session);
      sessions.set(request.session, await openAudioSession({ track: request.track, startMs: request.startMs, ffmpegPath, models: openSoundModels(models) }));
      return { done: true };
    }
    case 'push':
      return { frames: packFrames(await sessionOf(request.session).push(unpackPackets(request.packets))) };
    case 'end':
      return { frames: packFrames(await sessionOf(request.session).end()) };
    case 'close':
      await close(request.session);
      return { done: true };
    case 'pcm':
      return { pcm: await decodeMono({ ...request, packets: unpackPackets(request.packets), ffmpegPath }) };
    default:
      return request satisfies never;
  }
};

const transfers = (reply: MediaReply): ArrayBuffer[] => ('frames' in reply ? [reply.frames.buffer] : 'pcm' in reply ? [reply.pcm.buffer] : []);

/** Each session's last request: the next begins when it has ended, also when its caller has gone. */
const tails = new Map<string, Promise<unknown>>();

const inTurn = async (request: MediaRequest): Promise<MediaReply> => {
  if (request.op === 'pcm') return answer(request);
  const { session } = request;
  const turn = (tails.get(session) ?? Promise.resolve()).then(() => answer(request));
  // the caller gets the failure; the next in line only waits for the end
  const ended = turn.catch(() => undefined);
  tails.set(session, ended);
  try {
    return await turn;
  } finally {
    if (tails.get(session) === ended) tails.delete(session);
  }
};

const handle = async ({ id, request }: PoolCall<MediaRequest>): Promise<void> => {
  try {
    const reply = await inTurn(request);
    port.postMessage({ id, reply } satisfies PoolAnswer<MediaReply>, transfers(reply));
  } catch (error) {
    port.postMessage({ id, error: { code: error instanceof MediaError ? error.code : null, message: messageOf(error) } } satisfies PoolAnswer<MediaReply>);
  }
};

port.on('message', (call: PoolCall<MediaRequest>) => void handle(call));
