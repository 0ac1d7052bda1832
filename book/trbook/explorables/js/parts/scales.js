/* Scales that d3-axis can draw: scale(value), ticks; linear and logarithmic ones also scale.invert(pixel). */

import { ticks } from "d3-array";
import { clamp, linear, logit } from "../maths/plain.js";
import { number, raised, tickText } from "./numbers.js";

export function linearScale(domain, range, count = 5) {
  const scale = linear(domain, range);
  const marks = ticks(domain[0], domain[1], count);
  const digits = Math.max(0, -Math.floor(Math.log10(marks[1] - marks[0] || 1)));
  return drawable(scale, range, marks, (value) => number(value, { powers: 0, decimals: () => digits }));
}

/* Ticks at whole powers of ten, at 2 and 5 of each too where there are few. Below the domain a value stands at its edge. */
/** @param {number[]} domain @param {number[]} range */
export function logScale([a, b], range) {
  const low = Math.log10(a),
    high = Math.log10(b),
    along = linear([low, high], range);
  const scale = (value) => along(value > 0 ? clamp(Math.log10(value), low, high) : low);
  scale.invert = (pixel) => 10 ** along.invert(pixel);
  const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, i) => Math.floor(low) + i);
  const every = Math.ceil(powers.length / 6),
    steps = high - low < 2 ? [1, 2, 5] : [1];
  const marks = powers
    .filter((power) => power % every === 0)
    .flatMap((power) => steps.map((step) => step * 10 ** power))
    .filter((value) => value >= a * 0.999 && value <= b * 1.001);
  return drawable(scale, range, marks, (value) =>
    value < 0.01 && Number.isInteger(Math.round(1e6 * Math.log10(value)) / 1e6)
      ? `10${raised(Math.round(Math.log10(value)))}`
      : String(Number(value.toPrecision(1))),
  );
}

/* Probabilities by their logits; beyond its ends everything stands at the edge. */
export function logitScale([low, high], range, marks) {
  const along = linear([logit(low), logit(high)], range);
  return drawable((p) => along(logit(clamp(p, low, high))), range, marks, tickText);
}

/* Pixels, without ticks: what stands along it is named on the drawing. */
export const bareScale = (width) => drawable((x) => x, [0, width], [], String);

/* Any function from values to pixels, with ticks at `marks` and their words. */
export function drawable(scale, range, marks, text) {
  return Object.assign(scale, { range: () => range, copy: () => scale, ticks: () => marks, tickFormat: () => text });
}
