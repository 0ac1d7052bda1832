/* Objective and gradient weight w = -dL/dlog π of one token against its ratio r = π/π_old, for an advantage of +1 or -1,
   each a line of *Write your own*. The token is its whole completion, so that a sequence's ratio is the token's. */

import { parse } from "../../engine/js/formula.js";
import { KL, LINES } from "../../engine/js/lines.js";
import { pictured } from "../../engine/js/own.js";

const CLIP = "min(r*A, clip(r, 1 - eps_low, 1 + eps_high)*A)";

/* Of the penalty β KL(π_old || π) the other tokens keep their proportions; QUATRO's weight is derived. */
export const WEIGHTS = {
  plain: LINES.pg_is,
  ppo: LINES.ppo,
  dual: LINES.dual,
  penalty: "r*A + beta*(q - p)/(1 - p)",
  reinforce: LINES.reinforce,
  gspo: LINES.gspo_even,
  cispo: LINES.cispo,
  sapo: LINES.sapo,
  gmpo: LINES.gmpo,
  pspo: LINES.pspo,
  dppo_tv: LINES.dppo,
  dppo_kl: LINES.dppo_kl,
  quatro: "r*(A - multiplier*l)",
};
const OBJECTIVES = {
  plain: "r*A",
  ppo: CLIP,
  dual: `A > 0 ? ${CLIP} : max(${CLIP}, dual_clip*A)`,
  penalty: `r*A - beta*${KL}`,
};
export const WITH_OBJECTIVE = Object.keys(OBJECTIVES);
export const constantsOf = (key) => parse(WEIGHTS[key]).constants;

/* What a method does with a token, as a function of its ratio: { weight } and, where it has one, { objective }. */
export function judge(key, s) {
  const [weight, objective] = [WEIGHTS, OBJECTIVES].map(
    (lines) => lines[key] && pictured({ formula: lines[key], constants: s }),
  );
  const at = (what, r) => what(s.sign, s.old_p, r * s.old_p);
  return (r) => ({ ...(objective && { objective: at(objective, r) }), weight: at(weight, r) });
}
