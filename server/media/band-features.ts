// What the highlight finder hears, from the band energies of Opus packets in CELT mode: the same numbers as audio-features.ts gives
// of decoded sound, at a thirtieth of its cost, a little coarser.
import type { FrameFeatures } from './audio-features.ts';
import { BAND_EDGES, BANDS, CeltEnergy } from './celt-energy.ts';
import { Momentary } from './loudness.ts';
import type { Packet } from './media.ts';
import type { Spectrum } from './onset.ts';
import { opusFrames, OPUS_RATE, opusSamples } from './opus.ts';
import { PcmFramer, PCM_RATE } from './pcm-frames.ts';
import { VoiceGate } from './voice-gate.ts';

/** Slots a second: the shortest frame, 2.5 ms, fills one. */
const RATE = 400;
/** A hop of 20 ms, five to a frame of features. */
const HOP = 8;
const HOPS = 5;
const FIRST_CELT = 16;
const HERTZ = 200;
const WIDTHS = Array.from({ length: BANDS }, (_, band) => BAND_EDGES[band + 1]! - BAND_EDGES[band]!); // one edge more than bands
const MIDDLES = Array.from({ length: BANDS }, (_, band) => (HERTZ * (BAND_EDGES[band]! + BAND_EDGES[band + 1]!)) / 2);
/** 200 Hz to 4 kHz */
const SPEECH_FROM = 1;
const SPEECH_TO = 13;
/** as in onset.ts: amplitude per band below which a change is noise nobody hears */
const FLOOR = 0.0002;
/** Energies remembered: more than a frame of features and a packet (120 ms) of the shortest frames refer to. Number 0 is silence. */
const REMEMBERED = 128;

/** of a mean square, where a full-scale sine has 0 dB */
const toDb = (power: number): number => 10 * Math.log10(2 * power + 1e-10);

/**
 * Whether a packet's energies can be read without decoding: CELT mode, not SILK or hybrid, in frames of 10 or 20 ms; in shorter
 * ones coarse energy says too little. A packet without bytes is lost sound either way.
 */
export const isReadable = (packet: Uint8Array): boolean => packet.length === 0 || (packet[0]! >> 3 >= FIRST_CELT && (packet[0]! & 0x10) !== 0); // it has a first byte

type Energy = { loud: number; bands: Float64Array };

/** One mono or stereo stream. */
export class BandFeatures {
  readonly #celt = new CeltEnergy();
  readonly #stereo: boolean;
  readonly #gain: number;
  readonly #framer: PcmFramer;
  readonly #energies: Energy[] = Array.from({ length: REMEMBERED }, () => ({ loud: 0, bands: new Float64Array(BANDS) }));
  #last = 0;
  readonly #momentary = new Momentary();
  readonly #gate = new VoiceGate();
  readonly #mean = new Float64Array(BANDS);
  readonly #hop = new Float64Array(BANDS);
  readonly #before = new Float64Array(BANDS);
  #frames: FrameFeatures[] = [];

  constructor(channels: number, gainDb: number) {
    this.#stereo = channels === 2;
    this.#gain = 10 ** (gainDb / 10);
    this.#framer = new PcmFramer(1, (startMs, [slots]) => {
      if (slots) this.#frames.push(this.#feature(startMs, slots));
    }, RATE);
  }

  /** In order. A broken packet is silence of its length. */
  push(packet: Pick<Packet, 'startMs' | 'data'>): void {
    const { data } = packet;
    const first = data[0] ?? 0;
    const frames = opusFrames(data);
    if (!frames) return this.#silence(packet);
    const coding = { size: (first >> 3) & 3, bandwidth: (first >> 5) & 3, channels: first & 4 ? 2 : 1 };
    const slots = new Float32Array(frames.length << coding.size);
    for (const [i, frame] of frames.entries()) {
      this.#celt.frame(data, frame, coding, this.#stereo);
      this.#last = (this.#last % (REMEMBERED - 1)) + 1;
      const energy = this.#energies[this.#last]!; // 1 to REMEMBERED - 1
      energy.loud = this.#celt.loud * this.#gain;
      for (let band = 0; band < BANDS; band++) energy.bands[band] = this.#celt.bands[band]! * this.#gain;
      slots.fill(this.#last, i << coding.size, (i + 1) << coding.size);
    }
    this.#framer.push({ startMs: packet.startMs, channels: [slots] });
  }

  take(): FrameFeatures[] {
    const taken = this.#frames;
    this.#frames = [];
    return taken;
  }

  end(): FrameFeatures[] {
    this.#framer.end();
    return this.take();
  }

  #silence(packet: Pick<Packet, 'startMs' | 'data'>): void {
    const samples = opusSamples(packet.data) || 960;
    this.#framer.push({ startMs: packet.startMs, channels: [new Float32Array(Math.round((samples * RATE) / OPUS_RATE))] });
  }

  #feature(startMs: number, slots: Float32Array): FrameFeatures {
    let loud = 0;
    let onset = 0;
    let quietest = Infinity;
    this.#mean.fill(0);
    for (let hop = 0; hop < HOPS; hop++) {
      this.#hop.fill(0);
      for (let slot = hop * HOP; slot < (hop + 1) * HOP; ) {
        const number = slots[slot]!; // 40 slots
        let until = slot + 1;
        while (until < (hop + 1) * HOP && slots[until] === number) until++;
        if (number > 0) {
          const energy = this.#energies[number]!; // numbers given by push
          const share = (until - slot) / HOP;
          loud += energy.loud * share;
          for (let band = 0; band < BANDS; band++) this.#hop[band]! += energy.bands[band]! * share;
        }
        slot = until;
      }
      onset = Math.max(onset, this.#flux());
      let speech = 0;
      for (let band = SPEECH_FROM; band < SPEECH_TO; band++) speech += this.#hop[band]!;
      quietest = Math.min(quietest, speech);
      for (let band = 0; band < BANDS; band++) this.#mean[band]! += this.#hop[band]! / HOPS;
    }
    const spectrum = { onset, quietestDb: toDb(quietest), ...this.#shape() };
    return { startMs, loudness: this.#momentary.push(loud / HOPS), onset, voice: this.#gate.push(spectrum), laughter: 0 };
  }

  /** As in onset.ts: half-wave rectified change of band amplitudes over their sum. */
  #flux(): number {
    let rise = 0;
    let total = FLOOR * BANDS;
    for (let band = 0; band < BANDS; band++) {
      const amplitude = Math.sqrt(this.#hop[band]!);
      rise += Math.max(0, amplitude - this.#before[band]!);
      total += amplitude;
      this.#before[band] = amplitude;
    }
    return rise / total;
  }

  #shape(): Pick<Spectrum, 'speechDb' | 'speechShare' | 'flatness' | 'crossings'> {
    let all = 0;
    let speech = 0;
    let width = 0;
    let logs = 0;
    let turns = 0;
    for (let band = 0; band < BANDS; band++) {
      const power = this.#mean[band]!;
      all += power;
      turns += power * MIDDLES[band]! ** 2;
      if (band < SPEECH_FROM || band >= SPEECH_TO) continue;
      speech += power;
      width += WIDTHS[band]!;
      logs += WIDTHS[band]! * Math.log(power / WIDTHS[band]! + 1e-14);
    }
    return {
      speechDb: toDb(speech),
      speechShare: all > 0 ? speech / all : 0,
      flatness: speech > 0 ? Math.min(1, Math.exp(logs / width) / (speech / width)) : 1,
      // Rice's formula: what a sound with this spectrum would have
      crossings: all > 0 ? (2 * Math.sqrt(turns / all)) / PCM_RATE : 0,
    };
  }
}
