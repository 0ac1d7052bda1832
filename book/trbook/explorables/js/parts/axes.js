/* A plane of two probabilities, on linear or logit axes or anywhere between the two, and room for words on it. */

import { area, line } from "d3-shape";
import { clamp, linear, logit, sigmoid } from "../maths/plain.js";
import { tickText } from "./numbers.js";

export const P_MIN = 1e-7,
  P_MAX = 0.9999;
const LINEAR_TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const LOGIT_TICKS = [1e-7, 1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999];
const LOGIT_TICKS_FEW = [1e-7, 1e-5, 0.001, 0.1, 0.5, 0.9, 0.99, 0.9999];

/* A scale from probability to pixels that d3-axis can draw: blend 0 is linear, 1 is logit, between is on the way. */
export function probabilityScale(range, blend) {
  const flat = linear([0, 1], range);
  const bent = linear([logit(P_MIN), logit(P_MAX)], range);
  const rising = range[1] > range[0];
  const low = Math.min(...range),
    high = Math.max(...range);
  const scale = (p) => {
    if (blend === 0) return flat(p);
    const far = clamp(bent(logit(clamp(p, 1e-12, 1 - 1e-12))), low - 1e4, high + 1e4);
    return blend === 1 ? far : (1 - blend) * flat(p) + blend * far;
  };
  scale.invert = (pixel) => {
    if (blend === 0) return flat.invert(pixel);
    if (blend === 1) return sigmoid(bent.invert(pixel));
    let a = logit(P_MIN) - 1,
      b = logit(P_MAX) + 1;
    for (let step = 0; step < 34; step++) {
      const middle = (a + b) / 2;
      if (scale(sigmoid(middle)) < pixel === rising) a = middle;
      else b = middle;
    }
    return sigmoid((a + b) / 2);
  };
  scale.range = () => range;
  scale.copy = () => scale;
  scale.ticks = () => {
    if (blend < 0.5) return LINEAR_TICKS;
    return high - low < 330 ? LOGIT_TICKS_FEW : LOGIT_TICKS;
  };
  scale.tickFormat = () => tickText;
  return scale;
}

/* The columns of a plot: pixels and the probabilities they stand for, each kept inside what the axes can show. */
export function columns(scale, size, step = 1.5) {
  const count = Math.max(2, Math.ceil(size / step)) + 1;
  return Array.from({ length: count }, (_, i) => {
    const x = (size * i) / (count - 1);
    return { x, q: clamp(scale.invert(x), 1e-9, 1 - 1e-9) };
  });
}

export const band = area()
  .digits(1)
  .x((d) => d.x)
  .y0((d) => d.from)
  .y1((d) => d.to)
  .defined((d) => Math.abs(d.to - d.from) > 0.25);
export const stroke = line()
  .digits(1)
  .x((d) => d[0])
  .y((d) => d[1]);

/* Where a box of words has room between two curves, near the middle if it can. spans: [{ x, from, to }] in pixels
   (from < to where there is room); taken: boxes already placed. Returns the box, or null if it does not fit. */
export function roomiest(spans, width, height, taken, pad = 3) {
  const every = spans[1].x - spans[0].x,
    centre = spans[spans.length - 1].x / 2;
  const reach = Math.ceil(width / every / 2) + 2;
  let best = null;
  for (let i = reach; i < spans.length - reach; i += 3) {
    let top = -Infinity,
      bottom = Infinity;
    for (let j = i - reach; j <= i + reach; j += 2) {
      top = Math.max(top, spans[j].from);
      bottom = Math.min(bottom, spans[j].to);
    }
    const room = bottom - top - height - 2 * pad;
    const score = Math.min(room, 70) - 0.12 * Math.abs(spans[i].x - centre);
    if (room < 0 || (best && score <= best.score)) continue;
    for (const share of [0.5, 0.3, 0.7, 0.15, 0.85, 0, 1]) {
      const box = { x: spans[i].x, y: top + pad + height / 2 + share * room, width, height };
      if (!taken.some((other) => meets(box, other))) {
        best = { ...box, score };
        break;
      }
    }
  }
  return best;
}

export function meets(a, b, gap = 4) {
  return (
    Math.abs(a.x - b.x) * 2 < a.width + b.width + 2 * gap && Math.abs(a.y - b.y) * 2 < a.height + b.height + 2 * gap
  );
}
