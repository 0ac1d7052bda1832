/* How each region is named, drawn and written, and which policies the triangle can show. No drawing here. */

import { clamp, number, sum } from "../parts/common.js";

const KL = { hue: "var(--h7)", tick: "kl" };
export const LOOKS = {
  kl_old_new: { ...KL, name: "KL(old‖new)", short: "KL(old‖new)", formula: "Σ q log q/p", dash: "" },
  kl_new_old: { ...KL, name: "KL(new‖old)", short: "KL(new‖old)", formula: "Σ p log p/q", dash: "8 3 2 3" },
  chi2: { tick: "chi2", hue: "var(--h6)", name: "χ²", short: "χ²", formula: "Σ (p − q)²/q", dash: "7 3" },
  fisher: {
    tick: "fisher",
    hue: "var(--h4)",
    name: "Fisher, logits",
    short: "Fisher",
    formula: "½ Var log r",
    dash: "2 3",
  },
  tv: { tick: "tv", hue: "var(--h5)", name: "TV", short: "TV", formula: "½ Σ |p − q|", dash: "12 4" },
  ratio: { tick: "ratio", hue: "var(--h1)", name: "ratio box", short: "ratio box", formula: "max |r − 1|", dash: "" },
  wasserstein: {
    tick: "wasserstein",
    hue: "var(--h3)",
    name: "Wasserstein",
    short: "Wasserstein",
    formula: "mass × places",
    dash: "4 3",
  },
};
export const TICKS = ["kl", "chi2", "fisher", "tv", "ratio", "wasserstein"];

/* The regions that a state shows, in the order of the table. */
export const shownOf = (s) =>
  Object.keys(LOOKS).filter(
    (key) =>
      s.show.includes(LOOKS[key].tick) &&
      (LOOKS[key].tick !== "kl" || s.direction === "both" || key === `kl_${s.direction}`),
  );

/* A distance beside its radius: as many digits as are needed to tell them apart. */
export const amount = (value) =>
  number(value, { powers: 1e-4, decimals: (size) => (size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.01 ? 3 : 4) });

export const LEAST = 1e-4;

/* The nearest policy that the triangle shows, every share at least LEAST; one that is possible stays as it is. */
export function normal(p) {
  const above = p.map((share) => Math.max(share - LEAST, 0)),
    total = sum(above);
  if (p.every((share) => share >= LEAST) && Math.abs(sum(p) - 1) < 1e-9) return p;
  return above.map((share) => LEAST + ((1 - 3 * LEAST) * share) / total);
}

/* The same on the five digits that an address carries. */
export function rounded(p) {
  const [a, , c] = normal(p).map((share) => Number(share.toFixed(5)));
  return [a, Number((1 - a - c).toFixed(5)), c];
}

export const checked = (value) =>
  Array.isArray(value) &&
  value.length === 3 &&
  value.every((share) => typeof share === "number" && share >= 0 && share < Infinity) &&
  sum(value) > 3 * LEAST
    ? value
    : undefined;

const H = Math.sqrt(3) / 2;
/* The triangle in the plane, sides of length 1: token 0 at the left, 1 at the top, 2 at the right. */
export const plane = ([, b, c]) => [c + b / 2, b * H];
export function policy([x, y]) {
  const b = clamp(y / H, -1, 2),
    c = x - b / 2;
  return [1 - b - c, b, c];
}
