/* How each region is named, drawn and written, and which policies the triangle can show. No drawing here. */

import { clamp, dashOf, hueOf, isListOf, number, sum } from "../parts/common.js";

/* The radius that all regions are made from. */
export const DELTA = {
  label: "δ, nats",
  spoken: "radius delta, in nats",
  rungs: [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.125, 0.2, 0.3, 0.45, 0.7, 1, 1.4, 2],
  write: (value) => String(Number(value.toPrecision(3))),
  low: 1e-4,
  why: "a radius of 0 allows only the old policy, and above δ = 2 the TV radius √(δ/2) exceeds 1, further than any two policies are apart.",
};

const KL = { hue: hueOf("kl"), tick: "kl" };
export const LOOKS = {
  kl_old_new: { ...KL, name: "KL(old‖new)", short: "KL(old‖new)", formula: "Σ q log q/p", dash: dashOf("kl") },
  kl_new_old: { ...KL, name: "KL(new‖old)", short: "KL(new‖old)", formula: "Σ p log p/q", dash: "8 3 2 3" },
  chi2: { tick: "chi2", hue: hueOf("chi2"), name: "χ²", short: "χ²", formula: "Σ (p − q)²/q", dash: dashOf("chi2") },
  fisher: {
    tick: "fisher",
    hue: hueOf("fisher"),
    name: "Fisher, logits",
    short: "Fisher",
    formula: "½ Var log r",
    dash: dashOf("fisher"),
  },
  tv: { tick: "tv", hue: hueOf("tv"), name: "TV", short: "TV", formula: "½ Σ |p − q|", dash: dashOf("tv") },
  ratio: {
    tick: "ratio",
    hue: hueOf("ratio"),
    name: "ratio box",
    short: "ratio box",
    formula: "max |r − 1|",
    dash: dashOf("ratio"),
  },
  wasserstein: {
    tick: "wasserstein",
    hue: hueOf("wasserstein"),
    name: "Wasserstein",
    short: "Wasserstein",
    formula: "mass × places",
    dash: dashOf("wasserstein"),
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

export const checked = (value) => (isListOf(value, 3, 3) && sum(value) > 3 * LEAST ? value : undefined);

const H = Math.sqrt(3) / 2;
/* The triangle in the plane, sides of length 1: token 0 at the left, 1 at the top, 2 at the right. */
export const plane = ([, b, c]) => [c + b / 2, b * H];
export function policy([x, y]) {
  const b = clamp(y / H, -1, 2),
    c = x - b / 2;
  return [1 - b - c, b, c];
}
