/* The methods that the engine trains by, with the settings and defaults of trlib.algorithms and trlib.relatives, and
   what each one needs of the loop. Left out: those that change the update box (TRPO), need a critic or an expert, and of the others the
   settings that only a large vocabulary or another sampler gives a meaning (top k, corrections). */

import { ADVANTAGES } from "./advantages.js";
import { cispo, dppo, gmpo, gspo, pgIs, ppo, pspo, quatro, reinforce, sapo } from "./objectives.js";
import { own, proportional } from "./own.js";
import { bapo, cpgd, minpro, r2vpo, survey, trefree } from "./relatives.js";
import { troll } from "./troll.js";

const plain = { advantage: "group-mean", shift: 0, aggregation: "token-mean" };
const scaled = { ...plain, advantage: "group-std" };
const meaned = { ...scaled, aggregation: "seq-mean-token-mean" };
const grpo = { ...meaned, eps_low: 0.2, eps_high: 0.2, dual_clip: null, beta: 0 };

/* proportional: where the advantage is 0 nothing can be learned, and the loop need not look.
   masksZeroAdvantage: its mask silences such tokens too, so that what it keeps is known only when they are looked at.
   full: the objective needs the whole distributions of both policies.
   survey: what it must know of all completions of a minibatch before it weighs one, from (settings) => (completions).
   gallery: a relative of the book's methods. */
export const METHODS = {
  reinforce: { make: reinforce, proportional: true, defaults: plain },
  pg_is: { make: pgIs, proportional: true, defaults: plain },
  ppo: { make: ppo, proportional: true, defaults: { ...plain, eps_low: 0.2, eps_high: 0.2, dual_clip: null } },
  grpo: { make: ppo, proportional: true, defaults: grpo },
  dr_grpo: {
    make: ppo,
    proportional: true,
    defaults: { ...grpo, advantage: "group-mean", aggregation: "seq-mean-token-sum-norm" },
  },
  dapo: {
    make: ppo,
    proportional: true,
    defaults: { ...grpo, aggregation: "token-mean", eps_high: 0.28, overlong_buffer: 0.2 },
  },
  gspo: { make: gspo, proportional: true, defaults: { ...meaned, eps_low: 3e-4, eps_high: 4e-4 } },
  cispo: { make: cispo, proportional: true, defaults: { ...scaled, eps_low: 0.2, eps_high: 0.2 } },
  sapo: { make: sapo, proportional: true, defaults: { ...meaned, tau_pos: 1, tau_neg: 1.05 } },
  gmpo: { make: gmpo, proportional: true, defaults: { ...meaned, eps_log: 0.4 } },
  pspo: { make: pspo, proportional: true, defaults: { ...meaned, alpha: 0.1 } },
  dppo: {
    make: dppo,
    proportional: true,
    masksZeroAdvantage: true,
    defaults: {
      ...plain,
      aggregation: "seq-mean-token-sum-norm",
      delta_tv: null,
      delta_kl: null,
      max_ratio: null,
      signed: true,
    },
  },
  ppo_penalty: {
    make: pgIs,
    full: true,
    defaults: { ...plain, beta: 1, target_kl: 0.01, controller: "ppo", horizon: 10_000, adapt_after: "batch" },
  },
  quatro: {
    make: quatro,
    dual: true,
    defaults: {
      advantage: "reward",
      shift: 0,
      aggregation: "seq-mean-token-sum",
      delta_kl: 0.1,
      lambda_min: 0.01,
      form: "ratio",
      direction: "backward",
    },
  },
  troll: { make: troll, full: true, defaults: { ...plain, delta_kl: 0.05, alpha: 1, level: "token" } },
  bapo: {
    make: bapo,
    survey,
    proportional: true,
    gallery: true,
    defaults: { ...scaled, low: 0.6, low_most: 0.8, high: 1.2, high_most: 2, target: 1, count: "value", dual_clip: 3 },
  },
  minpro: { make: minpro, proportional: true, gallery: true, defaults: { ...scaled, eps_low: 0.2, eps_high: 0.28 } },
  cpgd: { make: cpgd, gallery: true, defaults: { ...plain, eps: 0.2, alpha: 0.01, cap: 0.2 } },
  r2vpo: { make: r2vpo, gallery: true, defaults: { ...plain, lam: 0.04, delta: 0.04, dual_lr: 1 } },
  trefree: { make: trefree, proportional: true, gallery: true, defaults: { ...plain, delta: 0.1 } },
};

/* The reader's own: a formula and its constants. It stands apart because trlib has no class of it. */
export const OWN = {
  make: own,
  defaults: { ...plain, formula: "A*r", constants: {} },
};

export const AGGREGATIONS = ["token-mean", "seq-mean-token-mean", "seq-mean-token-sum", "seq-mean-token-sum-norm"];
const DELTA_TV = 0.15; // DPPO's threshold where none is given

/* A method with its settings, ready for the loop: { name, kind, settings, objective, survey }.
   Throws a RangeError for a name or a setting that is not there. */
export function method(name, given = {}) {
  const kind = name === "own" ? OWN : METHODS[name];
  if (!kind) throw new RangeError(`method: expected one of ${Object.keys(METHODS).join(", ")}, got ${name}`);
  for (const key of Object.keys(given)) {
    if (!(key in kind.defaults)) {
      throw new RangeError(`${name}: expected settings among ${Object.keys(kind.defaults).join(", ")}, got ${key}`);
    }
  }
  const settings = { ...kind.defaults, ...given };
  if (name === "dppo" && settings.delta_tv === null && settings.delta_kl === null) settings.delta_tv = DELTA_TV;
  if (!(settings.advantage in ADVANTAGES)) throw new RangeError(`advantage: got ${settings.advantage}`);
  if (!AGGREGATIONS.includes(settings.aggregation)) throw new RangeError(`aggregation: got ${settings.aggregation}`);
  if (kind === OWN)
    return {
      name,
      kind: { ...OWN, proportional: proportional(settings) },
      settings,
      objective: own(settings),
    };
  return {
    name,
    kind,
    settings,
    objective: kind.make(settings),
    survey: kind.survey?.(settings),
  };
}
