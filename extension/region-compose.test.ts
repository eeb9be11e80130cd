import { assert as hold, constantFrom, double, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RegionMessage } from './messages.ts';
import { composeRegion, createTabRegions } from './region-compose.ts';
import { intersect } from './region-map.ts';

const SCREEN = { width: 1280, height: 720 };
const at = (x: number, y: number, width: number, height: number) => ({ x, y, width, height });
const said = (patch: Partial<RegionMessage> = {}): RegionMessage => ({ to: 'recorder', type: 'region', rect: null, viewport: SCREEN, playing: null, page: null, link: null, frames: [], ...patch });
const shows = (link: string, box = at(100, 100, 400, 300), part = box) => ({ link, box, part });

describe('composeRegion', () => {
  it('[Q4] says nothing before the top frame has spoken', () => {
    expect(composeRegion(new Map([[7, said({ link: 'a', rect: at(0, 0, 640, 360) })]]))).toBeNull();
  });
  it('[Q4] places a frame in a frame, scaled and clipped at each step', () => {
    const region = composeRegion(new Map([
      [0, said({ rect: at(0, 0, 50, 50), playing: false, frames: [shows('a', at(100, 100, 800, 600), at(100, 100, 800, 500))] })],
      [7, said({ link: 'a', viewport: { width: 400, height: 300 }, frames: [shows('b', at(50, 50, 200, 200))] })],
      [9, said({ link: 'b', viewport: { width: 100, height: 100 }, rect: at(0, 0, 100, 100), playing: true })],
    ]));
    expect(region).toEqual({ rect: at(200, 200, 400, 400), playing: true, viewport: SCREEN });
  });
  it.each<[string, [number, RegionMessage][]]>([
    ['no link', [[7, said({ rect: at(0, 0, 900, 900) })]]],
    ['a link nobody gave', [[7, said({ link: 'x', rect: at(0, 0, 900, 900) })]]],
    ['a link said by two frames', [[7, said({ link: 'a', rect: at(0, 0, 900, 900) })], [8, said({ link: 'a', rect: at(0, 0, 900, 900) })]]],
    ['frames that show each other', [[7, said({ link: 'b', rect: at(0, 0, 900, 900), frames: [shows('c')] })], [8, said({ link: 'c', frames: [shows('b')] })]]],
    ['a frame that shows itself', [[7, said({ link: 'b', rect: at(0, 0, 900, 900), frames: [shows('b')] })]]],
  ])('[Q5] counts for nothing: %s', (_, frames) => {
    const top = said({ rect: at(0, 0, 320, 180), playing: true, frames: [shows('a')] });
    expect(composeRegion(new Map([[0, top], ...frames]))?.rect).toEqual(at(0, 0, 320, 180));
  });
  it('[Q5] whatever a frame says, it stays in the place its parent measured', () => {
    const value = double({ min: -1e6, max: 1e6, noNaN: true });
    const rectangle = record({ x: value, y: value, width: value, height: value });
    const part = at(120, 110, 300, 200);
    hold(property(rectangle, rectangle, integer({ min: 1, max: 5000 }), constantFrom('a', 'b'), (rect, box, width, inner) => {
      const region = composeRegion(new Map([
        [0, said({ frames: [shows('a', at(100, 100, 400, 300), part)] })],
        [7, said({ link: 'a', rect, viewport: { width, height: 300 }, frames: [shows('b', box)] })],
        [8, said({ link: inner, rect, viewport: { width: 300, height: width } })],
      ]));
      if (!region?.rect) return;
      const inside = intersect(region.rect, part);
      expect(inside).not.toBeNull();
      for (const side of ['x', 'y', 'width', 'height'] as const) expect(inside?.[side]).toBeCloseTo(region.rect[side], 6);
    }), { numRuns: 1000 });
  });
});

describe('createTabRegions', () => {
  const top = { frameId: 0, documentId: 'top' };
  const child = { frameId: 7, documentId: 'child' };
  const withFrame = said({ frames: [shows('a', at(0, 0, 640, 360))] });
  it('[Q4] forgets a frame that has fallen silent', () => {
    const tab = createTabRegions();
    tab.take(withFrame, top, 0);
    expect(tab.take(said({ link: 'a', viewport: { width: 640, height: 360 }, rect: at(0, 0, 640, 360) }), child, 10).region?.rect).toEqual(at(0, 0, 640, 360));
    expect(tab.take(withFrame, top, 9_000).region?.rect).toEqual(at(0, 0, 640, 360));
    expect(tab.take(withFrame, top, 10_011).region?.rect).toBeNull();
  });
  it('[Q4] forgets every frame when the tab shows another document', () => {
    const tab = createTabRegions();
    tab.take(withFrame, top, 0);
    tab.take(said({ link: 'a', viewport: { width: 640, height: 360 }, rect: at(0, 0, 640, 360) }), child, 10);
    expect(tab.take(withFrame, { frameId: 0, documentId: 'next' }, 20).region?.rect).toBeNull();
  });
  it('[Q4] keeps a frame that spoke before the top frame did', () => {
    const tab = createTabRegions();
    expect(tab.take(said({ link: 'a', viewport: { width: 640, height: 360 }, rect: at(0, 0, 640, 360) }), child, 0).region).toBeNull();
    expect(tab.take(withFrame, top, 10).region?.rect).toEqual(at(0, 0, 640, 360));
  });
  it('[Q4] asks four times at most for scripts in a frame that stays silent, and again for another', () => {
    const tab = createTabRegions();
    const asked = (message: RegionMessage, from: number, to: number): number => {
      let times = 0;
      for (let now = from; now < to; now += 100) if (tab.take(message, top, now).inject) times++;
      return times;
    };
    expect(asked(withFrame, 0, 400)).toBe(0);
    expect(asked(withFrame, 400, 120_000)).toBe(4);
    expect(asked(said({ frames: [shows('b')] }), 120_000, 121_000)).toBe(1);
  });
  it('[Q4] asks for nothing once the frame speaks', () => {
    const tab = createTabRegions();
    tab.take(withFrame, top, 0);
    tab.take(said({ link: 'a' }), child, 300);
    expect(tab.take(withFrame, top, 5_000).inject).toBe(false);
  });
  it('[Q5] hears a bounded number of frames, the top frame always', () => {
    const tab = createTabRegions();
    for (let frameId = 1; frameId <= 1_000; frameId++) tab.take(said({ link: `x${frameId}`, viewport: { width: 500, height: 500 }, rect: at(0, 0, 500, 500) }), { frameId, documentId: `${frameId}` }, 0);
    expect(tab.take(said({ rect: at(1, 1, 100, 100), frames: [shows('x1'), shows('x1000', at(0, 0, 1280, 720))] }), top, 1).region?.rect).toEqual(at(100, 100, 400, 300));
  });
});
