import { describe, expect, it } from 'vitest';
import { evenSize, inFrame, shownIn } from './picture-box.ts';

const HD = { width: 1280, height: 720 };

describe('picture box', () => {
  it('is the identity where frame and picture agree', () => expect(inFrame({ x: 100, y: 50, width: 640, height: 360 }, HD, HD)).toEqual({ x: 100, y: 50, width: 640, height: 360 }));

  it('takes letterboxing and scale out', () => {
    // a frame of 640 × 640 is shown 720 × 720 in the middle: 280 to its left
    expect(inFrame({ x: 280, y: 0, width: 720, height: 720 }, HD, { width: 640, height: 640 })).toEqual({ x: 0, y: 0, width: 640, height: 640 });
    expect(inFrame({ x: 640, y: 360, width: 360, height: 360 }, HD, { width: 640, height: 640 })).toEqual({ x: 320, y: 320, width: 320, height: 320 });
  });

  it('aligns inwards, clips to the frame, and refuses what is outside or tiny', () => {
    expect(inFrame({ x: 101, y: 51, width: 99, height: 99 }, HD, HD)).toEqual({ x: 102, y: 52, width: 98, height: 98 });
    expect(inFrame({ x: -50, y: 700, width: 200, height: 200 }, HD, HD)).toEqual({ x: 0, y: 700, width: 150, height: 20 });
    expect(inFrame({ x: 2000, y: 0, width: 100, height: 100 }, HD, HD)).toBeNull();
    expect(inFrame({ x: 0, y: 0, width: 10, height: 100 }, HD, HD)).toBeNull();
  });

  it('says where a frame of another shape is shown', () => {
    expect(shownIn({ width: 640, height: 360 }, HD)).toEqual({ x: 0, y: 0, ...HD });
    expect(shownIn({ width: 100, height: 100 }, HD)).toEqual({ x: 280, y: 0, width: 720, height: 720 });
  });

  it('makes sizes even', () => expect(evenSize({ width: 1279, height: 719 })).toEqual({ width: 1278, height: 718 }));
});
