// Child process of model-check.ts: loads the models named in its argument and runs them; a crash is the answer.
import type { SpeechModels } from './media-messages.ts';
import { openSoundModels } from './speech-models.ts';

const models = JSON.parse(process.argv[2] ?? '{}') as SpeechModels;
const { voice, laughter } = openSoundModels(models);
const quiet = new Float32Array(1600);
for (let frame = 0; frame < 10; frame++) {
  voice?.(quiet, -20);
  laughter?.(quiet, -20);
}
