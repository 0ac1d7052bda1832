/* What the map says: settings made possible, the numbers at a point, and a verdict in words. No drawing here. */

import {
  P_MAX,
  P_MIN,
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
  ppoKept,
  probability,
  setting,
  spoken,
  fail,
  calm,
} from "../parts/common.js";
import { textOf } from "../parts/address.js";

/* A method of the map: its name, hue and dash, what it measures, the edge of its region and whether it keeps. */
export const METHODS = {
  ppo: {
    name: "PPO-clip",
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
  { key: "rare", old_p: 1e-5, new_p: 1e-3, sign: 1, name: "rare token", short: "rare", text: "10⁻⁵ → 10⁻³" },
  { key: "likely", old_p: 0.99, new_p: 0.8, sign: -1, name: "likely token", short: "likely", text: "0.99 → 0.80" },
  { key: "first", old_p: 0.3, new_p: 0.3, sign: 1, name: "first update", short: "first update", text: "0.30 → 0.30" },
];

const LIMITS = {
  eps_low: [0, 1, "1 − ε low is a bound on the ratio, and no ratio is negative", "the window must hold r = 1"],
  eps_high: [0, 1e7, "no ratio on this map exceeds 10⁷", "the window must hold r = 1"],
  delta_tv: [0, 1, "no two distributions are further apart than 1", "a distance is not negative"],
  delta_kl: [0, 17, "no move on this map costs more than 17 nats", "a divergence is not negative"],
  old_p: [P_MIN, P_MAX, "the map ends at 0.9999", "the map begins at 10⁻⁷: a token of probability 0 is never sampled"],
  new_p: [P_MIN, P_MAX, "the map ends at 0.9999", "the map begins at 10⁻⁷"],
};
const TITLES = {
  eps_low: "ε low",
  eps_high: "ε high",
  delta_tv: "δ TV",
  delta_kl: "δ KL",
  old_p: "old probability",
  new_p: "new probability",
};

const WHOLE = { update: 0, token: -1 };

const numberOf = (value) => (typeof value === "object" ? NaN : Number(value));
const cut = (value) => textOf(value).slice(0, 40); // an address may hold any number of letters

/* Settings as they came -> { state, notes }: what is impossible is clamped, and each clamp explained. A note is
   { key, value, text }: it stands for as long as the setting keeps the value that is shown instead. */
export function possible(raw, batch = null) {
  const state = { ...raw },
    notes = [];
  const note = (key, text) => notes.push({ key, value: state[key], text });
  for (const [key, [low, high, above, below]] of /** @type {[string, any[]][]} */ (Object.entries(LIMITS))) {
    const value = numberOf(raw[key]);
    if (raw[key] == null || Number.isNaN(value)) {
      state[key] = DEFAULTS[key];
      note(key, `${TITLES[key]}: ${cut(raw[key])} is no number; ${setting(state[key])} is shown.`);
      continue;
    }
    state[key] = clamp(value, low, high);
    if (state[key] !== value) {
      note(
        key,
        `${TITLES[key]} = ${value} is impossible: ${value > high ? above : below}. ${setting(state[key])} is shown.`,
      );
    }
  }
  if (raw.sign !== 1 && raw.sign !== -1) {
    state.sign = numberOf(raw.sign) < 0 ? -1 : 1;
    note(
      "sign",
      `An advantage of sign ${cut(raw.sign)} ${numberOf(raw.sign) === 0 ? "has no gradient" : "is read by its side of 0"}; ${state.sign > 0 ? "A > 0" : "A < 0"} is shown.`,
    );
  }
  if (raw.axes !== "linear" && raw.axes !== "logit") {
    state.axes = "logit";
    note("axes", `There are linear and logit axes, no "${cut(raw.axes)}" ones; logit is shown.`);
  }
  for (const [key, least] of Object.entries(WHOLE)) {
    const most = batch ? (key === "update" ? batch.updates : batch.tokens).length - 1 : least;
    state[key] = clamp(Math.round(numberOf(raw[key]) || 0), least, most);
    if (state[key] !== raw[key])
      note(
        key,
        `${key} ${cut(raw[key])} is not in this batch: ${batch ? `it has ${least} to ${most}` : "there is none"}.`,
      );
  }
  const known = (Array.isArray(raw.show) ? raw.show : []).filter((key) => key in METHODS);
  state.show = Object.keys(METHODS).filter((key) => known.includes(key));
  if (state.show.length === 0) {
    state.show = ["ppo"];
    note("show", "A map without a method says nothing; PPO-clip stays.");
  }
  return { state, notes };
}

export const DEFAULTS = {
  eps_low: 0.2,
  eps_high: 0.2,
  delta_tv: 0.15,
  delta_kl: 0.05,
  sign: 1,
  axes: "logit",
  old_p: 1e-5,
  new_p: 1e-3,
  show: ["ppo"],
  ...WHOLE,
};

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
      "PPO-clip fails here: over-clipped",
      `The ratio ${number(r.ratio)} has left the window (${METHODS.ppo.test(state)}), so the gradient is gone, yet only ${moved}.${relief}`,
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
      "PPO-clip fails here: it does not see the move",
      `The ratio ${number(r.ratio)} is inside the window (${METHODS.ppo.test(state)}), so its gradient goes on, though ${moved}. ${names(stopping)} ${verb(stopping, "stops", "stop")} it.`,
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
    return calm("All clip it", `Past every threshold: ${moved}, and this token waits for the next batch.`);
  }
  return calm(
    `${names(r.keeps)} ${verb(r.keeps, "keeps", "keep")} it, ${names(r.silences)} ${verb(r.silences, "clips", "clip")} it`,
    divergences.length === 2 && r.kept.dppo_tv !== r.kept.dppo_kl
      ? `TV counts the probability that moved (${number(r.tv)}); KL also counts how surprising the move is to the old policy (${number(r.kl)} nats).`
      : `The ratio is ${number(r.ratio)}; ${moved}.`,
  );
}

function homeward(state, r, weight) {
  if (r.ratio > HEAVY) {
    return fail(
      "All keep it, and its weight explodes",
      `The update pulls p back towards q, and no region forbids that. But its weight is ${weight} times A, so one token outweighs a whole batch. Dual clip and DPPO's cap on the ratio are for this.`,
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

/* The same for a screen reader, in one breath. */
export function aloud(state, r, { title, text }) {
  const who = state.show.map((key) => `${METHODS[key].name} ${r.kept[key] ? "keeps" : "clips"}`).join(", ");
  return (
    `Old probability ${spoken(r.q)}, new ${spoken(r.p)}: ratio ${number(r.ratio)}, total variation ${number(r.tv)}, ` +
    `KL ${number(r.kl)} nats. ${who}. ${title}. ${text}`
  );
}

export const move = (q, p) => `${probability(q)} → ${probability(p)}`;
