import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { bytes, percent, plural, timecode } from '../../shared/format.ts';
import { base } from '../ui/base.ts';
import { delivered } from '../ui/format.ts';
import type { RecordingView } from '../view.ts';

export type RowActions = { stop(key: string): void; upload(key: string): void; discard(recording: RecordingView): void; save(key: string, seconds: number): Promise<unknown> };

const nameOf = ({ title }: RecordingView): string => title.trim() || 'Untitled page';

/** Recordings beside the one of this tab: in other tabs, just ended, or left by an earlier run of the browser. */
export class RecordingList extends LitElement {
  static override properties = { heading: { attribute: false }, recordings: { attribute: false }, paired: { type: Boolean }, actions: { attribute: false }, busy: { attribute: false } };
  declare heading: string;
  declare recordings: readonly RecordingView[];
  declare paired: boolean;
  declare actions: RowActions;
  /** keys with a request under way */
  declare busy: ReadonlySet<string>;
  static override styles = [
    base,
    css`
      section { display: grid; gap: 6px; }
      h2 { font-size: 13px; color: var(--soft); }
      li { padding: 10px 12px; display: grid; gap: 8px; border-top: 1px solid var(--line); grid-template-columns: minmax(0, 1fr); }
      li:first-child { border-top: 0; }
      .text { display: grid; gap: 1px; }
      progress { width: 100%; height: 6px; appearance: none; border: 0; border-radius: 3px; overflow: hidden; background: var(--line); }
      progress::-webkit-progress-bar { background: var(--line); }
      progress::-webkit-progress-value { background: var(--accent); }
    `,
  ];

  #state(recording: RecordingView): string {
    const length = timecode(recording.durationMs);
    switch (recording.state) {
      case 'starting':
        return 'Starting';
      case 'recording':
        return `${length} recorded${recording.lost > 0 ? `, ${plural(recording.lost, 'chunk')} lost` : ''}`;
      case 'stopping':
        return `${length}, finishing: ${plural(recording.unackedChunks, 'chunk')} (${bytes(recording.unackedBytes)}) on the way`;
      case 'uploading':
        return `${length}, uploading: ${percent(delivered(recording))}, ${bytes(recording.unackedBytes)} to go`;
      case 'left':
        return `${length}, ${bytes(recording.unackedBytes)} not at the server${this.paired ? '' : '; pair to upload it'}`;
      case 'stopped':
        return `${length}, ${this.paired ? (recording.lost > 0 ? `complete but for ${plural(recording.lost, 'lost chunk')}` : 'all of it at the server') : 'kept in this browser for a while'}`;
      case 'failed':
        return `${length}, ended by a failure`;
      default:
        return recording.state satisfies never;
    }
  }

  #tools(recording: RecordingView): TemplateResult | typeof nothing {
    const { key, state } = recording;
    const busy = this.busy.has(key) ? 'true' : 'false';
    const run = (action: () => void) => (): void => {
      if (!this.busy.has(key)) action();
    };
    if (state === 'starting' || state === 'recording') return html`<button aria-disabled=${busy} aria-label="Stop ${nameOf(recording)}" @click=${run(() => this.actions.stop(key))}>Stop</button>`;
    if (state === 'left') {
      return html`
        <button class="primary" ?disabled=${!this.paired} aria-disabled=${busy} aria-label="Upload ${nameOf(recording)}" @click=${run(() => this.actions.upload(key))}>Upload</button>
        <button class="danger" aria-disabled=${busy} aria-label="Discard ${nameOf(recording)}" @click=${run(() => this.actions.discard(recording))}>Discard</button>
      `;
    }
    return nothing;
  }

  #row(recording: RecordingView): TemplateResult {
    const { state, trouble } = recording;
    const ended = state === 'stopped' || state === 'failed' || state === 'left';
    const inline = state === 'starting' || state === 'recording';
    return html`
      <li>
        <div class="row">
          <div class="text grow"><span class="line" dir="auto" title=${nameOf(recording)}>${nameOf(recording)}</span><span class="faint num">${this.#state(recording)}</span></div>
          ${inline ? this.#tools(recording) : nothing}
        </div>
        ${state === 'uploading' ? html`<progress max="1" .value=${delivered(recording)} aria-label="Upload of ${nameOf(recording)}"></progress>` : nothing}
        ${trouble ? html`<p class="note bad">${trouble.message}</p>` : nothing}
        ${state === 'left' ? html`<div class="row">${this.#tools(recording)}</div>` : nothing}
        ${ended && recording.savableMs > 0 ? html`<clippy-save-row .name=${nameOf(recording)} .savableMs=${recording.savableMs} .onSave=${(seconds: number) => this.actions.save(recording.key, seconds)}></clippy-save-row>` : nothing}
      </li>
    `;
  }

  override render(): TemplateResult {
    return html`
      <section aria-labelledby="heading">
        <h2 id="heading">${this.heading}</h2>
        <ul class="card">${repeat(this.recordings, ({ key }) => key, (recording) => this.#row(recording))}</ul>
      </section>
    `;
  }
}
