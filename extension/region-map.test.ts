import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intersect, LEAST_SIDE, mapRegion } from './region-map.ts';

const size = (min: number, max: number) => fc.record({ width: fc.double({ min, max, noNaN: true }), height: fc.double({ min, max, noNaN: true }) });
const picture = fc.record({ width: fc.integer({ min: 2, max: 3840 }), height: fc.integer({ min: 2, max: 2160 }) });
const rectangle = fc.record({ x: fc.double({ min: -3000, max: 3000, noNaN: true }), y: fc.double({ min: -3000, max: 3000, noNaN: true }), width: fc.double({ min: 0, max: 5000, noNaN: true }), height: fc.double({ min: 0, max: 5000, noNaN: true }) });
/** the box before it is aligned */
const trueBox = (rect: { x: number; y: number; width: number; height: number }, viewport: { width: number; height: number }, frame: { width: number; height: number }) => {
  const k = Math.min(frame.width / viewport.width, frame.height / viewport.height);
  const x = (frame.width - viewport.width * k) / 2 + rect.x * k;
  const y = (frame.height - viewport.height * k) / 2 + rect.y * k;
  return { left: x, top: y, right: x + rect.width * k, bottom: y + rect.height * k };
};

describe('mapRegion', () => {
  it('[Q1] lies inside the picture and inside the true box, on even pixels', () => {
    fc.assert(fc.property(rectangle, size(100, 4000), picture, (rect, viewport, frame) => {
      const mapped = mapRegion({ rect, viewport, frame });
      if (mapped === null) return;
      const box = trueBox(rect, viewport, frame);
      const near = 1 / 64 + 1e-6;
      expect([mapped.x % 2, mapped.y % 2, mapped.width % 2, mapped.height % 2].every((rest) => rest === 0)).toBe(true);
      expect(mapped.x).toBeGreaterThanOrEqual(Math.max(0, box.left - near));
      expect(mapped.y).toBeGreaterThanOrEqual(Math.max(0, box.top - near));
      expect(mapped.x + mapped.width).toBeLessThanOrEqual(Math.min(frame.width, box.right + near));
      expect(mapped.y + mapped.height).toBeLessThanOrEqual(Math.min(frame.height, box.bottom + near));
      expect(Math.min(mapped.width, mapped.height)).toBeGreaterThanOrEqual(LEAST_SIDE);
    }), { numRuns: 2000 });
  });
  it('[Q1] gives away less than two pixels on each side, and null only for what is too small', () => {
    fc.assert(fc.property(rectangle, size(100, 4000), picture, (rect, viewport, frame) => {
      const mapped = mapRegion({ rect, viewport, frame });
      const box = trueBox(rect, viewport, frame);
      const width = Math.min(box.right, frame.width) - Math.max(box.left, 0);
      const height = Math.min(box.bottom, frame.height) - Math.max(box.top, 0);
      if (mapped === null) expect(Math.min(width, height)).toBeLessThan(LEAST_SIDE + 4);
      else {
        expect(mapped.width).toBeGreaterThan(width - 4);
        expect(mapped.height).toBeGreaterThan(height - 4);
      }
    }), { numRuns: 2000 });
  });
  it.each([
    ['same shape', { x: 100, y: 50, width: 640, height: 360 }, { width: 1280, height: 720 }, { width: 1920, height: 1080 }, { x: 150, y: 76, width: 960, height: 538 }],
    ['bars left and right', { x: 0, y: 0, width: 800, height: 800 }, { width: 800, height: 800 }, { width: 1280, height: 720 }, { x: 280, y: 0, width: 720, height: 720 }],
    ['bars above and below', { x: 0, y: 0, width: 1600, height: 400 }, { width: 1600, height: 400 }, { width: 1280, height: 720 }, { x: 0, y: 200, width: 1280, height: 320 }],
    ['over the edge', { x: -100, y: -100, width: 4000, height: 4000 }, { width: 1280, height: 720 }, { width: 1280, height: 720 }, { x: 0, y: 0, width: 1280, height: 720 }],
    ['a layout unit off', { x: 100.01, y: 50.01, width: 639.98, height: 359.98 }, { width: 1280, height: 720 }, { width: 1280, height: 720 }, { x: 100, y: 50, width: 640, height: 360 }],
    ['an odd picture', { x: 0, y: 0, width: 1281, height: 721 }, { width: 1281, height: 721 }, { width: 1281, height: 721 }, { x: 0, y: 0, width: 1280, height: 720 }],
  ])('maps exactly: %s', (_, rect, viewport, frame, expected) => expect(mapRegion({ rect, viewport, frame })).toEqual(expected));
  it.each([
    ['absent', null], ['too small', { x: 10, y: 10, width: 15, height: 300 }], ['beside the picture', { x: 1300, y: 0, width: 640, height: 360 }], ['empty', { x: 10, y: 10, width: 0, height: 0 }],
  ])('is null: %s', (_, rect) => expect(mapRegion({ rect, viewport: { width: 1280, height: 720 }, frame: { width: 1280, height: 720 } })).toBeNull());
});

describe('intersect', () => {
  it('is the shared part, whichever comes first', () => {
    fc.assert(fc.property(rectangle, rectangle, (a, b) => {
      expect(intersect(a, b)).toEqual(intersect(b, a));
    }));
    expect(intersect({ x: 0, y: 0, width: 10, height: 10 }, { x: 5, y: -5, width: 10, height: 10 })).toEqual({ x: 5, y: 0, width: 5, height: 5 });
    expect(intersect({ x: 0, y: 0, width: 10, height: 10 }, { x: 10, y: 0, width: 10, height: 10 })).toBeNull();
  });
});
