// Style shared by the components: adopted as a sheet, so a strict content policy has nothing inline to refuse.
import { css } from 'lit';

export const base = css`
  *, *::before, *::after { box-sizing: border-box; }
  :host { display: block; }
  :host([hidden]), [hidden] { display: none !important; }
  h1, h2, h3, p, ul, ol, dl, dd, figure { margin: 0; padding: 0; }
  ul, ol { list-style: none; }
  h1 { font-size: 22px; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; }
  h2 { font-size: 16px; line-height: 1.3; font-weight: 650; letter-spacing: -0.005em; }
  h3 { font-size: 15px; line-height: 1.35; font-weight: 600; overflow-wrap: anywhere; }
  a { color: var(--accent); text-underline-offset: 2px; }
  svg { display: block; flex: none; }
  code { font: 13px/1.5 var(--mono); background: var(--sunk); border: 1px solid var(--line); border-radius: 6px; padding: 1px 6px; overflow-wrap: anywhere; }
  :focus { outline: none; }
  :focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
  .num { font-variant-numeric: tabular-nums; }
  .soft { color: var(--soft); }
  .faint { color: var(--faint); font-size: 13px; }
  .row { display: flex; align-items: center; gap: 8px; flex-wrap: wrap; }
  .grow { flex: 1; min-width: 0; }
  .card { background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); }
  .sr { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  button, .btn {
    font: inherit; font-size: 14px; font-weight: 550; line-height: 20px; color: var(--ink); background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
    padding: 6px 12px; min-height: 34px; cursor: pointer; display: inline-flex; align-items: center; justify-content: center; gap: 7px; text-decoration: none; white-space: nowrap;
  }
  button:hover, .btn:hover { border-color: color-mix(in srgb, var(--ink) 28%, var(--line)); }
  button:disabled { opacity: 0.55; cursor: default; }
  button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
  button.primary:hover { background: var(--accent-strong); border-color: var(--accent-strong); }
  button.danger { color: var(--bad); }
  button.danger:hover { border-color: var(--bad); }
  button.quiet { background: none; border-color: transparent; color: var(--soft); }
  button.quiet:hover { background: var(--sunk); color: var(--ink); }
  button.icon { padding: 0; width: 34px; }
  button[aria-pressed='true'] { background: var(--accent-soft); border-color: transparent; color: var(--accent-strong); }
  input, select { font: inherit; font-size: 14px; color: var(--ink); background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 6px 11px; min-height: 36px; max-width: 100%; }
  input::placeholder { color: var(--faint); opacity: 1; }
  .badge { display: inline-flex; align-items: center; gap: 5px; font-size: 12px; font-weight: 600; line-height: 20px; padding: 0 8px; border-radius: 999px; background: var(--sunk); color: var(--soft); white-space: nowrap; }
  .badge.live { background: var(--bad-soft); color: var(--live); }
  .badge.good { background: var(--good-soft); color: var(--good); }
  .badge.warn { background: var(--warn-soft); color: var(--warn); }
  .badge.bad { background: var(--bad-soft); color: var(--bad); }
  .badge.accent { background: var(--accent-soft); color: var(--accent-strong); }
  .dot { width: 8px; height: 8px; border-radius: 50%; background: currentColor; flex: none; }
  .badge.live .dot { animation: breathe 2.4s ease-in-out infinite; }
  .segments { display: inline-flex; background: var(--sunk); border-radius: 11px; padding: 3px; gap: 2px; }
  .segments button { border: 0; background: none; min-height: 28px; padding: 3px 11px; font-size: 13px; color: var(--soft); border-radius: 8px; }
  .segments button[aria-pressed='true'] { background: var(--surface); color: var(--ink); box-shadow: 0 1px 3px rgb(0 0 0 / 12%); }
  .empty { color: var(--soft); padding: 26px 22px; text-align: center; }
  .empty p + p { margin-top: 6px; }
  .head { display: flex; align-items: center; gap: 10px; flex-wrap: wrap; min-height: 34px; }
  .head h2 { flex: 1; min-width: max-content; }
  @keyframes breathe { 50% { opacity: 0.35; } }
  @media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation: none !important; transition: none !important; scroll-behavior: auto !important; } }
  @media (pointer: coarse) { button, .btn, input, select { min-height: 40px; } button.icon { width: 40px; } .segments button { min-height: 34px; } }
`;
