/* The lines of trlib's methods, as known.json has them, and objectives made of them: byLine("ppo")({ eps_low, eps_high }). */

import known from "./known.json" with { type: "json" };
import { own } from "./own.js";

export const KL = "(q*log(q/p) + (1 - q)*log((1 - q)/(1 - p)))"; // KL(q || p) of the token against all others
/** @type {Record<string, any>} */
const methods = known;
const lines = Object.fromEntries(Object.entries(methods).map(([name, { formula }]) => [name, formula]));
/** @type {Record<string, string>} */
export const LINES = {
  ...lines,
  dual: `${lines.ppo}*(A > 0 or r <= dual_clip)`,
  gspo_even: lines.gspo.replaceAll(/eps_(low|high)/g, "eps_seq"),
  dppo_kl: `A*r*(sign(A)*(p - q) <= 0 or ${KL} <= delta_kl)`,
};
for (const name of ["dppo", "dppo_kl"]) LINES[`${name}_capped`] = LINES[name].replace("*r*", "*min(r, max_ratio)*");

/* Without settings: trlib's defaults. */
export const byLine =
  (name) =>
  (constants = methods[name].settings) =>
    own({ formula: LINES[name], constants });
