import { css, html, LitElement, type TemplateResult } from 'lit';
import { base } from '../ui/base.ts';

/** A titled card of the options page. */
export class Section extends LitElement {
  static override properties = { heading: { attribute: false } };
  declare heading: string;
  static override styles = [
    base,
    css`
      section { padding: 18px 20px 20px; display: grid; gap: 14px; grid-template-columns: minmax(0, 1fr); }
    `,
  ];

  constructor() {
    super();
    this.heading = '';
  }

  override render(): TemplateResult {
    return html`<section class="card" aria-labelledby="heading"><h2 id="heading">${this.heading}</h2><slot></slot></section>`;
  }
}
