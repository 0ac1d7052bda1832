/* An objective whose gradient weight is a formula (formula.js): the reader's own, or the line of a method of trlib.

   An objective is a function of one completion, { logp, old, advantage }: the tokens' log-probs under the policy that
   learns and under the one that the region is drawn around, and the completion's advantage. It gives { weight, kept },
   arrays by token: weight = -dL/dlog p before aggregation, kept false where the region silences the token. */

import { VARIABLES, compile, parse, valueOf, weightOf } from "./formula.js";

const CAP = 10; // the largest log of a completion's ratio, as GSPO's
export const MOST = 20; // a token's log-ratio is at most 20 before it is exponentiated: no ratio overflows
export const capped = (l) => Math.max(-MOST, Math.min(MOST, l));

const written = (value) => String(Number(value.toPrecision(3)));

/* One token in words, for a weight that is no number. */
const told = ({ A, r, p, q }, t) =>
  `A = ${written(A[t])}, r = ${written(r[t])}, p = ${written(p[t])}, q = ${written(q[t])}, t = ${t}`;

/** @returns {any} an array for each of `VARIABLES` */
const columnsOf = (room) => Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, new Float64Array(room)]));

/* w by the formula; kept where w is not 0, or the advantage is. Throws a RangeError for a weight that is no finite
   number, with the token at which it came. */
/** @type {(line: { formula: string, constants?: any }) => (one: any) => any} */
export const own = ({ formula, constants }) => {
  const { run } = compile(parse(formula).tree, constants);
  let columns = columnsOf(32);
  return ({ logp, old, advantage }) => {
    const count = logp.length;
    if (count > columns.A.length) columns = columnsOf(2 * count);
    describe(columns, logp, old, advantage);
    const found = run(columns, count),
      weight = new Array(count),
      kept = new Array(count);
    for (let t = 0; t < count; t++) {
      if (!Number.isFinite(found[t])) {
        throw new RangeError(
          `the formula gives ${Number.isNaN(found[t]) ? "no number" : "infinity"} at ${told(columns, t)}`,
        );
      }
      weight[t] = found[t];
      kept[t] = found[t] !== 0 || advantage === 0;
    }
    return { weight, kept };
  };
};

/* What a formula knows of each token of a completion. */
function describe({ A, r, p, q, l, s, t: place, n }, logp, old, advantage) {
  const count = logp.length;
  let total = 0;
  for (let t = 0; t < count; t++) {
    l[t] = logp[t] - old[t];
    total += l[t];
    r[t] = Math.exp(Math.min(MOST, l[t]));
    p[t] = Math.exp(logp[t]);
    q[t] = Math.exp(old[t]);
    place[t] = t;
  }
  A.fill(advantage, 0, count);
  s.fill(Math.exp(Math.min(CAP, total / Math.max(1, count))), 0, count);
  n.fill(count, 0, count);
}

/* Whether a completion without an advantage can teach nothing, whatever its tokens are: then the loop need not look. */
export const proportional = ({ formula, constants = {} }) => valueOf(parse(formula).tree, { A: 0 }, constants) === 0;

/* The weight of one token that is its whole completion, for a picture: the advantage, and its probabilities then and now. */
export function pictured({ formula, constants }) {
  const weight = weightOf(parse(formula).tree, constants);
  return (A, q, p) =>
    weight({
      A,
      r: p / q,
      p,
      q,
      l: Math.log(p / q),
      s: Math.min(Math.exp(CAP), p / q),
      t: 0,
      n: 1,
    });
}
