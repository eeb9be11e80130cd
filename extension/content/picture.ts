// Where object-fit and object-position put a video's picture inside its content box. Pure; CSS pixels.
import type { Rectangle } from '../../shared/model.ts';
import { intersect, type Size } from '../region-map.ts';

/** Computed `object-position` of one axis, a sum of lengths and percentages (`10px`, `50%`, `calc(100% - 10px)`), of the room left. */
const offset = (position: string, room: number): number => {
  let sum = 0;
  for (const [, sign, number, unit] of position.matchAll(/([+-]\s*)?(\d*\.?\d+(?:e[+-]?\d+)?)(px|%)/g)) {
    const value = Number(number) * (sign?.startsWith('-') ? -1 : 1);
    sum += unit === '%' ? (value / 100) * room : value;
  }
  return sum;
};

/** `10px calc(100% - 5px)` → its two axes; calc() may hold spaces. */
const axes = (position: string): [x: string, y: string] => {
  const [x = '50%', y = '50%'] = position.match(/calc\([^)]*\)|\S+/g) ?? [];
  return [x, y];
};

const fitted = (box: Size, natural: Size, fit: string): Size => {
  const contain = Math.min(box.width / natural.width, box.height / natural.height);
  const cover = Math.max(box.width / natural.width, box.height / natural.height);
  const scale = fit === 'contain' ? contain : fit === 'cover' ? cover : fit === 'none' ? 1 : fit === 'scale-down' ? Math.min(1, contain) : null;
  return scale === null ? box : { width: natural.width * scale, height: natural.height * scale };
};

/** The visible part of the picture relative to the content box's corner. Null for a picture pushed out of its box. */
export const pictureIn = (box: Size, natural: Size, style: { objectFit: string; objectPosition: string }): Rectangle | null => {
  const picture = fitted(box, natural, style.objectFit);
  const [x, y] = axes(style.objectPosition);
  const placed = { x: offset(x, box.width - picture.width), y: offset(y, box.height - picture.height), ...picture };
  return intersect(placed, { x: 0, y: 0, width: box.width, height: box.height });
};
