/* The methods that the engine trains by, and what each one needs of the loop. Classes, settings and defaults are those of
   trlib, read from the one list of methods. Left out: methods that change the update box (TRPO), need a critic or an
   expert. */

import known from "./known.json" with { type: "json" };
import { ADVANTAGES } from "./advantages.js";
import { centered } from "./centering.js";
import { cispo, dppo, gmpo, gspo, pgIs, ppo, pspo, quatro, reinforce, sapo } from "./objectives.js";
import { own, proportional } from "./own.js";
import { bapo, cpgd, minpro, r2vpo, survey, trefree } from "./relatives.js";
import { troll } from "./troll.js";

/* Settings that only a large vocabulary or another sampler gives a meaning, and those in which BAPO's paper differs from
   its authors' code, which the page has; what is asked of a whole update (stop_kl); and what no control of the page
   sets: switches that make another lane of a method (center, form), and GRPO's pull to a reference (beta). */
const LEFT_OUT = [
  ...["correction", "reference", "stop_kl", "measure", "k", "top_k", "topk", "order", "step", "step_low", "weigh_by"],
  ...["center", "halves", "form", "direction", "level", "signed", "controller", "horizon", "adapt_after"],
];
const leftOut = (name, key) => LEFT_OUT.includes(key) || (key === "beta" && name !== "ppo_penalty");

/* proportional: where the advantage is 0 nothing can be learned, and the loop need not look.
   masksZeroAdvantage: its mask silences such tokens too, so that what it keeps is known only when they are looked at.
   full: the whole distributions of both policies are at hand; whole: the objective is of them, not of log-probs.
   survey: what it must know of all completions of a minibatch before it weighs one, from (settings) => (completions).
   class: its dotted name in trlib; gallery: it is a relative of the book's methods. */
const MADE = {
  reinforce: { make: reinforce, proportional: true },
  pg_is: { make: pgIs, proportional: true },
  ppo: { make: ppo, proportional: true },
  grpo: { make: ppo, proportional: true },
  dr_grpo: { make: ppo, proportional: true },
  dapo: { make: ppo, proportional: true },
  gspo: { make: gspo, proportional: true },
  cispo: { make: cispo, proportional: true },
  sapo: { make: sapo, proportional: true },
  gmpo: { make: gmpo, proportional: true },
  pspo: { make: pspo, proportional: true },
  dppo: { make: dppo, proportional: true, masksZeroAdvantage: true },
  ppo_penalty: { make: pgIs, full: true },
  quatro: { make: quatro, dual: true },
  troll: { make: troll, full: true, whole: true },
  centered: { make: centered, full: true, whole: true, proportional: true, masksZeroAdvantage: true },
  bapo: { make: bapo, survey, proportional: true },
  minpro: { make: minpro, proportional: true },
  cpgd: { make: cpgd },
  r2vpo: { make: r2vpo },
  trefree: { make: trefree, proportional: true },
};
/** @type {(name: string, settings: object) => any} */
const defaultsOf = (name, settings) =>
  Object.fromEntries(Object.entries({ ...known.shared, ...settings }).filter(([key]) => !leftOut(name, key)));

/** @type {Record<string, any>} */
export const METHODS = Object.fromEntries(
  Object.entries(MADE).map(([name, made]) => {
    const { class: path, settings } = known[name];
    const gallery = path.startsWith("trlib.relatives");
    return [name, { ...made, class: path, gallery, defaults: defaultsOf(name, settings) }];
  }),
);

/* The reader's own: a formula and its constants. It stands apart because trlib has no class of it. */
export const OWN = {
  make: own,
  defaults: { ...defaultsOf("own", {}), formula: "A*r", constants: {} },
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
