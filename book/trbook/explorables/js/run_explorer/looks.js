/* How methods look in every sweep, and what axes and measures are called. */

import { symbol, symbolCircle, symbolCross, symbolDiamond, symbolSquare, symbolStar, symbolTriangle } from "d3-shape";
import { LOOKS, number } from "../parts/common.js";

const DASHES = ["", "7 3", "2 3", "9 3 2 3"];
const MARKS = {
  circle: symbolCircle,
  square: symbolSquare,
  triangle: symbolTriangle,
  diamond: symbolDiamond,
  cross: symbolCross,
  star: symbolStar,
};
const NAMES = Object.keys(MARKS);

/* Hue, dash and mark of every method of a sweep; one without a look of its own gets one by its place. */
export function looksOf(methods) {
  return new Map(
    methods.map((method, i) => {
      const [hue, dash, mark] = LOOKS[method.replaceAll("-", "_")] ?? [
        `h${(i + 1) % 8}`,
        DASHES[i % DASHES.length],
        NAMES[i % NAMES.length],
      ];
      return [method, { hue: `var(--${hue})`, dash, mark: symbol(MARKS[mark], 46)() }];
    }),
  );
}

export const swatch = ({ hue, dash, mark }) =>
  `<svg width="26" height="12" viewBox="0 0 26 12" aria-hidden="true">` +
  `<path d="M0 6H26" fill="none" stroke="${hue}" stroke-width="2"${dash ? ` stroke-dasharray="${dash}"` : ""}/>` +
  `<path d="${mark}" transform="translate(13,6)" fill="${hue}"/></svg>`;

const AXES = {
  updates: "updates per batch",
  uses: "passes over a batch",
  reuse: "updates per batch",
  lr: "learning rate",
  threshold: "threshold, times its own",
  minibatches: "minibatches",
  sampler: "sampler's precision",
  anchor: "anchor",
  moves: "moves of the dial",
  "sampler of": "sampler",
  parts: "a batch is used",
  expert: "expert",
};
export const axisName = (axis) => AXES[axis] ?? axis.replaceAll("_", " ").replace("task.", "");
/* A point as the pages write it: 3e-5, 1e-4, 0.33. */
export function short(label) {
  const value = Number(label);
  if (!label || !(value > 0) || value >= 1) return label;
  return value < 1e-3 ? value.toExponential() : String(Number(value.toPrecision(2)));
}

/* A variant of a sweep in the words of the pages; records and addresses have its own name. */
export const called = (method) =>
  method
    .replace(/^pg_is\b/, "unclipped")
    .replace(/(^|-)(again|parts|new)\b/, (_, joint, data) => (joint ? ", " : "") + DATA[data]);
const DATA = { again: "reused", parts: "split", new: "fresh" };

/* A measure: what its axis is called, how a value is written, and where its scale begins and ends if that is fixed. */
export const MEASURES = {
  reward: { name: "reward", text: "mean reward of a batch", write: two, from: 0, to: 1 },
  kl: { name: "KL", text: "KL per batch, nats per token", write: number, log: true },
  tv_max: { name: "largest TV", text: "largest total variation of a token", write: two, from: 0, to: 1 },
  entropy: { name: "entropy", text: "entropy, nats per token", write: two, from: 0 },
  kept: { name: "kept", text: "share of tokens that the region keeps", write: two, to: 1 },
  length: { name: "length", text: "tokens per completion", write: (value) => value.toFixed(1), from: 0 },
  ess: { name: "effective sample", text: "effective sample size, share of the batch", write: two, from: 0, to: 1 },
  kl_sampler: {
    name: "sampler's KL",
    text: "KL between sampler and learner, nats per token",
    write: number,
    log: true,
  },
  distinct: { name: "different answers", text: "different right answers per prompt", write: two, from: 0 },
};
function two(value) {
  return Math.abs(value).toFixed(2);
}
export const measureOf = (name) => MEASURES[name] ?? { name, text: name, write: number };
export const share = (value) => value.toFixed(2);
export const between = ([value, low, high], write) =>
  low === null || high === null ? write(value) : `${write(value)} [${write(low)}, ${write(high)}]`;
