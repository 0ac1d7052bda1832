/* How the losses of tokens become one number: trlib.aggregation, as the factor that a token's weight is multiplied by.

   lengths: unmasked tokens of each completion of the minibatch; 0: masked as a whole. Gives a factor a completion. */

import { sum } from "../../js/maths/plain.js";

export function factors(how, lengths, horizon) {
  const counted = Math.max(1, lengths.filter((n) => n > 0).length);
  const tokens = Math.max(1, sum(lengths));
  const factor = {
    "token-mean": () => 1 / tokens,
    "seq-mean-token-mean": (n) => 1 / (counted * Math.max(1, n)),
    "seq-mean-token-sum": () => 1 / counted,
    "seq-mean-token-sum-norm": () => 1 / (counted * horizon),
  }[how];
  return lengths.map(factor);
}
