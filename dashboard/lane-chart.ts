// One uPlot chart with a lane per signal: each lane is a series lifted to its own row, so that one canvas draws them all.
import uPlot from 'uplot';
import type { Gap, Highlight } from '../shared/model.ts';
import { timecode } from '../shared/format.ts';
import type { Range } from './lanes.ts';

export type LaneScene = {
  range: Range;
  names: readonly string[];
  x: number[];
  rows: (number | null)[][];
  highlights: readonly Highlight[];
  gaps: readonly Gap[];
  /** second the player is at, or null */
  playS: number | null;
};

export const LANE_PX = 36;
const AXIS_PX = 30;
/** share of a lane's height its highest value takes */
const FILL = 0.8;

type Palette = { lane: string; fill: string; band: string; edge: string; gap: string; line: string; text: string; play: string };

const paletteOf = (element: Element): Palette => {
  const style = getComputedStyle(element);
  const take = (name: string): string => style.getPropertyValue(name).trim();
  return { lane: take('--lane'), fill: take('--lane-fill'), band: take('--band'), edge: take('--band-edge'), gap: take('--gap'), line: take('--line'), text: take('--soft'), play: take('--ink') };
};

export type LaneChart = { draw(scene: LaneScene): void; resize(width: number): void; recolour(): void; /** puts the line the pointer draws at a second */ point(second: number | null): void; /** CSS pixels from the chart's left edge to a second */ xOf(second: number): number; destroy(): void };

const band = (u: uPlot, startS: number, endS: number, colour: string, edge: string | null, dashed: boolean): void => {
  const left = Math.max(u.valToPos(startS, 'x', true), u.bbox.left);
  const right = Math.min(u.valToPos(endS, 'x', true), u.bbox.left + u.bbox.width);
  if (right <= left) return;
  u.ctx.fillStyle = colour;
  u.ctx.fillRect(left, u.bbox.top, Math.max(2, right - left), u.bbox.height);
  if (!edge) return;
  u.ctx.fillStyle = edge;
  const thick = 3 * devicePixelRatio;
  if (!dashed) u.ctx.fillRect(left, u.bbox.top, Math.max(2, right - left), thick);
  else for (let x = left; x < right; x += thick * 4) u.ctx.fillRect(x, u.bbox.top, Math.min(thick * 2, right - x), thick);
};

/** `onPoint` gets the second under the pointer (null when it leaves), `onPick` the one clicked. */
export const createLaneChart = (host: HTMLElement, width: number, first: LaneScene, on: { onPoint: (second: number | null) => void; onPick: (second: number) => void }): LaneChart => {
  let scene = first;
  let palette = paletteOf(host);
  const lanes = first.names.length;
  const baseOf = (row: number): number => lanes - 1 - row;
  const labelPx = width < 520 ? 74 : 96;

  const data = (): uPlot.AlignedData => [scene.x, ...scene.rows.map((row, index) => row.map((value) => (value === null ? null : baseOf(index) + value * FILL)))];

  const behind = (u: uPlot): void => {
    u.ctx.save();
    for (const gap of scene.gaps) band(u, gap.startMs / 1000, gap.endMs / 1000, palette.gap, null, false);
    for (const highlight of scene.highlights) if (highlight.state !== 'vetoed') band(u, highlight.startMs / 1000, highlight.endMs / 1000, palette.band, palette.edge, highlight.state === 'provisional');
    u.ctx.fillStyle = palette.line;
    for (let lane = 0; lane < lanes; lane += 1) u.ctx.fillRect(u.bbox.left, Math.round(u.valToPos(lane, 'y', true)), u.bbox.width, 1);
    u.ctx.restore();
  };
  const above = (u: uPlot): void => {
    if (scene.playS === null || scene.playS < scene.range.startS || scene.playS > scene.range.endS) return;
    u.ctx.save();
    u.ctx.fillStyle = palette.play;
    u.ctx.fillRect(Math.round(u.valToPos(scene.playS, 'x', true)), u.bbox.top, Math.max(1, Math.round(1.5 * devicePixelRatio)), u.bbox.height);
    u.ctx.restore();
  };

  const axisText = { stroke: () => palette.text, font: `12px ${getComputedStyle(host).fontFamily}` };
  const chart = new uPlot(
    {
      width,
      height: lanes * LANE_PX + AXIS_PX + 8,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
      scales: { x: { time: false, range: () => [scene.range.startS, scene.range.endS] }, y: { range: () => [0, lanes] } },
      series: [{}, ...first.names.map((_, row): uPlot.Series => ({ stroke: () => palette.lane, fill: () => palette.fill, fillTo: baseOf(row), width: 1.5, points: { show: false } }))],
      axes: [
        { ...axisText, size: AXIS_PX, grid: { show: false }, ticks: { show: false }, values: (_, splits) => splits.map((second) => timecode(second * 1000)), incrs: [5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800], space: 76 },
        { ...axisText, size: labelPx, grid: { show: false }, ticks: { show: false }, splits: () => first.names.map((__, row) => baseOf(row) + 0.42), values: () => [...first.names] },
      ],
      hooks: {
        drawClear: [behind],
        draw: [above],
        // not uPlot's setCursor hook: that also runs at every new second, and would take the keyboard's place away
        ready: [(u) => {
          u.over.addEventListener('pointermove', (event) => on.onPoint(Math.floor(u.posToVal(event.offsetX, 'x'))));
          u.over.addEventListener('pointerleave', () => on.onPoint(null));
          u.over.addEventListener('click', (event) => on.onPick(u.posToVal(event.offsetX, 'x')));
        }],
      },
    },
    data(),
    host,
  );

  return {
    draw: (next) => {
      scene = next;
      chart.setData(data(), true);
    },
    resize: (next) => chart.setSize({ width: next, height: chart.height }),
    recolour: () => {
      palette = paletteOf(host);
      chart.redraw(false, true);
    },
    point: (second) => chart.setCursor({ left: second === null ? -10 : chart.valToPos(second + 0.5, 'x'), top: 0 }),
    xOf: (second) => chart.valToPos(second, 'x') + chart.over.offsetLeft,
    destroy: () => chart.destroy(),
  };
};
