// Where an element's content box lies in the viewport, and how much of it can be seen. CSS pixels of the layout viewport.
import type { Rectangle } from '../../shared/model.ts';
import { intersect } from '../region-map.ts';

/** Open or closed: only an extension may ask for the latter. */
export const shadowOf = (element: HTMLElement): ShadowRoot | null => chrome.dom.openOrClosedShadowRoot(element);

/** Above `element` in the tree that is drawn, where a slotted child stands inside its slot. */
const above = (element: Element): Element | null => {
  const parent = element.parentNode;
  if (parent instanceof ShadowRoot) return parent.host;
  if (!(parent instanceof HTMLElement)) return parent instanceof Element ? parent : null;
  const root = shadowOf(parent);
  if (!root) return parent;
  // assignedSlot hides the slots of closed roots
  return [...root.querySelectorAll('slot')].find((slot) => slot.assignedElements().includes(element)) ?? null;
};

export const isWithin = (element: Element, ancestor: Element): boolean => {
  for (let at: Element | null = element; at; at = above(at)) if (at === ancestor) return true;
  return false;
};

const px = (value: string): number => Number.parseFloat(value) || 0;

/** `kx`, `ky`: how much transforms (or zoom) scale the element. Null where it has no box. */
export type ContentBox = { box: Rectangle; kx: number; ky: number; style: CSSStyleDeclaration };
export const contentBox = (element: HTMLElement): ContentBox | null => {
  const outer = element.getBoundingClientRect();
  if (outer.width <= 0 || outer.height <= 0) return null;
  const style = getComputedStyle(element);
  const [left, right, top, bottom] = (['Left', 'Right', 'Top', 'Bottom'] as const).map((side) => px(style[`border${side}Width`]) + px(style[`padding${side}`])) as [number, number, number, number];
  // computed sizes are before transforms, bounding boxes after
  const own = style.boxSizing === 'border-box' ? { width: px(style.width), height: px(style.height) } : { width: px(style.width) + left + right, height: px(style.height) + top + bottom };
  if (own.width <= left + right || own.height <= top + bottom) return null;
  const [kx, ky] = [outer.width / own.width, outer.height / own.height];
  return { box: { x: outer.x + left * kx, y: outer.y + top * ky, width: (own.width - left - right) * kx, height: (own.height - top - bottom) * ky }, kx, ky, style };
};

/** What of the layout viewport can be seen: without scroll bars, and under pinch zoom a part of it. */
export const visibleViewport = (): Rectangle => {
  const view = visualViewport;
  return view ? { x: view.offsetLeft, y: view.offsetTop, width: view.width, height: view.height } : { x: 0, y: 0, width: innerWidth, height: innerHeight };
};

const paints = /paint|strict|content/;
/** Absolute and fixed descendants stay inside. */
const holdsFixed = (style: CSSStyleDeclaration): boolean =>
  style.transform !== 'none' || style.perspective !== 'none' || style.filter !== 'none' || style.translate !== 'none' || style.rotate !== 'none' || style.scale !== 'none' ||
  style.getPropertyValue('backdrop-filter') !== 'none' || /layout|paint|strict|content/.test(style.contain) || /transform|perspective|filter/.test(style.willChange) || style.containerType !== 'normal';

/** A clipping element leaves its padding box, without scroll bars; per axis. */
const clipped = (element: HTMLElement, style: CSSStyleDeclaration, part: Rectangle): Rectangle | null => {
  const contain = paints.test(style.contain);
  const [clipsX, clipsY] = [contain || style.overflowX !== 'visible', contain || style.overflowY !== 'visible'];
  if (!clipsX && !clipsY) return part;
  const outer = element.getBoundingClientRect();
  const [kx, ky] = [outer.width / element.offsetWidth, outer.height / element.offsetHeight];
  const [left, right, top, bottom] = [px(style.borderLeftWidth), px(style.borderRightWidth), px(style.borderTopWidth), px(style.borderBottomWidth)];
  // clientLeft holds a scroll bar on the left (right-to-left pages)
  const leftBar = Math.max(0, element.clientLeft - Math.round(left));
  const rightBar = Math.max(0, element.offsetWidth - element.clientWidth - element.clientLeft - Math.round(right));
  const bottomBar = Math.max(0, element.offsetHeight - element.clientHeight - element.clientTop - Math.round(bottom));
  const x = clipsX ? { x: outer.x + (left + leftBar) * kx, width: outer.width - (left + right + leftBar + rightBar) * kx } : { x: part.x, width: part.width };
  const y = clipsY ? { y: outer.y + top * ky, height: outer.height - (top + bottom + bottomBar) * ky } : { y: part.y, height: part.height };
  return intersect(part, { ...x, ...y });
};

/** What clipping ancestors and the viewport leave of `box`, which lies inside `element`. */
export const visiblePart = (element: HTMLElement, box: Rectangle, view: Rectangle): Rectangle | null => {
  let part = intersect(box, view);
  let { position } = getComputedStyle(element);
  // nothing clips what stands in the top layer, and the root's overflow is the viewport's
  for (let at: Element | null = element; at && part && !at.matches(':fullscreen, :modal, :popover-open'); ) {
    at = above(at);
    if (!(at instanceof HTMLElement) || at === document.documentElement) continue;
    const style = getComputedStyle(at);
    if (style.display === 'contents') continue;
    const holds = holdsFixed(style);
    if (!holds && (position === 'fixed' || (position === 'absolute' && style.position === 'static'))) continue;
    ({ position } = style);
    if (at === document.body && getComputedStyle(document.documentElement).overflow === 'visible') continue;
    part = clipped(at, style, part);
  }
  return part;
};
