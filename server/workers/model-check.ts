// Which sound models the media workers may load. sherpa-onnx aborts the process on a model it cannot read (measured: SIGABRT on
// garbage, exit(255) on a bad token file), so each is loaded once in a child process first.
import { spawn } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../errors.ts';
import type { SpeechModels } from './media-messages.ts';

export type SoundModelSettings = {
  /** `CLIPPY_VAD_MODEL`; empty = `silero_vad*.onnx` in `modelsDir`, where there is one */
  vadModel: string;
  /** an ONNX file with `class_labels_indices.csv` beside it; empty = the one in `modelsDir/audio-tagging` */
  taggingModel: string;
  modelsDir: string;
};

const CHECK_TIMEOUT_MS = 60_000;
export const LABELS_FILE = 'class_labels_indices.csv';

const isFile = async (path: string): Promise<boolean> => {
  try {
    return (await stat(path)).isFile();
  } catch {
    // absent or unreadable: not usable either way
    return false;
  }
};

const firstOf = async (folder: string, name: RegExp): Promise<string> => {
  try {
    const found = (await readdir(folder)).filter((file) => name.test(file)).sort()[0];
    return found ? join(folder, found) : '';
  } catch {
    // no such folder: no models
    return '';
  }
};

/** Loads the models in a child process and lets them hear a second of silence. Resolves to '' or to what went wrong. */
const tryOut = (models: SpeechModels): Promise<string> =>
  new Promise((resolve) => {
    const script = fileURLToPath(new URL('./model-check-child.ts', import.meta.url));
    const child = spawn(process.execPath, [script, JSON.stringify(models)], { stdio: ['ignore', 'ignore', 'pipe'], timeout: CHECK_TIMEOUT_MS });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-2000);
    });
    child.on('error', (error) => resolve(messageOf(error)));
    child.on('close', (code, signal) => resolve(code === 0 ? '' : stderr.trim().split('\n').slice(-2).join(' ') || `ended with ${code ?? signal}`));
  });

/** The usable ones, and a note for each that was asked for or found and is not. Never throws: without models the energy gate hears. */
export const checkModels = async (settings: SoundModelSettings): Promise<{ models: SpeechModels; notes: string[] }> => {
  const notes: string[] = [];
  const none = { vad: '', taggingModel: '', taggingLabels: '' };
  const vad = settings.vadModel || (await firstOf(settings.modelsDir, /^silero_vad.*\.onnx$/));
  const tagging = settings.taggingModel || (await firstOf(join(settings.modelsDir, 'audio-tagging'), /\.onnx$/));
  const models: SpeechModels = { ...none };
  if (vad) {
    const problem = (await isFile(vad)) ? await tryOut({ ...none, vad }) : 'no such file';
    if (problem) notes.push(`voice activity by the energy gate: ${vad} cannot be used (${problem}); get it with: npm run model -- silero-vad`);
    else models.vad = vad;
  }
  if (tagging) {
    const labels = join(dirname(tagging), LABELS_FILE);
    const present = (await isFile(tagging)) && (await isFile(labels));
    const problem = present ? await tryOut({ ...none, taggingModel: tagging, taggingLabels: labels }) : `it or ${LABELS_FILE} beside it is missing`;
    if (problem) notes.push(`no laughter signal: ${tagging} cannot be used (${problem}); get it with: npm run model -- audio-tagging`);
    else Object.assign(models, { taggingModel: tagging, taggingLabels: labels });
  }
  return { models, notes };
};
