import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pictureIn } from './picture.ts';

const box = { width: 400, height: 400 };
const wide = { width: 320, height: 180 };

describe('pictureIn', () => {
  it.each([
    ['fill', '50% 50%', { x: 0, y: 0, width: 400, height: 400 }],
    ['contain', '50% 50%', { x: 0, y: 87.5, width: 400, height: 225 }],
    ['contain', '50% 0%', { x: 0, y: 0, width: 400, height: 225 }],
    ['contain', '0px calc(100% - 10px)', { x: 0, y: 165, width: 400, height: 225 }],
    ['cover', '0% 100%', { x: 0, y: 0, width: 400, height: 400 }],
    ['none', '50% 50%', { x: 40, y: 110, width: 320, height: 180 }],
    ['none', '-20px 10px', { x: 0, y: 10, width: 300, height: 180 }],
    ['none', 'calc(-20px + 100%) 10px', { x: 60, y: 10, width: 320, height: 180 }],
    ['scale-down', '0% 0%', { x: 0, y: 0, width: 320, height: 180 }],
  ])('[Q2] %s at %s', (objectFit, objectPosition, expected) => expect(pictureIn(box, wide, { objectFit, objectPosition })).toEqual(expected));
  it('[Q2] scale-down is contain where the video is larger than its box', () => {
    expect(pictureIn(box, { width: 1600, height: 900 }, { objectFit: 'scale-down', objectPosition: '50% 50%' })).toEqual({ x: 0, y: 87.5, width: 400, height: 225 });
  });
  it('[Q2] is null for a picture pushed out of its box', () => expect(pictureIn(box, wide, { objectFit: 'none', objectPosition: '500px 0px' })).toBeNull());
  it('[Q2] never leaves its box', () => {
    const side = fc.integer({ min: 1, max: 4000 });
    const length = fc.integer({ min: -500, max: 500 }).map((value) => `${value}px`);
    const share = fc.integer({ min: -50, max: 150 }).map((value) => `${value}%`);
    fc.assert(fc.property(side, side, side, side, fc.constantFrom('fill', 'contain', 'cover', 'none', 'scale-down'), fc.oneof(length, share), fc.oneof(length, share), (width, height, w, h, objectFit, x, y) => {
      const picture = pictureIn({ width, height }, { width: w, height: h }, { objectFit, objectPosition: `${x} ${y}` });
      if (picture === null) return;
      expect(Math.min(picture.x, picture.y)).toBeGreaterThanOrEqual(0);
      expect(picture.x + picture.width).toBeLessThanOrEqual(width + 1e-6);
      expect(picture.y + picture.height).toBeLessThanOrEqual(height + 1e-6);
    }));
  });
});
