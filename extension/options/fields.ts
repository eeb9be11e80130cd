// What sections of settings share: a box to tick with its text, and a labelled field.
import { css } from 'lit';

export const fields = css`
  .check { display: grid; grid-template-columns: 18px minmax(0, 1fr); gap: 10px; align-items: start; }
  .text { display: grid; gap: 2px; }
  .field { display: grid; gap: 6px; justify-items: start; }
  .field label { font-weight: 600; }
`;
