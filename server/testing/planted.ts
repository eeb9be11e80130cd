// A planted stream: a recording whose highlights are known because we put them there. Calm speech over game-like noise with hits,
// coughs, music and a loud explosion nobody reacts to; in it, moments of loud excited speech with a trigger phrase and a cheer.
import { seededRandom } from '../../shared/testing/random.ts';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Word } from '../../shared/model.ts';
import { codeOf } from '../errors.ts';
import { testFfmpeg } from './ffmpeg-path.ts';
import { ambience, blast, cough, crowd, mixIn, music, wavOf } from './sounds.ts';
import { buzzVoice, fliteVoice, hasFlite, RATE, type Say, type Voice } from './speech.ts';

const VERSION = 5;
const run = promisify(execFile);

export type PlantedMoment = { startMs: number; endMs: number; phrase: string };
export type PlantedOptions = {
  seed?: number;
  durationS?: number;
  moments?: number;
  /** dB the excited speech lies above calm speech */
  ratioDb?: number;
  /** coughs, hits, music, an explosion */
  decoys?: boolean;
  /** pauses between calm sentences, s */
  pauseS?: [number, number];
  /** the first moment begins here at the earliest, s */
  firstS?: number;
  fps?: number;
  /** `wav` leaves the picture out */
  container?: 'mp4' | 'wav';
  audio?: 'opus' | 'aac';
  speech?: 'flite' | 'buzz';
  videoKbps?: number;
  audioKbps?: number;
};
export type Planted = { file: string; moments: PlantedMoment[]; words: Word[]; speech: 'flite' | 'buzz' };

const CALM = [
  'So today we are going to look at the second level again.', 'I think the door on the left leads to the garden.', 'Let me check the map before we move on.',
  'There is a small house behind the trees over there.', 'We need a little more wood for the bridge.', 'I had some coffee this morning and it was fine.',
  'The settings are the same as last week, nothing changed.', 'Someone asked about the keyboard, it is the old one.', 'We can walk around the lake and then go up the hill.',
  'This part takes a while, so let us just keep going.', 'I will put the stones into the chest for later.', 'The music in this area is rather quiet.',
  'Maybe we should come back here with a better lamp.', 'It looks like the shop opens in the evening.', 'I am going to sort the inventory for a moment.',
  'The path goes through the forest and along the river.', 'He said the key is somewhere in the old tower.', 'We have about twenty minutes left for this chapter.',
];
const EXCITED: { phrase: string; text: string; after: string }[] = [
  { phrase: 'no way', text: 'No way! Clip that! No way, that is insane!', after: 'I can not believe it went in, look at that!' },
  { phrase: 'oh my god', text: 'Oh my god! Oh my god, did you see that?', after: 'He never saw it coming, what a shot, wow!' },
  { phrase: 'are you kidding me', text: 'Are you kidding me? That is the world record!', after: 'We did it, we actually did it, yes!' },
  { phrase: "let's go", text: "Let's go! Let's go! What a play that was!", after: 'Everybody saw it, that was unbelievable!' },
  { phrase: 'clip that', text: 'Somebody clip that! Clip that right now!', after: 'One in a million, I am shaking, no way!' },
  { phrase: 'what just happened', text: 'What just happened? He is gone! He is gone!', after: 'That was crazy, the best moment so far!' },
];
const VOICES: Voice[] = ['slt', 'awb', 'rms'];

const compose = async (options: Required<PlantedOptions>, say: Say): Promise<{ mix: Float32Array; moments: PlantedMoment[]; words: Word[] }> => {
  const random = seededRandom(options.seed);
  const { durationS } = options;
  const mix = new Float32Array(Math.round(durationS * RATE));
  const words: Word[] = [];
  /** loudest 400 ms of calm speech, dB full scale */
  const speechDb = -24;
  mixIn(mix, ambience(durationS, random), { atS: 0, db: speechDb - 14 });

  const first = options.firstS;
  const gap = options.moments > 0 ? (durationS - first - 20) / options.moments : 0;
  const plan = Array.from({ length: options.moments }, (_, i) => first + gap * (i + 0.15 + 0.5 * random()));
  const moments: PlantedMoment[] = [];
  const voice = VOICES[Math.floor(random() * VOICES.length)] ?? 'slt';
  const place = (pcm: Float32Array, said: Word[], atS: number, db: number): void => {
    mixIn(mix, pcm, { atS, db });
    for (const word of said) words.push({ ...word, startMs: Math.round(word.startMs + atS * 1000), endMs: Math.round(word.endMs + atS * 1000) });
  };

  for (const [i, at] of plan.entries()) {
    const script = EXCITED[i % EXCITED.length]!; // index is modulo its length
    const a = await say(script.text, { voice, excited: true });
    const b = await say(script.after, { voice, excited: true });
    const aS = a.pcm.length / RATE;
    const bS = b.pcm.length / RATE;
    place(a.pcm, a.words, at, speechDb + options.ratioDb);
    place(b.pcm, b.words, at + aS - 0.1, speechDb + options.ratioDb);
    const length = Math.max(5 + 2.5 * random(), Math.min(8, aS + bS));
    mixIn(mix, crowd(length - 0.5, random), { atS: at + 0.5, db: speechDb + options.ratioDb - 5 });
    moments.push({ startMs: Math.round(at * 1000), endMs: Math.round((at + length) * 1000), phrase: script.phrase });
  }

  const busy = (fromS: number, toS: number): PlantedMoment | undefined => moments.find((moment) => moment.startMs / 1000 - 1.5 < toS && moment.endMs / 1000 + 1.5 > fromS);
  for (let at = 1; at < durationS - 5;) {
    const text = CALM[Math.floor(random() * CALM.length)] ?? '';
    const { pcm, words: said } = await say(text, { voice: random() < 0.8 ? voice : (VOICES[Math.floor(random() * 3)] ?? voice), excited: false });
    const until = at + pcm.length / RATE;
    const clash = busy(at, until);
    if (clash) at = clash.endMs / 1000 + 1.6 + random();
    else {
      if (until < durationS) place(pcm, said, at, speechDb - 1.5 + 3 * random());
      at = until + options.pauseS[0] + (options.pauseS[1] - options.pauseS[0]) * random();
    }
  }
  if (options.decoys) {
    const scatter = (everyS: number, lengthS: number, put: (atS: number) => void): void => {
      for (let at = everyS * (0.3 + 0.4 * random()); at + lengthS < durationS; at += everyS * (0.7 + 0.6 * random())) if (!busy(at - 8, at + lengthS + 8)) put(at);
    };
    scatter(18, 1, (at) => mixIn(mix, blast(0.12, random), { atS: at, db: speechDb + 1 }));
    scatter(95, 1, (at) => mixIn(mix, cough(random), { atS: at, db: speechDb + 7 }));
    scatter(150, 20, (at) => mixIn(mix, music(14 + 6 * random(), random), { atS: at, db: speechDb + 1 }));
    scatter(200, 4, (at) => mixIn(mix, blast(0.55, random), { atS: at, db: speechDb + options.ratioDb + 3 }));
  }
  return { mix, moments, words: words.sort((x, y) => x.startMs - y.startMs) };
};

/** Picture: a moving test card that changes its colours every few seconds, quickly during moments. */
const pictureArgs = (options: Required<PlantedOptions>, moments: PlantedMoment[]): string[] => {
  const fast = moments.map(({ startMs, endMs }) => `between(t,${(startMs / 1000).toFixed(2)},${(endMs / 1000).toFixed(2)})`).join('+') || '0';
  const step = `if(gt(${fast},0),floor(t/1.5)*131,floor(t/9)*67)`;
  return ['-f', 'lavfi', '-i', `testsrc=size=320x180:rate=${options.fps}:duration=${options.durationS},format=yuv420p,hue=h='mod(${step},360)':s='1+0.5*sin(${step})'`];
};

const encode = async (options: Required<PlantedOptions>, made: { wav: string; moments: PlantedMoment[]; target: string }): Promise<void> => {
  const sound = options.audio === 'opus' ? ['-c:a', 'libopus', '-b:a', `${options.audioKbps}k`, '-strict', '-2'] : ['-c:a', 'aac', '-b:a', `${options.audioKbps}k`];
  await run(testFfmpeg(), [
    '-y', '-v', 'error', ...pictureArgs(options, made.moments), '-i', made.wav, '-map', '0:v', '-map', '1:a', '-t', String(options.durationS),
    '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p', '-g', String(options.fps), '-keyint_min', String(options.fps), '-sc_threshold', '0',
    '-b:v', `${options.videoKbps}k`, '-maxrate', `${options.videoKbps * 2}k`, '-bufsize', `${options.videoKbps * 2}k`,
    ...sound, '-ar', '48000', '-ac', '1', '-movflags', '+faststart', '-f', 'mp4', made.target,
  ], { maxBuffer: 1 << 20, timeout: 240_000 });
};

/** Makes the recording, or takes it from the cache in the temporary folder. */
export const plantedStream = async (given: PlantedOptions = {}): Promise<Planted> => {
  const speech = given.speech ?? ((await hasFlite()) ? 'flite' : 'buzz');
  const options: Required<PlantedOptions> = {
    seed: 1, durationS: 600, moments: 6, ratioDb: 9, decoys: true, pauseS: [0.4, 3], firstS: 45, fps: 15, container: 'mp4', audio: 'opus', videoKbps: 120, audioKbps: 32, ...given, speech,
  };
  const key = createHash('sha256').update(JSON.stringify([VERSION, Object.entries(options).sort(([a], [b]) => a.localeCompare(b))])).digest('hex').slice(0, 16);
  const folder = join(tmpdir(), 'clippy-planted');
  const base = join(folder, key);
  const file = `${base}.${options.container}`;
  try {
    const known: Omit<Planted, 'file'> = JSON.parse(await readFile(`${base}.json`, 'utf8'));
    return { file, ...known };
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  await mkdir(folder, { recursive: true });
  const flite = speech === 'flite' ? await fliteVoice() : null;
  try {
    const { mix, moments, words } = await compose(options, flite?.say ?? buzzVoice());
    const mine = `${base}.${process.pid}`;
    await writeFile(`${mine}.wav`, wavOf(mix));
    if (options.container === 'mp4') {
      await encode(options, { wav: `${mine}.wav`, moments, target: `${mine}.mp4` });
      await rm(`${mine}.wav`);
    }
    await rename(`${mine}.${options.container}`, file);
    await writeFile(`${mine}.json`, JSON.stringify({ moments, words, speech }));
    await rename(`${mine}.json`, `${base}.json`);
    return { file, moments, words, speech };
  } finally {
    await flite?.close();
  }
};
