/* Distributions that the embedded policies give a token after "7 : -1 +4 +3 flip sq =": nine words, then all others as
   one. A test compares them with the policies. */

export const STARTS = {
  rare: {
    words: ["easy", "answer", "quick", "simply", "guess", "slowly", "carefully", "compute", "trace"],
    p: [0.24815, 0.11622, 0.08353, 0.06084, 0.0267, 0.01266, 0.00734, 0.00361, 0.00248],
  },
  first: {
    words: ["easy", "answer", "slowly", "quick", "carefully", "guess", "compute", "trace", "count"],
    p: [0.19645, 0.09944, 0.06996, 0.0665, 0.03441, 0.01958, 0.0173, 0.00943, 0.00738],
  },
  place: {
    words: ["10", "9", "11", "<end>", "0", "2", "so", "1", "8"],
    p: [0.992178, 0.004378, 0.003229, 4.9e-5, 2.8e-5, 1.5e-5, 1.2e-5, 5.2e-6, 5e-6],
  },
};

export const OTHERS = "any other";
export const wordsOf = (start) => [...STARTS[start].words, OTHERS];
export function probabilities(start) {
  const { p } = STARTS[start];
  return [...p, 1 - p.reduce((total, share) => total + share, 0)];
}
