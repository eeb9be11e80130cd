// Drawn here, 20 × 20, stroke of the text colour; always beside words or inside a labelled control, so hidden from readers.
import { html, type TemplateResult } from 'lit';

const icon = (path: string, filled = false) => (): TemplateResult =>
  html`<svg width="18" height="18" viewBox="0 0 20 20" aria-hidden="true" fill=${filled ? 'currentColor' : 'none'} stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"><path d=${path}></path></svg>`;

export const playIcon = icon('M6.5 4.2v11.6a.6.6 0 0 0 .92.5l9-5.8a.6.6 0 0 0 0-1l-9-5.8a.6.6 0 0 0-.92.5z', true);
export const pinIcon = icon('M7.5 3h5M8.5 3v5L6 11.5h8L11.5 8V3M10 11.5V17');
export const linkIcon = icon('M8.5 11.5a3 3 0 0 0 4.3.2l2.6-2.6a3 3 0 0 0-4.3-4.3l-1 1M11.5 8.5a3 3 0 0 0-4.3-.2L4.6 10.9a3 3 0 0 0 4.3 4.3l1-1');
export const downloadIcon = icon('M10 3.5v9M6.5 9.5 10 13l3.5-3.5M4 16.5h12');
export const binIcon = icon('M4 5.5h12M8 5.5V4h4v1.5M5.5 5.5l.7 10.5h7.6l.7-10.5M8.5 9v4M11.5 9v4');
export const backIcon = icon('M12 4.5 6.5 10l5.5 5.5');
export const forwardIcon = icon('M8 4.5 13.5 10 8 15.5');
export const checkIcon = icon('M4.5 10.5 8.5 14.5 15.5 6.5');
export const alertIcon = icon('M10 6.5v4.2M10 13.6v.1M10 2.8l7.6 13.4H2.4z');
export const closeIcon = icon('M5.5 5.5l9 9M14.5 5.5l-9 9');
export const stopIcon = icon('M6 6h8v8H6z');
export const restartIcon = icon('M15.5 10a5.5 5.5 0 1 1-1.7-4M14 2.8v3.4h-3.4');
export const copyIcon = icon('M7.5 7.5h8.5v8.5H7.5zM12.5 7.5V4H4v8.5h3.5');
export const devicesIcon = icon('M4.5 4.5h11v8h-11zM2.5 15.5h15');

export const logo = (): TemplateResult =>
  html`<svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" fill="#d9532c"></rect><path d="M8 19v-6M12.5 22V10M17 18v-4M24 9l-4 7 4 7" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"></path></svg>`;
