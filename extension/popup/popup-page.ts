import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { plural, timecode } from '../../shared/format.ts';
import { base } from '../ui/base.ts';
import { Confirm } from '../ui/confirm.ts';
import { alertIcon, gearIcon, logo, panelIcon, recordIcon } from '../ui/icons.ts';
import { viewOf, type Seen, type ViewClient } from '../ui/view-client.ts';
import type { RecorderView, RecordingView, ServerView } from '../view.ts';
import type { actions as Actions } from './actions.ts';
import { captureObstacle } from './capture-obstacle.ts';
import type { RowActions } from './recording-list.ts';
import { sortRecordings } from './sort.ts';

export type Tab = { id: number; windowId: number; url: string | undefined; title: string };

const SERVER_TEXT: Record<ServerView['state'], string> = { unpaired: 'Not paired', connecting: 'Connecting', online: 'Online', offline: 'Offline', refused: 'Pair again' };
const SERVER_TONE: Record<ServerView['state'], string> = { unpaired: '', connecting: '', online: 'good', offline: 'warn', refused: 'bad' };

/** The popup: a view of the recorder that may be closed at any moment, and does not remember anything. */
export class PopupPage extends LitElement {
  static override properties = { client: { attribute: false }, actions: { attribute: false }, tab: { attribute: false }, seen: { state: true }, busy: { state: true }, problem: { state: true }, nowMs: { state: true } };
  declare client: ViewClient;
  declare actions: typeof Actions;
  /** undefined: not known yet; null: no tab in front */
  declare tab: Tab | null | undefined;
  declare seen: Seen;
  /** keys of recordings, or `start`, with a request under way */
  declare busy: ReadonlySet<string>;
  declare problem: string;
  declare nowMs: number;
  #ticking: ReturnType<typeof setInterval> | undefined;
  static override styles = [
    base,
    css`
      header { display: flex; align-items: center; gap: 8px; padding: 10px 10px 8px 14px; }
      header h1 { font-size: 16px; flex: 1; }
      main { display: grid; gap: 12px; grid-template-columns: minmax(0, 1fr); padding: 2px 14px 16px; }
      .start { padding: 14px; display: grid; gap: 12px; grid-template-columns: minmax(0, 1fr); }
      .start h2 { min-height: 20px; }
      button.big { width: 100%; min-height: 48px; font-size: 16px; }
      .banner { display: flex; gap: 8px; align-items: flex-start; }
      .banner span { flex: 1; }
      .banner button { min-height: 28px; padding: 2px 10px; align-self: center; }
      .none { text-align: center; padding: 14px 0; }
      .blank { height: 126px; }
    `,
  ];

  constructor() {
    super();
    this.seen = { at: 'waiting' };
    this.busy = new Set();
    this.problem = '';
    this.nowMs = Date.now();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#ticking = setInterval(() => { this.nowMs = Date.now(); }, 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#ticking);
  }

  start(tabId: number): void {
    void this.#run('start', () => this.actions.start(tabId));
  }

  /** Runs one request per name; what it throws is shown until the next one. */
  async #run(name: string, action: () => Promise<unknown>): Promise<void> {
    if (this.busy.has(name)) return;
    this.busy = new Set(this.busy).add(name);
    this.problem = '';
    try {
      await action();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = new Set([...this.busy].filter((each) => each !== name));
    }
  }

  async #discard(recording: RecordingView): Promise<void> {
    const dialog = this.renderRoot.querySelector('clippy-confirm');
    const text = `${timecode(recording.durationMs)} of “${recording.title.trim() || 'Untitled page'}” are deleted from this browser. What the server has stays there.`;
    if (dialog instanceof Confirm && (await dialog.ask({ title: 'Discard this recording?', text, action: 'Discard' }))) await this.#run(recording.key, () => this.actions.discard(recording.key));
  }

  #rows: RowActions = {
    stop: (key) => void this.#run(key, () => this.actions.stop(key)),
    upload: (key) => void this.#run(key, () => this.actions.upload(key)),
    discard: (recording) => void this.#discard(recording),
    save: (key, seconds) => this.actions.save(key, seconds),
  };

  #banner(): TemplateResult | typeof nothing {
    const view = viewOf(this.seen);
    if (this.seen.at === 'gone') return html`<p class="note warn banner">${alertIcon()}<span>Clippy was updated. Open it again to go on; what was recorded is kept.</span></p>`;
    if (this.seen.at === 'silent') return html`<p class="note warn banner">${alertIcon()}<span>The recorder does not answer (${this.seen.reason}). Trying again…</span></p>`;
    if (view?.server.state === 'offline') {
      const seconds = Math.max(0, Math.ceil((view.server.retryAt - this.nowMs) / 1000));
      return html`<p class="note warn banner">${alertIcon()}<span>No connection: ${view.server.reason}. <span aria-live="off" class="num">${seconds > 0 ? `Next try in ${plural(seconds, 'second')}.` : 'Trying again…'}</span></span><button @click=${() => this.#run('reconnect', () => this.actions.reconnect())}>Try now</button></p>`;
    }
    if (view?.server.state === 'refused') return html`<p class="note bad banner">${alertIcon()}<span>${view.server.reason}. Pair again below; recordings are kept here until then.</span></p>`;
    return nothing;
  }

  #start(tab: Tab | null): TemplateResult {
    const obstacle = captureObstacle(tab?.url);
    const busy = this.busy.has('start');
    const start = (): void => {
      if (tab && !busy) this.start(tab.id);
    };
    return html`
      <section class="card start" aria-label="This tab">
        <h2 class="two" dir="auto" title=${tab?.title ?? ''}>${tab?.title.trim() || 'This tab'}</h2>
        ${obstacle === '' && tab ? html`<button class="primary big" aria-disabled=${busy ? 'true' : 'false'} @click=${start}>${recordIcon()}${busy ? 'Starting…' : 'Record this tab'}</button>` : html`<p class="note">${obstacle || 'There is no tab to record in this window.'}</p>`}
      </section>
    `;
  }

  #body(view: RecorderView, tab: Tab | null): TemplateResult {
    const { here, elsewhere, ended, left } = sortRecordings(view.recordings, tab?.id ?? null);
    const { server } = view;
    const paired = server.state !== 'unpaired';
    const list = (heading: string, recordings: RecordingView[]): TemplateResult | typeof nothing =>
      recordings.length === 0 ? nothing : html`<clippy-recording-list .heading=${heading} .recordings=${recordings} .paired=${paired} .busy=${this.busy} .actions=${this.#rows}></clippy-recording-list>`;
    return html`
      ${here ? html`<clippy-recording-card .recording=${here} .server=${server} .busy=${this.busy.has(here.key)} .onStop=${() => this.#rows.stop(here.key)} .onSave=${(seconds: number) => this.actions.save(here.key, seconds)}></clippy-recording-card>` : this.#start(tab)}
      ${list('Also recording', elsewhere)}
      ${list('Left by an earlier run', left)}
      ${list('Just ended', ended)}
      ${view.transcription.state === 'failed' ? html`<p class="note warn">Transcription in this browser: ${view.transcription.note}</p>` : nothing}
      ${server.state === 'unpaired' || server.state === 'refused' ? html`
        <section class="card pad stack" aria-labelledby="pair">
          <h2 id="pair">Pair this browser</h2>
          ${server.state === 'unpaired' ? html`<p class="soft">Recording works without one: the last minutes stay in this browser, and you save clips yourself. A server keeps everything and finds the moments.</p>` : nothing}
          <clippy-pair-form .address=${server.state === 'refused' ? server.url : ''} @paired=${() => this.client.refresh()}></clippy-pair-form>
        </section>` : view.clips.length > 0 ? html`<clippy-clip-list .clips=${view.clips} .serverUrl=${server.url}></clippy-clip-list>` : html`<p class="faint none">Clips appear here as the server finds them.</p>`}
    `;
  }

  override render(): TemplateResult {
    const view = viewOf(this.seen);
    const { tab } = this;
    return html`
      <header>
        ${logo()}<h1>Clippy</h1>
        ${view ? html`<span class="badge ${SERVER_TONE[view.server.state]}" role="status"><span class="dot"></span>${SERVER_TEXT[view.server.state]}</span>` : nothing}
        <button class="quiet icon" aria-label="Open the live monitor" title="Live monitor (side panel)" ?disabled=${!tab} @click=${() => tab && this.#run('panel', () => this.actions.openPanel(tab.windowId))}>${panelIcon()}</button>
        <button class="quiet icon" aria-label="Open the settings" title="Settings" @click=${() => this.#run('options', () => this.actions.openOptions())}>${gearIcon()}</button>
      </header>
      <main>
        <div role="status">${this.#banner()}</div>
        <div role="alert">${this.problem === '' ? nothing : html`<p class="note bad">${this.problem}</p>`}</div>
        ${view && tab !== undefined ? this.#body(view, tab) : html`<div class="card blank" aria-busy="true"><span class="sr">Asking the recorder…</span></div>`}
      </main>
      <clippy-confirm></clippy-confirm>
    `;
  }
}
