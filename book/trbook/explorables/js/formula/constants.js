/* The constants of a formula: every name that is none of the token's. */

import { parse } from "../../engine/js/formula.js";

export const FIRST = 0.2; // of a constant that has just appeared

/* By name: as they were, a new one at FIRST. Throws a FormulaError. */
export function constantsOf(formula, before = {}) {
  return Object.fromEntries(
    parse(formula).constants.map((name) => [name, Object.hasOwn(before, name) ? before[name] : FIRST]),
  );
}
