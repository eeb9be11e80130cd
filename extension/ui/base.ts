// Style shared by the components: adopted as a sheet, so the extension's content policy has nothing inline to refuse.
import { css } from 'lit';

export const base = css`
  *, *::before, *::after { box-sizing: border-box; }
  :host { display: block; min-width: 0; }
  :host([hidden]), [hidden] { display: none !important; }
  h1, h2, h3, p, ul, ol, dl, dd, fieldset { margin: 0; padding: 0; border: 0; min-width: 0; }
  ul, ol { list-style: none; }
  h1 { font-size: 20px; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; }
  h2 { font-size: 15px; line-height: 1.3; font-weight: 650; }
  h3 { font-size: 14px; line-height: 1.35; font-weight: 600; overflow-wrap: anywhere; }
  a { color: var(--accent); text-underline-offset: 2px; }
  svg { display: block; flex: none; }
  code, kbd { font: 12.5px/1.5 var(--mono); background: var(--sunk); border: 1px solid var(--line); border-radius: 6px; padding: 1px 6px; overflow-wrap: anywhere; }
  :focus { outline: none; }
  :focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
  .num { font-variant-numeric: tabular-nums; }
  .soft { color: var(--soft); }
  .faint { color: var(--faint); font-size: 12.5px; }
  .row { display: flex; align-items: center; gap: 8px; }
  .wrap { flex-wrap: wrap; }
  .grow { flex: 1; min-width: 0; }
  .stack { display: grid; gap: 12px; grid-template-columns: minmax(0, 1fr); }
  .line { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
  .two { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; }
  .card { background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); }
  .pad { padding: 12px 14px; }
  .sr { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  button, .btn {
    font: inherit; font-weight: 550; line-height: 20px; color: var(--ink); background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
    padding: 5px 11px; min-height: 32px; cursor: pointer; display: inline-flex; align-items: center; justify-content: center; gap: 7px; text-decoration: none; white-space: nowrap;
  }
  button:hover, .btn:hover { border-color: var(--edge); }
  button:disabled, button[aria-disabled='true'] { color: var(--faint); cursor: default; border-color: var(--line); background: var(--sunk); }
  button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
  button.primary:hover { background: var(--accent-strong); border-color: var(--accent-strong); }
  button.primary:disabled, button.primary[aria-disabled='true'] { background: var(--sunk); border-color: var(--line); color: var(--faint); }
  button.danger { color: var(--bad); }
  button.danger:hover { border-color: var(--bad); }
  button.quiet { background: none; border-color: transparent; color: var(--soft); }
  button.quiet:hover { background: var(--sunk); color: var(--ink); }
  button.icon { padding: 0; width: 32px; }
  input, select { font: inherit; color: var(--ink); background: var(--surface); border: 1px solid var(--edge); border-radius: 10px; padding: 6px 10px; min-height: 36px; max-width: 100%; }
  input[type='checkbox'], input[type='radio'] { min-height: 0; width: 18px; height: 18px; margin: 0; padding: 0; accent-color: var(--accent); flex: none; cursor: pointer; }
  input::placeholder { color: var(--faint); opacity: 1; }
  input[aria-invalid='true'] { border-color: var(--bad); }
  label { cursor: pointer; }
  /* live regions stand empty in the page from the start, and take no place (nor gap) in a grid */
  [role='alert']:empty, [role='status']:empty { position: absolute; }
  .badge { display: inline-flex; align-items: center; gap: 5px; font-size: 12px; font-weight: 600; line-height: 20px; padding: 0 8px; border-radius: 999px; background: var(--sunk); color: var(--soft); white-space: nowrap; }
  .badge.live, .badge.bad { background: var(--bad-soft); color: var(--live); }
  .badge.good { background: var(--good-soft); color: var(--good); }
  .badge.warn { background: var(--warn-soft); color: var(--warn); }
  .dot { width: 8px; height: 8px; border-radius: 50%; background: currentColor; flex: none; }
  .note { border-radius: 10px; padding: 8px 12px; background: var(--sunk); color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
  .note.warn { background: var(--warn-soft); color: var(--warn); }
  .note.bad { background: var(--bad-soft); color: var(--bad); }
  .note.good { background: var(--good-soft); color: var(--good); }
  .segments { display: inline-flex; background: var(--sunk); border-radius: 11px; padding: 3px; gap: 2px; }
  .segments label { position: relative; padding: 3px 11px; font-size: 13px; line-height: 22px; color: var(--soft); border-radius: 8px; }
  .segments label:has(:checked) { background: var(--surface); color: var(--ink); box-shadow: inset 0 0 0 1px var(--edge); }
  .segments label:has(:focus-visible) { outline: 2px solid var(--focus); outline-offset: 2px; }
  .segments input { position: absolute; opacity: 0; inset: 0; width: 100%; height: 100%; }
  @keyframes breathe { 50% { opacity: 0.35; } }
  .badge.live .dot { animation: breathe 2.4s ease-in-out infinite; }
  @media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation: none !important; transition: none !important; scroll-behavior: auto !important; } }
`;
