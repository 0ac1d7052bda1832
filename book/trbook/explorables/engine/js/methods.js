/* The methods that the engine trains by, and what each one needs of the loop. Classes, settings and defaults are those of
   trlib, read from the one list of methods. Left out: methods that change the update box (TRPO), need a critic or an
   expert. */

import listed from "./known.json" with { type: "json" };
import { ADVANTAGES } from "./advantages.js";
import { centered } from "./centering.js";
import { bapo, quatro, r2vpo, survey } from "./objectives.js";
import { own, proportional } from "./own.js";
import { troll } from "./troll.js";

/** @type {Record<string, any>} */
const known = listed;
/* Settings that only a large vocabulary or another sampler gives a meaning, and those in which BAPO's paper differs from
   its authors' code, which the page has; what is asked of a whole update (stop_kl); and what no control of the page
   sets: switches that make another lane of a method (center, form), and GRPO's pull to a reference (beta). */
const LEFT_OUT = [
  ...["correction", "reference", "stop_kl", "measure", "k", "top_k", "topk", "order", "step", "step_low", "weigh_by"],
  ...["center", "halves", "form", "direction", "level", "signed", "controller", "horizon", "adapt_after"],
];
/* Of these methods alone: no other has a use for the setting, or a line without it. */
const ONLY = { beta: ["ppo_penalty"], dual_clip: ["bapo"], delta_kl: ["quatro", "troll"], max_ratio: [] };
const leftOut = (name, key) => LEFT_OUT.includes(key) || !(ONLY[key]?.includes(name) ?? true);

/* Beside the methods whose weight is a line, which known.json has: how an objective is made of its settings.
   full: the whole distributions of both policies are at hand; whole: the objective is of them, not of log-probs.
   survey: what it must know of all completions of a minibatch before it weighs one, from (settings) => (completions).
   proportional: where the advantage is 0 nothing can be learned, and the loop need not look. */
const MADE = {
  ppo_penalty: { make: () => own({ formula: known.pg_is.formula, constants: {} }), full: true },
  quatro: { make: quatro, dual: true },
  troll: { make: troll, full: true, whole: true },
  centered: { make: centered, full: true, whole: true, proportional: true },
  bapo: { make: bapo, survey, proportional: true },
  r2vpo: { make: (settings) => r2vpo({ ...settings, formula: known.r2vpo.formula }) },
};
const ofLine = (formula) => ({
  make: (settings) => own({ formula, constants: settings }),
  proportional: proportional({ formula }),
});
/** @type {(name: string, settings: object) => any} */
const defaultsOf = (name, settings) =>
  Object.fromEntries(Object.entries({ ...known.shared, ...settings }).filter(([key]) => !leftOut(name, key)));

/** @type {Record<string, any>} */
export const METHODS = Object.fromEntries(
  Object.entries(known)
    .filter(([name]) => name !== "shared")
    .map(([name, { class: path, settings, formula }]) => {
      const gallery = path.startsWith("trlib.relatives"); // a relative of the book's methods
      return [name, { ...(MADE[name] ?? ofLine(formula)), class: path, gallery, defaults: defaultsOf(name, settings) }];
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
  if (name === "dppo" && settings.delta_tv === null) settings.delta_tv = DELTA_TV;
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
