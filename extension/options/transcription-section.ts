import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { bytes, percent } from '../../shared/format.ts';
import { ask } from '../messages.ts';
import type { Settings } from '../settings.ts';
import { base } from '../ui/base.ts';
import { fields } from './fields.ts';
import { Confirm } from '../ui/confirm.ts';
import type { RecorderView } from '../view.ts';
import type { StoredModel } from '../transcribe/model-store.ts';
import type { Change } from './recording-section.ts';

type ModelStore = typeof import('../transcribe/model-store.ts');
/** most never need it */
const openStore = (): Promise<ModelStore> => import('../transcribe/model-store.ts');

type Model = { at: 'unknown' } | { at: 'none' } | { at: 'storing'; share: number } | { at: 'stored'; model: StoredModel };

const STATE_TEXT = { off: '', loading: 'The model is being loaded', ready: 'The model is loaded', failed: 'The model cannot be used' } as const;

/** Turning speech into words here instead of on the server; off until the user chose a model file. */
export class TranscriptionSection extends LitElement {
  static override properties = { settings: { attribute: false }, transcription: { attribute: false }, onChange: { attribute: false }, model: { state: true }, problem: { state: true } };
  declare settings: Settings;
  declare transcription: RecorderView['transcription'] | null;
  declare onChange: Change;
  declare model: Model;
  declare problem: string;
  #storing = new AbortController();
  static override styles = [
    base, fields,
    css`
      :host { display: grid; gap: 12px; }
      .file { position: relative; }
      .file:has(:focus-visible) { outline: 2px solid var(--focus); outline-offset: 2px; }
      .file input { position: absolute; inset: 0; width: 100%; height: 100%; opacity: 0; cursor: pointer; }
      progress { width: 100%; height: 8px; accent-color: var(--accent); }
      code { display: inline-block; max-width: 100%; }
    `,
  ];

  constructor() {
    super();
    this.transcription = null;
    this.model = { at: 'unknown' };
    this.problem = '';
  }

  override firstUpdated(): void {
    void this.#look();
  }

  async #attempt(action: (store: ModelStore) => Promise<unknown>): Promise<void> {
    this.problem = '';
    try {
      await action(await openStore());
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') return; // the user's wish
      this.problem = error instanceof Error ? error.message : String(error);
      this.model = { at: 'none' };
    }
  }

  /** the model that is stored, or null */
  async #look(): Promise<StoredModel | null> {
    let model: StoredModel | null = null;
    await this.#attempt(async (store) => {
      model = await store.storedModel();
      this.model = model === null ? { at: 'none' } : { at: 'stored', model };
    });
    return model;
  }

  async #choose(event: Event): Promise<void> {
    const file = event.currentTarget instanceof HTMLInputElement ? event.currentTarget.files?.[0] : undefined;
    if (!file || this.model.at === 'storing') return;
    this.model = { at: 'storing', share: 0 };
    this.#storing = new AbortController();
    const { signal } = this.#storing;
    await this.#attempt((store) => store.saveModel(file, (share) => { this.model = { at: 'storing', share }; }, signal));
    const refusal = this.problem;
    const model = await this.#look();
    this.problem ||= refusal;
    if (model !== null && refusal === '' && !signal.aborted) await this.#tell('stored');
  }

  async #remove(): Promise<void> {
    const dialog = this.renderRoot.querySelector('clippy-confirm');
    if (!(dialog instanceof Confirm) || !(await dialog.ask({ title: 'Remove the model?', text: 'Speech is not transcribed in this browser until you choose a model again.', action: 'Remove' }))) return;
    await this.#attempt((store) => store.removeModel());
    if (this.problem !== '') return;
    this.onChange({ transcribeHere: false });
    await this.#look();
    await this.#tell('removed');
  }

  /** A recorder that does not run needs not be told: it looks at its birth. */
  async #tell(change: 'stored' | 'removed'): Promise<void> {
    await ask({ to: 'recorder', type: 'model', change }).catch((error: unknown) => console.info('the recorder was not told of the model:', error));
  }

  #picker(label: string): TemplateResult {
    return html`<label class="btn file">${label}<input type="file" accept=".bin,.ggml,application/octet-stream" aria-label=${label} @change=${this.#choose} /></label>`;
  }

  #model(): TemplateResult {
    switch (this.model.at) {
      case 'unknown':
        return html`<p class="faint">Looking for a model…</p>`;
      case 'none':
        return html`<div class="row wrap">${this.#picker('Choose a model file…')}<span class="faint">A Whisper model in ggml format, for example <code>ggml-tiny.en-q5_1.bin</code>. Nothing is downloaded for you.</span></div>`;
      case 'storing':
        return html`<div class="row"><div class="text grow"><progress max="1" .value=${this.model.share} aria-label="Storing the model"></progress><span class="faint num">Storing and checking: ${percent(this.model.share)}</span></div><button @click=${() => this.#storing.abort()}>Cancel</button></div>`;
      case 'stored':
        return html`
          <div class="row wrap">
            <span class="text grow"><b class="line">${this.model.model.name}</b><span class="faint num">${bytes(this.model.model.bytes)} · SHA-256 <span title=${this.model.model.sha256}>${this.model.model.sha256.slice(0, 12)}…</span></span></span>
            ${this.#picker('Replace…')}<button class="danger" @click=${this.#remove}>Remove</button>
          </div>`;
      default:
        return this.model satisfies never;
    }
  }

  override render(): TemplateResult {
    const { transcription, settings } = this;
    const stored = this.model.at === 'stored';
    const state = settings.transcribeHere && transcription ? STATE_TEXT[transcription.state] : '';
    return html`
      <label class="check">
        <input type="checkbox" .checked=${settings.transcribeHere} ?disabled=${!stored && !settings.transcribeHere} @change=${() => this.onChange({ transcribeHere: !settings.transcribeHere })} />
        <span class="text"><b>Transcribe in this browser</b><span class="faint">Instead of on the server: free, and the sound is turned into words on this computer. It needs a fast processor and a model file you choose.</span></span>
      </label>
      ${this.#model()}
      <div role="status">${state === '' || !transcription ? nothing : html`<p class="note ${transcription.state === 'failed' ? 'bad' : ''}">${state}${transcription.note === '' ? '.' : `: ${transcription.note}`}</p>`}</div>
      <div role="alert">${this.problem === '' ? nothing : html`<p class="note bad">${this.problem}</p>`}</div>
      <clippy-confirm></clippy-confirm>
    `;
  }
}
