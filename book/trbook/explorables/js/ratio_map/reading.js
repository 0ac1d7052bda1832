/* What the map says: the numbers at a point, and a verdict in words. No drawing here. */

import {
  IDEAS,
  binaryKl,
  binaryTv,
  clamp,
  dashOf,
  dppoKlEdge,
  dppoKlKept,
  dppoTvEdge,
  dppoTvKept,
  hueOf,
  number,
  percent,
  ppoEdge,
  probability,
  ppoKept,
  setting,
  fail,
  calm,
} from "../parts/common.js";

/* A method of the map: its name, hue and dash, what it measures, the edge of its region and whether it keeps. */
export const METHODS = {
  ppo: {
    name: IDEAS.clip.name,
    hue: hueOf("ppo"),
    dash: dashOf("ppo"),
    hatch: 45,
    kept: (q, p, s) => ppoKept(p / q, s.sign, s.eps_low, s.eps_high),
    edge: (q, s) => ppoEdge(q, s.sign, s.eps_low, s.eps_high),
    limit: (s) => (s.sign > 0 ? 1 + s.eps_high : 1 - s.eps_low),
    test: (s) => (s.sign > 0 ? `r ≤ ${setting(1 + s.eps_high)}` : `r ≥ ${setting(1 - s.eps_low)}`),
    measured: (r) => `r = ${number(r.ratio)}`,
  },
  dppo_tv: {
    name: "DPPO-TV",
    hue: hueOf("dppo"),
    dash: dashOf("dppo"),
    hatch: -45,
    kept: (q, p, s) => dppoTvKept(q, p, s.sign, s.delta_tv),
    edge: (q, s) => dppoTvEdge(q, s.sign, s.delta_tv),
    test: (s) => (s.sign > 0 ? `p − q ≤ ${setting(s.delta_tv)}` : `q − p ≤ ${setting(s.delta_tv)}`),
    measured: (r) => `TV = ${number(r.tv)}`,
  },
  dppo_kl: {
    name: "DPPO-KL",
    hue: hueOf("dppo_kl"),
    dash: dashOf("dppo_kl"),
    hatch: 0,
    kept: (q, p, s) => dppoKlKept(q, p, s.sign, s.delta_kl),
    edge: (q, s) => dppoKlEdge(q, s.sign, s.delta_kl),
    test: (s) => `KL(q‖p) ≤ ${setting(s.delta_kl)}`,
    measured: (r) => `KL = ${number(r.kl)}`,
  },
};

export const LANDMARKS = [
  {
    old_p: 1e-5,
    new_p: 1e-3,
    sign: 1,
    name: "rare token",
    short: "rare",
    text: "What to notice: the probability has grown a hundredfold, and a thousandth has moved. A rule on the ratio and one on the distance see two different things.",
  },
  {
    old_p: 0.99,
    new_p: 0.8,
    sign: -1,
    name: "likely token",
    short: "likely",
    text: "What to notice: a fifth of the probability has moved, and the ratio is still near 1. Drag the dot down until the clip acts.",
  },
  {
    old_p: 0.3,
    new_p: 0.3,
    sign: 1,
    name: "first update",
    short: "first update",
    text: "What to notice: on the first update of a batch every token lies on the diagonal, and every rule keeps it.",
  },
];

/* Everything the map knows of the move q -> p. */
export function read(state, q, p) {
  const kept = Object.fromEntries(state.show.map((key) => [key, METHODS[key].kept(q, p, state)]));
  return {
    q,
    p,
    ratio: p / q,
    tv: binaryTv(Math.log(q), Math.log(p)),
    kl: binaryKl(Math.log(q), Math.log(p)),
    kept,
    outward: state.sign > 0 ? p > q : p < q,
    keeps: state.show.filter((key) => kept[key]),
    silences: state.show.filter((key) => !kept[key]),
  };
}

const names = (keys) => keys.map((key) => METHODS[key].name).join(" and ");
const verb = (keys, one, many) => (keys.length === 1 ? one : many);
/* What keeping costs: the weight of a kept token is its ratio. */
const price = (r) =>
  r.ratio > HEAVY
    ? `, at a price: its weight is ${number(r.ratio)} A, as much as ${number(r.ratio)} tokens of ratio 1, unless a cap on the ratio bounds it`
    : "";
const HARMLESS = 0.01,
  LARGE = 0.15,
  HEAVY = 20;

/* The verdict: { tone: "fail" | "calm", title, text }. "fail" where a method does what a trust region must not. */
export function verdict(state, r) {
  const moved = `${percent(r.tv)} of the probability moved`;
  const weight = `r = ${number(r.ratio)}`;
  const clip = "ppo" in r.kept,
    divergences = state.show.filter((key) => key !== "ppo");
  if (!r.outward) return homeward(state, r, weight);
  if (clip && !r.kept.ppo && r.tv < HARMLESS) {
    const others = divergences.filter((key) => r.kept[key]);
    const relief = others.length ? ` ${names(others)} ${verb(others, "keeps", "keep")} it${price(r)}.` : "";
    return fail(
      "PPO's clip fails here: over-clipped",
      `The ratio has left the window (${METHODS.ppo.test(state)}), so the gradient is 0, yet only ${moved}.${relief}`,
    );
  }
  const tight = divergences.filter((key) => !r.kept[key] && r.tv < HARMLESS);
  if (tight.length) {
    return fail(
      `${names(tight)} ${verb(tight, "fails", "fail")} here: the radius is too small`,
      `Only ${moved}, and the token is already clipped. The radius allows it almost no move at all.`,
    );
  }
  const stopping = divergences.filter((key) => !r.kept[key]);
  if (clip && r.kept.ppo && stopping.length) {
    return fail(
      "PPO's clip fails here: it does not see the move",
      `The ratio is inside the window (${METHODS.ppo.test(state)}), so its gradient goes on, though ${moved}. ${names(stopping)} ${verb(stopping, "stops", "stop")} it.`,
    );
  }
  if (r.silences.length === 0 && r.tv > LARGE) {
    return fail(
      "No method shown stops this",
      `Already ${moved}, and every trust region still lets the update go on. The thresholds are too wide for this token.`,
    );
  }
  if (r.silences.length === 0) {
    const heavy = r.ratio > HEAVY ? " A weight this large is why DPPO truncates the ratio at a cap." : "";
    return calm("All keep it", `Inside every region: the update goes on, with weight ${number(r.ratio)} A.${heavy}`);
  }
  if (r.keeps.length === 0) {
    return calm("All clip it", `Past every threshold: ${moved}, and this token has no gradient until the next batch.`);
  }
  return calm(
    `${names(r.keeps)} ${verb(r.keeps, "keeps", "keep")} it, ${names(r.silences)} ${verb(r.silences, "clips", "clip")} it`,
    divergences.length === 2 && r.kept.dppo_tv !== r.kept.dppo_kl
      ? `TV counts the probability that moved (${number(r.tv)}); KL also counts how surprising the move is to the old policy (${number(r.kl)} nats).`
      : `The ratio is ${number(r.ratio)}; ${moved}.`,
  );
}

/* In numbers: where each rule would stop a token that was as probable as this one. */
export function stops(state) {
  const q = state.old_p,
    grows = state.sign > 0,
    at = (key) => clamp(METHODS[key].edge(q, state), 0, 1),
    [clip, tv] = ["ppo", "dppo_tv"].map(at),
    times = grows ? (tv - q) / (clip - q) : (q - tv) / (q - clip);
  const further =
    times > 1.5 ? `${number(times)} times as far` : times < 0.7 ? `${number(1 / times)} times sooner` : "as far";
  return calm(
    `PPO's clip stops ${grows ? "its growth" : "its fall"} at ${probability(clip)}, DPPO-TV at ${probability(tv)}`,
    `The token was at ${probability(q)}. PPO's limit is a share of the token's own probability, DPPO-TV's a share of all there is: it lets this token move ${further}.`,
  );
}

function homeward(state, r, weight) {
  if (r.ratio > HEAVY) {
    return fail(
      "All keep it, and its weight explodes",
      `The update moves p back towards q, and no region forbids that. But its weight is ${weight} times A, so one token outweighs a whole batch. Dual clip and DPPO's cap on the ratio are for this.`,
    );
  }
  const same = Math.abs(Math.log(r.ratio)) < 1e-9;
  return calm(
    same ? "This token has not moved: nothing clips it" : "All keep it: the way back is free",
    same
      ? "Its ratio is exactly 1, as that of every token is on the first update of a batch. That is why a clip ratio of 0 is no error."
      : `With A ${state.sign > 0 ? "> 0" : "< 0"} the update brings p back towards q. A trust region never forbids that.`,
  );
}
