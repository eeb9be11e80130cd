import { css, html, LitElement, unsafeCSS, type PropertyValues, type TemplateResult } from 'lit';
import chartStyle from 'uplot/dist/uPlot.min.css';
import { SIGNALS, type Gap, type Highlight, type SignalBin } from '../../shared/model.ts';
import { base } from '../base.ts';
import { percent, plural, timecode } from '../../shared/format.ts';
import { backIcon, forwardIcon } from '../icons.ts';
import { createLaneChart, type LaneChart, type LaneScene } from '../lane-chart.ts';
import { binAt, highlightAt, laneColumns, viewRange, type LaneWindow, type Range } from '../lanes.ts';
import { createRanks } from '../ranks.ts';
import { activeLanes, SIGNAL_LABELS } from '../../shared/signals.ts';

const WINDOWS: [LaneWindow, string, string][] = [[180, '3 min', '3 minutes'], [600, '10 min', '10 minutes'], ['all', 'All', 'The whole stream']];

/** What Clippy hears and sees, second by second, each signal ranked within this stream; highlights lie over it as bands. */
export class SignalLanes extends LitElement {
  static override properties = {
    bins: { attribute: false }, highlights: { attribute: false }, gaps: { attribute: false }, live: { type: Boolean }, playMs: { attribute: false }, onSeek: { attribute: false },
    window: { state: true }, endS: { state: true }, atS: { state: true },
  };
  declare bins: readonly SignalBin[];
  declare highlights: readonly Highlight[];
  declare gaps: readonly Gap[];
  declare live: boolean;
  declare playMs: number | null;
  declare onSeek: (ms: number) => void;
  declare window: LaneWindow;
  /** where the view ends, or null to follow the newest second */
  declare endS: number | null;
  /** second the pointer or the keyboard is on */
  declare atS: number | null;
  #ranks = createRanks();
  #chart: LaneChart | null = null;
  #lanes: number[] = [];
  #width = 0;
  #sizes = new ResizeObserver(([entry]) => this.#resized(Math.floor(entry?.contentRect.width ?? 0)));
  #theme = matchMedia('(prefers-color-scheme: dark)');
  #recolour = (): void => this.#chart?.recolour();
  static override styles = [
    unsafeCSS(chartStyle),
    base,
    css`
      :host { display: grid; gap: 12px; }
      .card { padding: 4px 0 2px; position: relative; overflow: hidden; }
      .chart { position: relative; cursor: crosshair; border-radius: var(--radius); touch-action: pan-y; }
      .chart:focus-visible { outline-offset: -3px; }
      .uplot { font-family: var(--sans); }
      .u-hz .u-cursor-x { border-right: 1px solid var(--faint); }
      .tip { position: absolute; top: 12px; left: 0; pointer-events: none; z-index: 3; padding: 10px 12px; box-shadow: var(--shadow); font-size: 13px; width: 226px; display: grid; gap: 2px; }
      .tip dl { display: grid; grid-template-columns: 1fr auto auto; gap: 1px 10px; }
      .tip dd:last-of-type { color: inherit; }
      .tip .rank { color: var(--soft); min-width: 42px; text-align: right; }
      .tip .in { color: var(--accent); font-weight: 600; overflow-wrap: anywhere; }
      .hint { font-size: 13px; color: var(--faint); padding: 0 16px 10px; }
    `,
  ];

  constructor() {
    super();
    this.bins = [];
    this.highlights = [];
    this.gaps = [];
    this.live = false;
    this.playMs = null;
    this.window = 180;
    this.endS = null;
    this.atS = null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#theme.addEventListener('change', this.#recolour);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#theme.removeEventListener('change', this.#recolour);
    this.#sizes.disconnect();
    this.#chart?.destroy();
    this.#chart = null;
  }

  get #range(): Range {
    return viewRange(this.bins, this.window, this.endS);
  }

  #scene(): LaneScene {
    const range = this.#range;
    const { x, rows } = laneColumns(this.bins, range, this.#lanes, this.#ranks, Math.max(60, Math.min(1_200, this.#width)));
    return { range, names: this.#lanes.map((lane) => SIGNAL_LABELS[SIGNALS[lane]!].name), x, rows, highlights: this.highlights, gaps: this.gaps, playS: this.playMs === null ? null : this.playMs / 1000 };
  }

  #resized(width: number): void {
    if (width === 0 || width === this.#width) return;
    this.#width = width;
    this.#chart?.destroy();
    this.#chart = null;
    this.requestUpdate();
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('bins')) this.#ranks.update(this.bins);
  }

  override updated(changed: PropertyValues): void {
    const host = this.renderRoot.querySelector<HTMLElement>('.chart');
    if (!host) {
      this.#chart?.destroy();
      this.#chart = null;
      this.#width = 0;
      return this.#sizes.disconnect();
    }
    this.#sizes.observe(host); // known already: nothing happens
    if (this.#width > 0) this.#drawInto(host, changed);
    this.#placeTip(host);
  }

  #drawInto(host: HTMLElement, changed: PropertyValues): void {
    const lanes = activeLanes(this.#ranks.heard);
    if (this.#chart && lanes.join() === this.#lanes.join()) {
      if (changed.size > 1 || !changed.has('atS')) this.#chart.draw(this.#scene());
      return;
    }
    this.#chart?.destroy();
    this.#lanes = lanes;
    this.#chart = createLaneChart(host, this.#width, this.#scene(), {
      onPoint: (second) => { this.atS = second; },
      onPick: (second) => this.onSeek(second * 1000),
    });
  }

  /** Beside the second it tells of, on the side where there is room. */
  #placeTip(host: HTMLElement): void {
    const tip = this.renderRoot.querySelector<HTMLElement>('.tip');
    if (!tip || this.atS === null || !this.#chart) return;
    const x = this.#chart.xOf(this.atS + 0.5);
    const left = x + 14 + tip.offsetWidth < host.clientWidth ? x + 14 : Math.max(4, x - 14 - tip.offsetWidth);
    tip.style.transform = `translateX(${Math.round(left)}px)`;
  }

  #pan(share: number): void {
    if (this.window === 'all') return;
    const { endS } = this.#range;
    const last = (this.bins.at(-1)?.second ?? 0) + 1;
    const next = Math.max(this.window, endS + share * this.window);
    this.endS = next >= last ? null : next;
  }

  #keyed(event: KeyboardEvent): void {
    const { startS, endS } = this.#range;
    const at = this.atS ?? Math.min(endS, (this.bins.at(-1)?.second ?? 0) + 1) - 1;
    const far = event.shiftKey ? 10 : 1;
    const moves: Record<string, number> = { ArrowLeft: at - far, ArrowRight: at + far, Home: startS, End: endS - 1 };
    const to = moves[event.key];
    if (to !== undefined) {
      this.atS = Math.max(0, Math.round(Math.min(to, endS - 1)));
      if (this.atS < startS) this.#pan(-0.5);
    } else if (event.key === 'PageUp' || event.key === 'PageDown') this.#pan(event.key === 'PageUp' ? -0.5 : 0.5);
    else if (event.key === 'Enter') this.onSeek(at * 1000);
    else if (event.key === 'Escape') this.atS = null;
    else return;
    this.#chart?.point(this.atS);
    event.preventDefault();
  }

  /** What a pointer sees at one second, in words. */
  #spoken(second: number): string {
    const bin = binAt(this.bins, second);
    if (!bin) return `${timecode(second * 1000)}, nothing recorded`;
    const inside = highlightAt(this.highlights, second * 1000);
    const values = this.#lanes.map((lane) => `${SIGNAL_LABELS[SIGNALS[lane]!].name} ${percent(this.#ranks.rank(lane, bin.values[lane] ?? 0))}`);
    return [timecode(second * 1000), ...values, ...(inside ? [`in highlight ${inside.title}`] : [])].join(', ');
  }

  #summary(): string {
    const { startS, endS } = this.#range;
    const inView = this.highlights.filter(({ state, startMs, endMs }) => state !== 'vetoed' && endMs / 1000 > startS && startMs / 1000 < endS);
    return `Signals from ${timecode(startS * 1000)} to ${timecode(endS * 1000)}, ${plural(inView.length, 'highlight')}${inView.length > 0 ? `: ${inView.slice(-3).map(({ title, startMs }) => `${title} at ${timecode(startMs)}`).join('; ')}` : ''}. Left and right move by a second, Enter plays.`;
  }

  #tip(second: number): TemplateResult {
    const bin = binAt(this.bins, second);
    const inside = highlightAt(this.highlights, second * 1000);
    return html`
      <div class="tip card" aria-hidden="true">
        <b class="num">${timecode(second * 1000)}</b>
        ${inside ? html`<span class="in">${inside.title || 'Highlight'}</span>` : ''}
        ${bin ? html`<dl class="num">${this.#lanes.map((lane) => {
            const label = SIGNAL_LABELS[SIGNALS[lane]!];
            const value = bin.values[lane] ?? 0;
            return html`<dt>${label.name}</dt><dd>${label.write(value)}</dd><dd class="rank">${percent(this.#ranks.rank(lane, value))}</dd>`;
          })}</dl>` : html`<span class="soft">nothing recorded</span>`}
      </div>
    `;
  }

  override render(): TemplateResult {
    const empty = this.bins.length === 0;
    const now = this.atS ?? this.bins.at(-1)?.second ?? 0;
    return html`
      <div class="head">
        <h2>Signals</h2>
        ${this.endS !== null && this.window !== 'all' ? html`<button @click=${() => { this.endS = null; }}>${this.live ? 'Jump to live' : 'Jump to the end'}</button>` : ''}
        ${this.window !== 'all' ? html`<button class="quiet icon" aria-label="Earlier" title="Earlier" @click=${() => this.#pan(-0.5)}>${backIcon()}</button><button class="quiet icon" aria-label="Later" title="Later" ?disabled=${this.endS === null} @click=${() => this.#pan(0.5)}>${forwardIcon()}</button>` : ''}
        <div class="segments" role="group" aria-label="How much to show">
          ${WINDOWS.map(([window, name, long]) => html`<button aria-pressed=${this.window === window} aria-label=${long} @click=${() => { this.window = window; this.endS = null; }}>${name}</button>`)}
        </div>
      </div>
      ${empty ? html`<div class="card empty"><p>${this.live ? 'The first seconds are being listened to.' : 'No signals were kept for this session.'}</p></div>` : html`
        <div class="card">
          <div class="chart" tabindex="0" role="slider" aria-label=${this.#summary()} aria-valuemin="0" aria-valuemax=${this.bins.at(-1)?.second ?? 0} aria-valuenow=${now} aria-valuetext=${this.#spoken(now)} @keydown=${this.#keyed} @blur=${() => { this.atS = null; this.#chart?.point(null); }}></div>
          ${this.atS === null ? '' : this.#tip(this.atS)}
          <p class="hint">Higher means rarer in this stream. Bands are highlights. Click to watch.</p>
        </div>`}
    `;
  }
}
