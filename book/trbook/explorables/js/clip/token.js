/* Objective and gradient weight of one token against its ratio. */

import {
  IDEAS,
  curves,
  dots,
  ticksOf,
  upright,
  clamp,
  called,
  dashOf,
  drawing,
  hueOf,
  linearScale,
  number,
  percent,
  probability,
  stroke,
  fail,
  calm,
} from "../parts/common.js";
import { WEIGHTS, WITH_OBJECTIVE, constantsOf, judge } from "./lines.js";
import css from "./style.css";

export const style = css;

const MOST = 5,
  STEPS = 300;
const NAMED = {
  ppo: IDEAS.clip.name,
  plain: IDEAS.none.name,
  dual: "dual clip",
  penalty: called("ppo_penalty"),
  dppo_tv: "DPPO-TV",
  dppo_kl: "DPPO-KL",
  quatro: "QUATRO, derived",
};
/** @type {Record<string, { name: string, hue: string, dash: string, constants: string[] }>} */
const METHODS = Object.fromEntries(
  Object.keys(WEIGHTS).map((key) => [
    key,
    { name: NAMED[key] ?? called(key), hue: hueOf(key), dash: dashOf(key), constants: constantsOf(key) },
  ]),
);
const nameOf = (key) => METHODS[key].name.split(",")[0];
const WIDTHS = [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.28, 0.3, 0.4, 0.5, 0.7, 0.9, 1],
  NARROW = [0, 1e-4, 4e-4, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 1],
  HEAT = [0.1, 0.2, 0.5, 1, 1.05, 1.5, 2, 3, 5, 10],
  NEAR = [0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1],
  PRICE = [0, 0.1, 0.2, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10];
const NO_RATIO = "1 − ε bounds a ratio, and no ratio is negative.",
  NO_WIDTH = "a window has no negative width.",
  NO_HEAT = "a gate needs a temperature above 0.",
  NO_PRICE = "a negative weight would reward distance.";
/* By constant: its label, how it is spoken, rungs, what bounds it and the bounds, where they are not the rungs'. */
/** @type {Record<string, [string, string, number[], string, object?]>} */
const CONSTANTS = {
  eps_low: ["ε low", "epsilon low of PPO, dual clip and CISPO", WIDTHS, NO_RATIO],
  eps_high: ["ε high", "epsilon high of PPO, dual clip and CISPO", [...WIDTHS, 1.5, 2, 3, 4], NO_WIDTH, { high: 1000 }],
  dual_clip: [
    "c, dual",
    "dual clip c",
    [1.1, 1.5, 2, 2.5, 3, 3.5, 4, 5],
    "dual clip begins above a ratio of 1.",
    { low: 1.01, high: 1000 },
  ],
  beta: ["β", "weight of the KL penalty", PRICE, NO_PRICE, { high: 1000 }],
  eps_seq: ["ε, GSPO", "epsilon of GSPO, both sides", NARROW, NO_RATIO],
  tau_pos: ["τ, A > 0", "temperature of SAPO where A is positive", HEAT, NO_HEAT, { low: 0.01, high: 100 }],
  tau_neg: ["τ, A < 0", "temperature of SAPO where A is negative", HEAT, NO_HEAT, { low: 0.01, high: 100 }],
  eps_log: ["ε, GMPO", "epsilon of GMPO, on the log-ratio", [...WIDTHS, 1.5], NO_WIDTH, { high: 100 }],
  alpha: [
    "α, PSPO",
    "alpha of PSPO, the old policy's share",
    WIDTHS.slice(0, -1),
    "with α = 1 only the old policy is left, and nothing is learned.",
    { high: 0.99 },
  ],
  delta_tv: [
    "δ TV",
    "delta of DPPO-TV",
    NEAR,
    "no two distributions are further apart than 1, and none nearer than 0.",
  ],
  delta_kl: ["δ KL", "delta of DPPO-KL, in nats", NEAR, "a divergence is not negative.", { high: 100 }],
  multiplier: ["λ, QUATRO", "multiplier of QUATRO", PRICE, NO_PRICE, { high: 100 }],
};
const sliders = Object.fromEntries(
  Object.entries(CONSTANTS).map(([key, [label, spoken, rungs, why, more]]) => [
    key,
    {
      ...{ label, spoken, rungs, why, ...more },
      shown: (s) => s.show.some((method) => METHODS[method].constants.includes(key)),
    },
  ]),
);

export const settings = {
  sign: {
    fold: true,
    legend: "Sign of the advantage",
    choices: [
      [1, "A = +1 ↑", "increase p"],
      [-1, "A = −1 ↓", "decrease p"],
    ],
  },
  show: {
    legend: "Methods, at most four",
    ticks: ticksOf(METHODS),
    others: "other methods",
    alias: { pg_is: "plain", dual_clip: "dual", kl_penalty: "penalty" },
    most: 4,
  },
  old_p: {
    fold: true,
    label: "old π(y)",
    spoken: "old probability of the token, when it was sampled",
    write: probability,
    rungs: [1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 0.99],
    why: "a token of probability 0 is never sampled, and one of probability 1 cannot move.",
  },
  ...sliders,
  ratio: { label: "r", low: 0, high: MOST },
};

export function limit(s) {
  const highest = 1 / s.old_p;
  return s.ratio > highest
    ? [
        [
          "ratio",
          highest,
          `r = ${number(s.ratio)} would make the new probability larger than 1; from an old one of ${probability(s.old_p)} the ratio ends at ${number(highest)}.`,
        ],
      ]
    : [];
}

export function read(s) {
  const found = Object.fromEntries(s.show.map((key) => [key, judge(key, s)(s.ratio)])),
    at = Object.fromEntries(s.show.map((key) => [key, found[key].weight]));
  const moved = Math.abs(s.ratio - 1) * s.old_p;
  const facts = [
    ["from old to new π(y)", `${probability(s.old_p)} → ${probability(s.ratio * s.old_p)}`],
    ["probability moved", percent(moved)],
    ...s.show.map((key) => [`w, ${nameOf(key)}`, number(at[key]), METHODS[key].hue, METHODS[key].dash]),
  ];
  return { found, facts, verdict: verdict(s, at, moved) };
}

const list = (keys) => keys.map(nameOf).join(keys.length > 2 ? ", " : " and ");

/* The most telling of what the shown methods do here. */
function verdict(s, at, moved) {
  const back = s.show.filter((key) => at[key] * s.sign < 0),
    silent = s.show.filter((key) => at[key] === 0);
  const pushing = s.show.filter((key) => at[key] * s.sign > 0),
    outward = s.sign * (s.ratio - 1) > 0;
  if (s.ratio === 0 && silent.length) return gone(s, silent);
  const heavy = pushing.filter((key) => Math.abs(at[key]) > 2 && s.sign < 0);
  if (heavy.length) {
    const bounded = s.show.filter((key) => !heavy.includes(key));
    return fail(
      `${list(heavy)}: the weight grows with the ratio`,
      `A token with A < 0 that has become ${number(s.ratio)} times as likely has ${number(Math.abs(at[heavy[0]]))} times the weight that it has at r = 1: one such token can dominate a batch.${bounded.length ? ` ${list(bounded)} ${bounded.length === 1 ? "bounds" : "bound"} it.` : ""}`,
    );
  }
  if (silent.length && moved < 0.01 && outward) {
    return fail(
      `${list(silent)}: zero gradient although hardly anything moved`,
      `The ratio is ${number(s.ratio)}, but only ${percent(moved)} of the probability has moved.${pushing.length ? ` ${list(pushing)} still ${pushing.length === 1 ? "has a gradient" : "have gradients"}.` : ""}`,
    );
  }
  if (pushing.length && outward && moved > 0.15) {
    return fail(
      `${list(pushing)}: still a gradient, though ${percent(moved)} of the probability moved`,
      `${silent.length ? `${list(silent)} ${silent.length === 1 ? "has" : "have"} zero gradient here. ` : ""}${back.length ? `${list(back)} ${back.length === 1 ? "has" : "have"} a gradient that brings it back. ` : ""}A weight that looks at the ratio alone does not know how likely the token was.`,
    );
  }
  if (back.length)
    return calm(
      `${list(back)}: the gradient has changed its sign`,
      `The token has moved further than this method allows, and its gradient now brings it back.${silent.length ? ` ${list(silent)} only ${silent.length === 1 ? "has" : "have"} zero gradient.` : ""}`,
    );
  if (silent.length)
    return calm(
      `${list(silent)}: zero gradient`,
      "The objective is flat, at the edge of the region and beyond it, so the weight is exactly 0. The gradients of other tokens may have moved this one there; its own gradient does not bring it back.",
    );
  return calm(
    outward ? "All keep their gradient" : "All have a gradient: nothing clips the way back",
    outward
      ? "Inside every region that is shown. Near r = 1 the methods agree; they differ in how they leave it."
      : "The token has moved against its advantage. PPO takes the smaller of its two terms, the unclipped one: no method forbids the way back.",
  );
}

/* At probability 0 a weight with the ratio as a factor is 0 whatever the region is. */
const gone = (s, silent) =>
  calm(
    `${list(silent)}: no weight at r = 0`,
    s.sign > 0
      ? "The weight has r as a factor, and r is 0. That is no trust region: anywhere above 0 the gradient increases the token again, the more weakly the rarer it has become."
      : "The weight has r as a factor, and r is 0: the token has no probability left to lose.",
  );

/* Ratios to draw a method's curves at: a grid, and close on both sides of where its weight becomes 0. */
function points(judged, end) {
  const grid = Array.from({ length: STEPS + 1 }, (_, i) => (end * i) / STEPS),
    silent = (r) => judged(r).weight === 0;
  const edges = grid.slice(2).flatMap((high, i) => {
    let low = grid[i + 1];
    const before = silent(low);
    if (silent(high) === before) return [];
    while (high - low > 1e-9) {
      const middle = (low + high) / 2;
      if (silent(middle) === before) low = middle;
      else high = middle;
    }
    return [low, high];
  });
  return [...grid, ...edges].sort((a, b) => a - b);
}

/* The objective where every method that is shown has one, and the weight always. */
export function board() {
  const picture = drawing(),
    panels = ["objective", "weight"].map((part) => drawn(picture.panel(), part));
  const [above, below] = panels,
    ring = below.panel.inside.append("circle").attr("class", "ring").attr("r", 7);
  const both = (s) => s.show.every((key) => WITH_OBJECTIVE.includes(key));
  return {
    node: picture.node,
    height: (width, s) => (both(s) ? (width < 480 ? 320 : 420) : width < 480 ? 270 : 320),
    draw(s, { found }, { width, height }) {
      picture.size(width, height);
      above.show(both(s));
      const top = both(s) ? height / 2 - 10 : 0;
      if (both(s)) above.draw(s, found, { width, height: top });
      below.draw(s, found, { top, width, height: height - top });
      ring.attr("cx", below.place(s.ratio).x - below.place(0).x).attr("cy", below.place(0).y - below.place(0).top);
    },
    ratioAt: (pixel) => below.ratioAt(pixel),
    placeOf: (ratio) => below.place(ratio),
  };
}

const NAMES = { objective: "objective, to be maximised", weight: "gradient weight w" };

function drawn(panel, part) {
  const rule = panel.inside.append("path").attr("class", "rule dotted"),
    cursor = panel.inside.append("path").attr("class", "rule"),
    lines = panel.clipped.append("g"),
    spots = panel.inside.append("g"),
    last = part === "weight";
  let x = null,
    box = null;
  return {
    panel,
    show: (on) => panel.inside.node().parentNode.toggleAttribute("hidden", !on),
    ratioAt: (pixel) => clamp(x.invert(pixel - box.left), 0, MOST),
    place: (ratio) => ({ x: box.left + x(ratio), y: box.top + box.height, top: box.top }),
    draw(s, found, { top = 0, width, height }) {
      box = panel.place({ top, width, height, ...(last ? {} : { margin: { bottom: 22 } }) });
      x = linearScale([0, MOST], [0, box.width], 5);
      const least = last ? 2 : 1,
        y = linearScale(s.sign > 0 ? [-least, 4] : [-4, least], [box.height, 0], 5),
        low = y.invert(box.height) - 2,
        high = y.invert(0) + 2,
        end = Math.min(MOST, 1 / s.old_p);
      panel.scales(x, y);
      panel.titles(last ? "ratio r = new π(y) / old π(y)" : "", NAMES[part]);
      rule.attr("d", `M${x(1)},0V${box.height}M0,${y(0)}H${box.width}`);
      curves(lines, s.show, METHODS, (key) => {
        const judged = judge(key, s);
        return stroke(points(judged, end).map((r) => [x(r), y(clamp(judged(r)[part], low, high))]));
      });
      dots(spots, s.show, METHODS, x(s.ratio), (key) => y(clamp(found[key][part], y.invert(box.height), y.invert(0))));
      cursor.attr("d", upright(x(s.ratio), box.height));
    },
  };
}

export const handles = (s, reading, size, data, shown) => [
  {
    label: "Ratio",
    words: number(s.ratio),
    ...shown.placeOf(s.ratio),
    move: (x) => ({ ratio: Number(shown.ratioAt(x).toFixed(3)) }),
  },
];
