/* What can be said of a formula before anything is learned with it: where its weight is 0, pulls back, or goes wrong. */

import { number } from "../parts/numbers.js";
import { parse } from "../../engine/js/formula.js";
import { pictured } from "../../engine/js/own.js";

export const RATIOS = [0.02, 3]; // of the curve
const PROBABILITIES = [0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99],
  STEPS = 150;

/* { r, w } along the curve of one sign of the advantage, for a token that had probability q. */
export function curve(weight, A, q) {
  const [low, high] = RATIOS;
  return Array.from({ length: STEPS + 1 }, (_, i) => low + ((high - low) * i) / STEPS)
    .filter((r) => r * q < 1)
    .map((r) => ({ r, w: weight(A, q, r * q) }));
}

/* Where a weight does something, as [from, to] in ratios: found on the curve's points, then halved to a thousandth. */
function spans(weight, A, q, does) {
  const points = curve(weight, A, q),
    found = [],
    is = (r) => does(weight(A, q, r * q));
  const edge = (low, high) => {
    for (const before = is(low); high - low > 1e-4;) {
      const middle = (low + high) / 2;
      if (is(middle) === before) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
  for (const [i, { r, w }] of points.entries()) {
    const now = does(w),
      before = i > 0 && does(points[i - 1].w);
    if (now && !before) found.push([i ? edge(points[i - 1].r, r) : r, points.at(-1).r]);
    if (!now && before) found.at(-1)[1] = edge(points[i - 1].r, r);
  }
  return { found, first: points[0].r, last: points.at(-1).r };
}

/** @param {number[]} span @param {{ first: number, last: number }} all */
function at([from, to], { first, last }) {
  if (from === first && to === last) return "everywhere";
  if (to === last) return `above r = ${number(from)}`;
  if (from === first) return `below r = ${number(to)}`;
  return to - from < 2e-3 ? `at r = ${number((from + to) / 2)}` : `from r = ${number(from)} to ${number(to)}`;
}

/* A sentence for each sign of the advantage. */
export function reading(weight, q) {
  return [1, -1]
    .map((A) => {
      const told = [],
        tell = (word, does) => {
          const all = spans(weight, A, q, does);
          if (all.found.length) told.push(`${word} ${all.found.map((one) => at(one, all)).join(" and ")}`);
        };
      tell("no finite number", (w) => !Number.isFinite(w));
      tell("zero", (w) => w === 0);
      tell("opposite sign", (w) => w * A < 0 && Number.isFinite(w));
      return `A ${A > 0 ? "> 0" : "< 0"}: ${told.join(", ") || "the sign of A at every ratio"}.`;
    })
    .join(" ");
}

/* What a reader should know of a formula that can be read but may not do what it is meant to. */
export function warnings({ formula, constants }) {
  const weight = pictured({ formula, constants });
  const seen = [1, -1].map((A) =>
    PROBABILITIES.flatMap((q) =>
      [...curve(weight, A, q), { r: 1, w: weight(A, q, q) }].map(({ r, w }) => ({ A, q, r, w })),
    ),
  );
  const [up, down] = seen,
    told = [];
  const wild = [...up, ...down].find(({ w }) => !Number.isFinite(w));
  if (wild)
    told.push(
      `It is ${Number.isNaN(wild.w) ? "no number" : "infinite"} at A = ${number(wild.A)}, q = ${number(wild.q)}, r = ${number(wild.r)}: a lane stops where it meets such a token.`,
    );
  if ([...up, ...down].every(({ w }) => w === 0)) return [...told, "It is 0 everywhere: nothing is learned."];
  if (!up.some(({ w }) => w > 0)) told.push("It is never positive for A > 0: no right answer becomes more likely.");
  if (!down.some(({ w }) => w < 0)) told.push("It is never negative for A < 0: no wrong answer becomes less likely.");
  if (Math.max(...[...up, ...down].map(({ w }) => Math.abs(w)).filter(Number.isFinite)) > 1000)
    told.push("It grows beyond 1 000: one token can dominate a batch.");
  return told;
}

const FIRST = 0.2; // of a constant that has just appeared

/* By name: as they were, a new one at FIRST. Throws a FormulaError. */
export function constantsOf(formula, before = {}) {
  return Object.fromEntries(
    parse(formula).constants.map((name) => [name, Object.hasOwn(before, name) ? before[name] : FIRST]),
  );
}
