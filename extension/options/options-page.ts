import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { loadPairing, loadSettings, saveSettings, type Pairing, type Settings } from '../settings.ts';
import { base } from '../ui/base.ts';
import { checkIcon, logo } from '../ui/icons.ts';
import { viewOf, type Seen } from '../ui/view-client.ts';

const SHOWN_MS = 2_500;
const THEMES = { system: 'As the system', light: 'Light', dark: 'Dark' } as const;

/** Settings; every change is stored at once and says so. */
export class OptionsPage extends LitElement {
  static override properties = { seen: { attribute: false }, version: { attribute: false }, settings: { state: true }, pairing: { state: true }, said: { state: true } };
  declare seen: Seen;
  declare version: string;
  declare settings: Settings | null;
  declare pairing: Pairing | null;
  declare said: { ok: boolean; text: string } | null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** changes are stored one after the other, each on top of what is stored then */
  #saving: Promise<void> = Promise.resolve();
  static override styles = [
    base,
    css`
      :host { max-width: 760px; margin: 0 auto; padding: 28px 20px 64px; }
      header { display: flex; align-items: center; gap: 12px; margin-bottom: 20px; }
      main { display: grid; gap: 16px; grid-template-columns: minmax(0, 1fr); }
      .checks { display: grid; gap: 12px; }
      .check { display: grid; grid-template-columns: 18px minmax(0, 1fr); gap: 10px; align-items: center; }
      .segments { justify-self: start; }
      .said { position: fixed; right: 20px; bottom: 20px; z-index: 10; }
      .said p { display: flex; gap: 8px; box-shadow: var(--shadow); font-weight: 600; border: 1px solid currentColor; }
      footer { margin-top: 20px; text-align: center; }
    `,
  ];

  constructor() {
    super();
    this.seen = { at: 'waiting' };
    this.version = '';
    this.settings = null;
    this.pairing = null;
    this.said = null;
  }

  #stored = (): void => {
    void this.#load();
  };

  override connectedCallback(): void {
    super.connectedCallback();
    chrome.storage.onChanged.addListener(this.#stored);
    void this.#load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    chrome.storage.onChanged.removeListener(this.#stored);
    clearTimeout(this.#timer);
  }

  async #load(): Promise<void> {
    [this.settings, this.pairing] = await Promise.all([loadSettings(), loadPairing()]);
  }

  #say(ok: boolean, text: string): void {
    clearTimeout(this.#timer);
    this.said = { ok, text };
    if (ok) this.#timer = setTimeout(() => { this.said = null; }, SHOWN_MS);
  }

  #change = (patch: Partial<Settings>): void => {
    if (this.settings) this.settings = { ...this.settings, ...patch };
    this.#saving = this.#saving.then(async () => {
      try {
        await saveSettings({ ...(await loadSettings()), ...patch });
        this.#say(true, 'Saved');
      } catch (error) {
        this.#say(false, `Not saved: ${error instanceof Error ? error.message : String(error)}`);
        await this.#load();
      }
    });
  };

  #box(name: 'notifyClips' | 'notifyTrouble', text: string, settings: Settings): TemplateResult {
    return html`<label class="check"><input type="checkbox" .checked=${settings[name]} @change=${() => this.#change({ [name]: !settings[name] })} /><span>${text}</span></label>`;
  }

  #sections(settings: Settings): TemplateResult {
    const view = viewOf(this.seen);
    return html`
      <clippy-section .heading=${'Server'}><clippy-server-section .pairing=${this.pairing} @saved=${() => this.#say(true, 'Saved')}></clippy-server-section></clippy-section>
      <clippy-section .heading=${'Recording'}><clippy-recording-section .settings=${settings} .storage=${view?.storage ?? null} .onChange=${this.#change}></clippy-recording-section><clippy-embedded-section></clippy-embedded-section></clippy-section>
      <clippy-section .heading=${'Microphone'}><clippy-microphone-section .settings=${settings} .onChange=${this.#change}></clippy-microphone-section></clippy-section>
      <clippy-section .heading=${'Notifications'}><div class="checks">${this.#box('notifyClips', 'When a clip is ready', settings)}${this.#box('notifyTrouble', 'When a recording is in trouble', settings)}</div></clippy-section>
      <clippy-section .heading=${'Transcription'}><clippy-transcription-section .settings=${settings} .transcription=${view?.transcription ?? null} .onChange=${this.#change}></clippy-transcription-section></clippy-section>
      <clippy-section .heading=${'Look'}>
        <div class="segments" role="radiogroup" aria-label="Theme">${(Object.keys(THEMES) as (keyof typeof THEMES)[]).map((theme) => html`<label><input type="radio" name="theme" .checked=${settings.theme === theme} @change=${() => this.#change({ theme })} />${THEMES[theme]}</label>`)}</div>
      </clippy-section>
      <clippy-section .heading=${'Keyboard'}><clippy-shortcuts-section></clippy-shortcuts-section></clippy-section>
      <clippy-section .heading=${'What Clippy may do, and why'}><clippy-trust-section></clippy-trust-section></clippy-section>
    `;
  }

  override render(): TemplateResult {
    return html`
      <header>${logo(32)}<h1>Clippy settings</h1></header>
      <main>
        ${this.seen.at === 'gone' ? html`<p class="note warn" role="status">Clippy was updated. <button @click=${() => location.reload()}>Load this page again</button></p>` : nothing}
        ${this.settings ? this.#sections(this.settings) : html`<p class="soft" role="status">Loading…</p>`}
      </main>
      <footer class="faint">Clippy ${this.version}</footer>
      <div class="said" role="status">${this.said ? html`<p class="note ${this.said.ok ? 'good' : 'bad'}">${this.said.ok ? checkIcon() : nothing}${this.said.text}</p>` : nothing}</div>
    `;
  }
}
