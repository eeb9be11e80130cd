// Where things lie when a frame of one size is shown whole, centred and undistorted in a picture of another.
import type { Rectangle } from '../../shared/model.ts';

export type Size = { width: number; height: number };

const evenDown = (value: number): number => Math.floor(value / 2) * 2;
const evenUp = (value: number): number => Math.ceil(value / 2) * 2;
const align = (left: number, top: number, right: number, bottom: number): Rectangle => {
  const [x, y] = [evenUp(left), evenUp(top)];
  return { x, y, width: evenDown(right) - x, height: evenDown(bottom) - y };
};

/** Encoders of H.264 take even sizes only. */
export const evenSize = ({ width, height }: Size): Size => ({ width: evenDown(width), height: evenDown(height) });

/** A rectangle of the picture in pixels of the frame shown in it, aligned inwards to even pixels; null where too little is left to show. */
export const inFrame = (rect: Rectangle, picture: Size, frame: Size): Rectangle | null => {
  const k = Math.min(picture.width / frame.width, picture.height / frame.height);
  const [ox, oy] = [(picture.width - frame.width * k) / 2, (picture.height - frame.height * k) / 2];
  const clamp = (value: number, max: number): number => Math.min(Math.max(value / k, 0), max);
  const found = align(clamp(rect.x - ox, frame.width), clamp(rect.y - oy, frame.height), clamp(rect.x + rect.width - ox, frame.width), clamp(rect.y + rect.height - oy, frame.height));
  return found.width >= 16 && found.height >= 16 ? found : null;
};

/** Where a frame of `size` lies in the picture, aligned inwards to even pixels. */
export const shownIn = (size: Size, picture: Size): Rectangle => {
  const k = Math.min(picture.width / size.width, picture.height / size.height);
  const [ox, oy] = [(picture.width - size.width * k) / 2, (picture.height - size.height * k) / 2];
  return align(ox, oy, picture.width - ox, picture.height - oy);
};
