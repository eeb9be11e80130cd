import { css, html, LitElement, type TemplateResult } from 'lit';
import { bytes, plural, timecode } from '../../shared/format.ts';
import { base } from '../ui/base.ts';
import { picture } from '../ui/format.ts';
import { alertIcon, stopIcon } from '../ui/icons.ts';
import type { RecordingView, ServerView } from '../view.ts';

const CONNECTION: Record<ServerView['state'], string> = { unpaired: 'this browser only', connecting: 'connecting…', online: 'online', offline: 'offline, keeping it here', refused: 'refused, keeping it here' };

/** This tab being recorded: how long, where to, what is not safe yet, what is lost, and the button that ends it. */
export class RecordingCard extends LitElement {
  static override properties = { recording: { attribute: false }, server: { attribute: false }, busy: { type: Boolean }, onStop: { attribute: false }, onSave: { attribute: false } };
  declare recording: RecordingView;
  declare server: ServerView;
  declare busy: boolean;
  declare onStop: () => void;
  declare onSave: (seconds: number) => Promise<unknown>;
  static override styles = [
    base,
    css`
      .card { --gap: 12px; padding: 14px; display: grid; gap: var(--gap); grid-template-columns: minmax(0, 1fr); }
      .time { font-size: 30px; line-height: 1.1; font-weight: 650; letter-spacing: -0.02em; margin-left: auto; }
      h2 { min-height: 20px; }
      dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 3px 12px; font-size: 13px; }
      dt { color: var(--faint); }
      dd { text-align: right; overflow-wrap: anywhere; }
      .lost { color: var(--bad); font-weight: 600; }
      button.stop { width: 100%; min-height: 44px; font-size: 15px; }
      .trouble { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 8px; }
    `,
  ];

  #facts(): TemplateResult {
    const { recording, server } = this;
    const waiting = recording.unackedChunks === 0 ? 'nothing, all of it is safe' : `${plural(recording.unackedChunks, 'chunk')}, ${bytes(recording.unackedBytes)}`;
    return html`
      <dl class="num">
        <dt>Connection</dt><dd>${CONNECTION[server.state]}</dd>
        <dt>Picture</dt><dd>${picture(recording)}</dd>
        ${server.state === 'unpaired' ? '' : html`<dt>Not at the server yet</dt><dd>${waiting}</dd>`}
        <dt>Lost</dt><dd class=${recording.lost > 0 ? 'lost' : ''}>${recording.lost > 0 ? plural(recording.lost, 'chunk') : 'nothing'}</dd>
      </dl>
    `;
  }

  override render(): TemplateResult {
    const { recording } = this;
    const starting = recording.state === 'starting';
    return html`
      <section class="card" aria-label="Recording of this tab">
        <div class="row">
          <span class="badge live"><span class="dot"></span>${starting ? 'Starting' : 'Recording'}</span>
          ${recording.microphone ? html`<span class="badge">Microphone</span>` : ''}
          <span class="time num" role="timer" aria-label="Recorded">${timecode(recording.durationMs)}</span>
        </div>
        <h2 class="two" dir="auto" title=${recording.title}>${recording.title.trim() || 'Untitled page'}</h2>
        <button class="stop primary" aria-disabled=${this.busy ? 'true' : 'false'} @click=${() => this.busy || this.onStop()}>${stopIcon()}${this.busy ? 'Stopping…' : 'Stop recording'}</button>
        <div role="alert">${recording.trouble ? html`<p class="note bad trouble">${alertIcon()}<span>${recording.trouble.message}</span></p>` : ''}</div>
        ${recording.playing === false && !recording.trouble ? html`<p class="note">The page’s video is paused; the tab is recorded all the same.</p>` : ''}
        ${this.#facts()}
        <clippy-save-row .savableMs=${recording.savableMs} .onSave=${this.onSave}></clippy-save-row>
      </section>
    `;
  }
}
