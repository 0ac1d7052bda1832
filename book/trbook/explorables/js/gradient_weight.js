/* gradient_weight: how hard every method pushes one sampled token, against its ratio. */

import {
  bench,
  clamp,
  dppoKlEdge,
  drawing,
  linearScale,
  number,
  percent,
  probability,
  stroke,
} from "./parts/common.js";
import { WEIGHTS } from "./gradient_weight/maths.js";
import style from "./gradient_weight/style.css";

const MOST = 5,
  STEPS = 300;
/* By name: [name, hue, dash, the settings that shape it]. */
const METHODS = {
  reinforce: ["REINFORCE", "var(--h0)", "8 3 2 3", []],
  pg_is: ["no region", "var(--h0)", "2 3", []],
  ppo: ["PPO, GRPO", "var(--h1)", "", ["eps_low", "eps_high"]],
  dual_clip: ["dual clip", "var(--h2)", "7 3", ["eps_low", "eps_high", "dual_clip"]],
  kl_penalty: ["KL penalty", "var(--h7)", "8 3 2 3", ["beta"]],
  gspo: ["GSPO", "var(--h2)", "2 2", ["eps_seq"]],
  cispo: ["CISPO", "var(--h5)", "7 3", ["eps_low", "eps_high"]],
  sapo: ["SAPO", "var(--h3)", "6 2 2 2", ["tau_pos", "tau_neg"]],
  gmpo: ["GMPO", "var(--h4)", "10 3", ["eps_log"]],
  pspo: ["PSPO", "var(--h6)", "3 3", ["alpha"]],
  dppo_tv: ["DPPO-TV", "var(--h5)", "", ["delta_tv"]],
  dppo_kl: ["DPPO-KL", "var(--h7)", "2.5 3.5", ["delta_kl"]],
  quatro: ["QUATRO, derived", "var(--h6)", "", ["multiplier"]],
};
const nameOf = (key) => METHODS[key][0].split(",")[0];
const shapes = (key) => (s) => s.show.some((method) => METHODS[method][3].includes(key));
const slider = (key, label, spoken, rungs, low, high, why, more = {}) => ({
  label,
  spoken,
  rungs,
  low,
  high,
  why,
  shown: shapes(key),
  ...more,
});
const WIDTHS = [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.28, 0.3, 0.4, 0.5, 0.7, 0.9, 1];

const settings = {
  sign: {
    legend: "Sign of the advantage",
    choices: [
      [1, "A = +1 ↑", "push up"],
      [-1, "A = −1 ↓", "push down"],
    ],
  },
  show: {
    legend: "Methods, at most four",
    ticks: Object.entries(METHODS).map(([key, [name, hue, dash]]) => [key, name, hue, dash]),
    most: 4,
  },
  old_p: {
    label: "q",
    spoken: "probability q of the token when it was sampled",
    low: 1e-6,
    high: 0.99,
    write: probability,
    rungs: [1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 0.99],
    why: "a token of probability 0 is never sampled, and one of probability 1 cannot move.",
  },
  eps_low: slider(
    "eps_low",
    "ε low",
    "epsilon low of PPO, dual clip and CISPO",
    WIDTHS,
    0,
    1,
    "1 − ε low bounds a ratio, and no ratio is negative.",
  ),
  eps_high: slider(
    "eps_high",
    "ε high",
    "epsilon high of PPO, dual clip and CISPO",
    [...WIDTHS, 1.5, 2, 3, 4],
    0,
    1000,
    "a window has no negative width.",
  ),
  dual_clip: slider(
    "dual_clip",
    "c, dual",
    "dual clip c",
    [1.1, 1.5, 2, 2.5, 3, 3.5, 4, 5],
    1.01,
    1000,
    "dual clip begins above a ratio of 1.",
  ),
  beta: slider(
    "beta",
    "β",
    "weight of the KL penalty",
    [0, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    0,
    1000,
    "a negative weight would reward distance.",
  ),
  eps_seq: slider(
    "eps_seq",
    "ε, GSPO",
    "epsilon of GSPO, both sides",
    [0, 1e-4, 4e-4, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 1],
    0,
    1,
    "1 − ε bounds a ratio, and no ratio is negative.",
  ),
  tau_pos: slider(
    "tau_pos",
    "τ, A > 0",
    "temperature of SAPO where A is positive",
    [0.1, 0.2, 0.5, 1, 1.5, 2, 3, 5, 10],
    0.01,
    100,
    "a gate needs a temperature above 0.",
    { shown: (s) => s.sign > 0 && s.show.includes("sapo") },
  ),
  tau_neg: slider(
    "tau_neg",
    "τ, A < 0",
    "temperature of SAPO where A is negative",
    [0.1, 0.2, 0.5, 1, 1.05, 1.5, 2, 3, 5, 10],
    0.01,
    100,
    "a gate needs a temperature above 0.",
    { shown: (s) => s.sign < 0 && s.show.includes("sapo") },
  ),
  eps_log: slider(
    "eps_log",
    "ε, GMPO",
    "epsilon of GMPO, on the log-ratio",
    [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5],
    0,
    100,
    "a window has no negative width.",
  ),
  alpha: slider(
    "alpha",
    "α, PSPO",
    "alpha of PSPO, the old policy's share",
    [0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9],
    0,
    0.99,
    "with α = 1 only the old policy is left, and nothing is learned.",
  ),
  delta_tv: slider(
    "delta_tv",
    "δ TV",
    "delta of DPPO-TV",
    [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1],
    0,
    1,
    "no two distributions are further apart than 1, and none nearer than 0.",
  ),
  delta_kl: slider(
    "delta_kl",
    "δ KL",
    "delta of DPPO-KL, in nats",
    [0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
    0,
    100,
    "a divergence is not negative.",
  ),
  multiplier: slider(
    "multiplier",
    "λ, QUATRO",
    "multiplier of QUATRO",
    [0, 0.1, 0.2, 0.5, 0.7, 1, 1.5, 2, 3],
    0,
    100,
    "a multiplier is not negative.",
  ),
  ratio: { label: "r", low: 0.02, high: MOST },
};

const ends = (q) => Math.min(MOST, 0.999 / q);

function limit(s) {
  const highest = ends(s.old_p);
  return s.ratio > highest
    ? [
        [
          "ratio",
          highest,
          `r = ${number(s.ratio)} would make the new probability larger than 1; with q = ${probability(s.old_p)} the ratio ends at ${number(highest)}.`,
        ],
      ]
    : [];
}

function read(s) {
  const at = Object.fromEntries(s.show.map((key) => [key, WEIGHTS[key](s.ratio, s.old_p, s.sign, s)]));
  const moved = Math.abs(s.ratio - 1) * s.old_p;
  const facts = [
    ["ratio r = p/q", number(s.ratio)],
    ["from q to p", `${probability(s.old_p)} → ${probability(s.ratio * s.old_p)}`],
    ["probability moved", percent(moved)],
    ...s.show.map((key) => [`w, ${nameOf(key)}`, number(at[key])]),
  ];
  return { at, facts, verdict: verdict(s, at, moved) };
}

const list = (keys) => keys.map(nameOf).join(keys.length > 2 ? ", " : " and ");

/* The most telling of what the shown methods do here. */
function verdict(s, at, moved) {
  const back = s.show.filter((key) => at[key] * s.sign < 0),
    silent = s.show.filter((key) => at[key] === 0);
  const pushing = s.show.filter((key) => at[key] * s.sign > 0),
    outward = s.sign * (s.ratio - 1) > 0;
  const heavy = pushing.filter((key) => Math.abs(at[key]) > 2 && s.sign < 0);
  if (heavy.length) {
    const bounded = s.show.filter((key) => !heavy.includes(key));
    return {
      tone: "fail",
      title: `${list(heavy)}: the push grows with the ratio`,
      text: `A token with A < 0 that has become ${number(s.ratio)} times as likely is pushed down ${number(Math.abs(at[heavy[0]]))} times as hard as at r = 1: one such token can rule a batch.${bounded.length ? ` ${list(bounded)} ${bounded.length === 1 ? "bounds" : "bound"} it.` : ""}`,
    };
  }
  if (silent.length && moved < 0.01 && outward) {
    return {
      tone: "fail",
      title: `${list(silent)}: silent although hardly anything moved`,
      text: `The ratio is ${number(s.ratio)}, but only ${percent(moved)} of the probability has moved.${pushing.length ? ` ${list(pushing)} still push${pushing.length === 1 ? "es" : ""}.` : ""}`,
    };
  }
  if (pushing.length && outward && moved > 0.15) {
    return {
      tone: "fail",
      title: `${list(pushing)}: still pushing, though ${percent(moved)} of the probability moved`,
      text: `${silent.length ? `${list(silent)} ${silent.length === 1 ? "is" : "are"} silent here. ` : ""}${back.length ? `${list(back)} ${back.length === 1 ? "pulls" : "pull"} back. ` : ""}A weight that looks at the ratio alone does not know how likely the token was.`,
    };
  }
  if (back.length)
    return {
      tone: "calm",
      title: `${list(back)}: pulling back`,
      text: `The weight has changed its sign: the token has gone further than this method wants, and its gradient brings it home.${silent.length ? ` ${list(silent)} only let${silent.length === 1 ? "s" : ""} go.` : ""}`,
    };
  if (silent.length)
    return {
      tone: "calm",
      title: `${list(silent)}: silent`,
      text: "The weight is exactly 0: this token no longer pushes, and nothing pulls it back either.",
    };
  return {
    tone: "calm",
    title: outward ? "All push on" : "All push: the way home is free",
    text: outward
      ? "Inside every region that is shown. Near r = 1 the methods agree; they differ in how they leave it."
      : "The token has moved against its advantage, and no method forbids the way back.",
  };
}

/* Where a weight jumps: the ratios at which some method falls silent. */
function jumps(s) {
  const q = s.old_p;
  return [
    1 - s.eps_low,
    1 + s.eps_high,
    s.dual_clip,
    1 - s.eps_seq,
    1 + s.eps_seq,
    Math.exp(s.eps_log),
    Math.exp(-s.eps_log),
    1 + s.delta_tv / q,
    1 - s.delta_tv / q,
    dppoKlEdge(q, s.sign, s.delta_kl) / q,
  ];
}

function board() {
  const picture = drawing(),
    panel = picture.panel();
  const rule = panel.inside.append("path").attr("class", "rule dotted"),
    cursor = panel.inside.append("path").attr("class", "rule");
  const lines = panel.clipped.append("g"),
    dots = panel.inside.append("g"),
    ring = panel.inside.append("circle").attr("class", "ring").attr("r", 7);
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 320 : 400),
    draw(s, { at }, { width, height }) {
      picture.size(width, height);
      const end = ends(s.old_p),
        box = panel.place({ top: 0, width, height });
      const x = linearScale([0, MOST], [0, box.width], 5),
        y = linearScale(s.sign > 0 ? [-2, 4] : [-4, 2], [box.height, 0], 6);
      panel.scales(x, y);
      panel.titles("ratio r = p/q", "gradient weight w");
      const grid = Array.from({ length: STEPS + 1 }, (_, i) => 0.001 + ((end - 0.001) * i) / STEPS);
      const edges = jumps(s)
        .flatMap((edge) => [edge - 1e-9, edge + 1e-9])
        .filter((edge) => edge > 0.001 && edge < end);
      const xs = [...grid, ...edges].sort((a, b) => a - b),
        low = y.invert(box.height) - 2,
        high = y.invert(0) + 2;
      rule.attr("d", `M${x(1)},0V${box.height}M0,${y(0)}H${box.width}`);
      lines
        .selectAll("path")
        .data(s.show, (key) => key)
        .join("path")
        .attr("class", "line")
        .attr("stroke", (key) => METHODS[key][1])
        .attr("stroke-dasharray", (key) => METHODS[key][2] || null)
        .attr("d", (key) => stroke(xs.map((r) => [x(r), y(clamp(WEIGHTS[key](r, s.old_p, s.sign, s), low, high))])));
      dots
        .selectAll("circle")
        .data(s.show, (key) => key)
        .join("circle")
        .attr("class", "dot")
        .attr("r", 5)
        .style("fill", (key) => METHODS[key][1])
        .attr("cx", x(s.ratio))
        .attr("cy", (key) => y(clamp(at[key], y.invert(box.height), y.invert(0))));
      cursor.attr("d", `M${x(s.ratio).toFixed(1)},0V${box.height}`);
      ring.attr("cx", x(s.ratio)).attr("cy", box.height);
      Object.assign(panel, { x, box });
    },
    ratioAt: (pixel) => clamp(panel.x.invert(pixel - panel.box.left), 0.02, MOST),
    placeOf: (ratio) => ({ x: panel.box.left + panel.x(ratio), y: panel.box.top + panel.box.height }),
  };
}

export default bench({
  name: "gradient_weight",
  title: "Gradient weight of one token against its ratio, method by method",
  style,
  settings,
  limit,
  read,
  board,
  hint: "Drag the ring, or anywhere with a mouse, to move the ratio.",
  presets: [
    {
      name: "make it fail: bad token, grown",
      state: { sign: -1, ratio: 4, old_p: 0.05, show: ["ppo", "dual_clip", "cispo", "sapo"], dual_clip: 3 },
      text: "What to notice: PPO's weight has no lower end. Dual clip cuts it, CISPO holds it at −(1 + ε), SAPO lets it fade. Three answers to one hole.",
    },
    {
      name: "four ways to leave",
      state: { sign: 1, ratio: 3.2, old_p: 0.02, show: ["ppo", "cispo", "sapo", "quatro"], multiplier: 1 },
      text: "What to notice: all four agree at r = 1. Outside, PPO is silent, CISPO keeps pushing at its cap, SAPO fades without reaching 0, QUATRO changes its sign.",
    },
    {
      name: "likely token",
      state: { sign: -1, ratio: 0.81, old_p: 0.99, show: ["ppo", "dppo_tv", "dppo_kl"] },
      text: "What to notice: 19 % of the probability has moved, and PPO's ratio has not left its window. Now move q down: DPPO's edges run outward, PPO's stay.",
    },
    {
      name: "smoothed is scaled",
      state: { sign: 1, ratio: 2, old_p: 0.1, show: ["pg_is", "pspo"], alpha: 0.3 },
      text: "What to notice: PSPO's line is the line without a region, times 1 − α, at every ratio. AdamW divides such a factor out again.",
    },
  ],
  question: {
    text: "A token with A > 0 has grown from q = 0.02 to p = 0.06. Which of PPO, CISPO, SAPO and QUATRO (λ = 1) brings it back?",
    options: [
      ["none", "none: they stop or go on"],
      ["ppo", "PPO: that is what a clip is for"],
      ["quatro", "QUATRO alone"],
    ],
    right: "quatro",
    state: {
      sign: 1,
      ratio: 3,
      old_p: 0.02,
      show: ["ppo", "cispo", "sapo", "quatro"],
      multiplier: 1,
      eps_low: 0.2,
      eps_high: 0.2,
      tau_pos: 1,
    },
    why: "Its weight is r (A − λ log r): past log r = A/λ it turns negative. PPO's is 0, which lets go but does not pull; CISPO's and SAPO's still push.",
  },
  handles: (s, reading, size, data, shown) => [
    {
      key: "ratio",
      label: "Ratio",
      words: number(s.ratio),
      ...shown.placeOf(s.ratio),
      move: (x) => ({ ratio: Number(shown.ratioAt(x).toFixed(3)) }),
    },
  ],
});
