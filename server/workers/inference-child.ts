// Child process of inference.ts: one speech model, one request at a time.
import { messageOf } from '../errors.ts';
import type { InferenceAnswer, InferenceRequest } from './inference.ts';
import { openRecogniser, readModelFolder } from './speech-recogniser.ts';

const [folder = '', threads = '1'] = process.argv.slice(2);
const tell = (answer: InferenceAnswer): void => void process.send?.(answer);

try {
  const recognise = openRecogniser(folder, await readModelFolder(folder), Number(threads));
  process.on('message', ({ id, samples }: InferenceRequest) => {
    try {
      tell({ type: 'heard', id, heard: recognise(samples) });
    } catch (error) {
      tell({ type: 'failed', id, message: messageOf(error) });
    }
  });
  process.on('disconnect', () => process.exit(0));
  tell({ type: 'ready' });
} catch (error) {
  tell({ type: 'broken', message: messageOf(error) });
  process.exitCode = 1;
  process.disconnect();
}
