// Where a video of a page lies in the encoded picture. tabCapture scales the whole viewport into the picture and centres it, so one
// factor and two margins say all; the device's pixel ratio drops out.
import type { Rectangle } from '../shared/model.ts';

export type Size = { width: number; height: number };

/** The least side of a region worth cropping, in pixels of the picture. */
export const LEAST_SIDE = 16;
/** Blink lays out in 1/64 px: an edge this near to a pixel's edge lies on it. */
const TOLERANCE = 1 / 64;

/** Null where the two share no area. */
export const intersect = (a: Rectangle, b: Rectangle): Rectangle | null => {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const [width, height] = [Math.min(a.x + a.width, b.x + b.width) - x, Math.min(a.y + a.height, b.y + b.height) - y];
  return width > 0 && height > 0 ? { x, y, width, height } : null;
};

export const areaOf = (rect: Rectangle | null): number => (rect === null ? 0 : rect.width * rect.height);

/** Even pixels (4:2:0 video shares its colour between two) that lie inside [from, to) and inside [0, limit). */
const evenInside = (from: number, to: number, limit: number): [start: number, length: number] => {
  const start = Math.max(0, Math.ceil((from - TOLERANCE) / 2) * 2);
  const end = Math.min(Math.floor(limit / 2) * 2, Math.floor((to + TOLERANCE) / 2) * 2);
  return [start, end - start];
};

/**
 * CSS pixels of the top frame → pixels of the encoded picture, aligned inwards to even ones and clipped to the picture.
 * Null where there is no rectangle or less than LEAST_SIDE of it is left.
 */
export const mapRegion = (options: { rect: Rectangle | null; viewport: Size; frame: Size }): Rectangle | null => {
  const { rect, viewport, frame } = options;
  if (rect === null || viewport.width <= 0 || viewport.height <= 0) return null;
  const k = Math.min(frame.width / viewport.width, frame.height / viewport.height);
  const [left, top] = [(frame.width - viewport.width * k) / 2, (frame.height - viewport.height * k) / 2];
  const [x, width] = evenInside(left + rect.x * k, left + (rect.x + rect.width) * k, frame.width);
  const [y, height] = evenInside(top + rect.y * k, top + (rect.y + rect.height) * k, frame.height);
  return width >= LEAST_SIDE && height >= LEAST_SIDE ? { x, y, width, height } : null;
};
