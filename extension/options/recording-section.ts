import { css, html, LitElement, type TemplateResult } from 'lit';
import { bytes } from '../../shared/format.ts';
import { QUALITIES, type Quality, type Settings } from '../settings.ts';
import { base } from '../ui/base.ts';
import { fields } from './fields.ts';
import { bitRate, perHour, ringSize } from '../ui/format.ts';
import type { RecorderView } from '../view.ts';

const RINGS = [1, 2, 5, 10, 15, 30];
export type Change = (patch: Partial<Settings>) => void;

/** Quality, what is kept in the browser, cropping: each with what it costs. */
export class RecordingSection extends LitElement {
  static override properties = { settings: { attribute: false }, storage: { attribute: false }, onChange: { attribute: false } };
  declare settings: Settings;
  declare storage: RecorderView['storage'] | null;
  declare onChange: Change;
  static override styles = [
    base, fields,
    css`
      :host { display: grid; gap: 18px; }
      fieldset { display: grid; gap: 8px; }
      legend { padding: 0 0 6px; font-weight: 600; }
      .choice { display: grid; grid-template-columns: 18px 90px minmax(0, 1fr); gap: 10px; align-items: center; padding: 9px 12px; border: 1px solid var(--line); border-radius: 10px; }
      .choice:has(:checked) { border-color: var(--accent); background: var(--accent-soft); }
      .choice:has(:checked) .soft { color: var(--ink); }
      .choice:has(:focus-visible) { outline: 2px solid var(--focus); outline-offset: 2px; }
    `,
  ];

  #quality(quality: Quality): TemplateResult {
    const { width, height, videoBitsPerSecond } = QUALITIES[quality];
    return html`
      <label class="choice">
        <input type="radio" name="quality" .checked=${this.settings.quality === quality} @change=${() => this.onChange({ quality })} />
        <b>${quality === '2160p' ? '2160p (4K)' : quality}</b>
        <span class="soft num">up to ${width} × ${height}, ${bitRate(videoBitsPerSecond)}: at most ${perHour(quality, this.settings.microphone)} an hour</span>
      </label>
    `;
  }

  #used(): string {
    const { storage } = this;
    if (storage === null) return 'Asking the recorder what is used…';
    return `${bytes(storage.usedBytes)} used now${storage.quotaBytes > 0 ? ` of ${bytes(storage.quotaBytes)} the browser allows` : ''}.`;
  }

  override render(): TemplateResult {
    const { settings } = this;
    const minutes = RINGS.includes(settings.ringMinutes) ? RINGS : [...RINGS, settings.ringMinutes].sort((a, b) => a - b);
    return html`
      <fieldset><legend>Quality</legend>${(Object.keys(QUALITIES) as Quality[]).map((quality) => this.#quality(quality))}<p class="faint">A still page costs a fraction of this. Applies to recordings started from now on.</p></fieldset>
      <div class="field">
        <label for="ring">Kept in this browser</label>
        <select id="ring" aria-describedby="ring-cost" @change=${(event: Event) => { if (event.currentTarget instanceof HTMLSelectElement) this.onChange({ ringMinutes: Number(event.currentTarget.value) }); }}>
          ${minutes.map((each) => html`<option value=${each} ?selected=${each === settings.ringMinutes}>${each === 1 ? 'the last minute' : `the last ${each} minutes`}</option>`)}
        </select>
        <p id="ring-cost" class="faint num">Covers a lost connection and clips saved without a server. At most ${ringSize(settings.quality, settings.microphone, settings.ringMinutes)} for each recording. ${this.#used()}</p>
      </div>
      <label class="check">
        <input type="checkbox" .checked=${settings.cropToVideo} @change=${() => this.onChange({ cropToVideo: !settings.cropToVideo })} />
        <span class="text"><b>Record only the video</b><span class="faint">Crops the picture to the largest video of the page, where it can be found. Off: the whole tab is recorded, and the video’s place with it.</span></span>
      </label>
    `;
  }
}
