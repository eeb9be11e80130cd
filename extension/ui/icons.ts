// Drawn here, 20 × 20, stroke of the text colour; always beside words or inside a labelled control, so hidden from readers.
import { html, type TemplateResult } from 'lit';

const icon = (path: string, filled = false) => (): TemplateResult =>
  html`<svg width="18" height="18" viewBox="0 0 20 20" aria-hidden="true" fill=${filled ? 'currentColor' : 'none'} stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"><path d=${path}></path></svg>`;

export const recordIcon = icon('M10 4.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z', true);
export const stopIcon = icon('M6 6h8v8H6z', true);
export const alertIcon = icon('M10 6.5v4.2M10 13.6v.1M10 2.8l7.6 13.4H2.4z');
export const checkIcon = icon('M4.5 10.5 8.5 14.5 15.5 6.5');
export const gearIcon = icon('M10 7.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 1 0 0-5.6zM10 2.5v2M10 15.5v2M2.5 10h2M15.5 10h2M4.7 4.7l1.4 1.4M13.9 13.9l1.4 1.4M4.7 15.3l1.4-1.4M13.9 6.1l1.4-1.4');
export const panelIcon = icon('M3.5 4.5h13v11h-13zM12 4.5v11');
export const openIcon = icon('M8.5 5H5v10h10v-3.5M11.5 4.5h4v4M15 5l-6 6');
export const filmIcon = icon('M3.5 5h13v10h-13zM8.5 8l4 2-4 2z');

export const logo = (size = 24): TemplateResult =>
  html`<svg width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" fill="#d9532c"></rect><path d="M8 19v-6M12.5 22V10M17 18v-4M24 9l-4 7 4 7" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"></path></svg>`;
