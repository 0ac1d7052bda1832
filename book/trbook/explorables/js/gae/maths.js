/* Generalised advantage estimation on a chain whose values are known: a text of six tokens that begins right; each token
   goes wrong with one probability and repairs a wrong text with another; the reward is 1 if the text ends right.
   trlib.advantages.gae, over all 64 texts. */

export const TOKENS = 6,
  WRONG = 0.15,
  REPAIRED = 0.05;

/* Before each token: the exact values [right, wrong] with discount gamma, and the chance to be right there. */
export function chain(gamma) {
  const values = Array.from({ length: TOKENS }, () => [0, 0]),
    chance = [1];
  for (let t = 1; t < TOKENS; t++) chance.push(chance[t - 1] * (1 - WRONG) + (1 - chance[t - 1]) * REPAIRED);
  for (let t = TOKENS - 1; t >= 0; t--) {
    const [right, wrong] = t === TOKENS - 1 ? [1, 0] : values[t + 1].map((value) => gamma * value);
    values[t] = [(1 - WRONG) * right + WRONG * wrong, REPAIRED * right + (1 - REPAIRED) * wrong];
  }
  return { values, chance };
}

/* The critic's values: it misses a share of the difference between right and wrong; at 1 it says the average. */
export function critic(gamma, miss) {
  const { values, chance } = chain(gamma);
  return values.map(([right, wrong], t) => {
    const average = chance[t] * right + (1 - chance[t]) * wrong;
    return [right + miss * (average - right), wrong + miss * (average - wrong)];
  });
}

/* The TD error of each token of one text, written as "r" or "w" after each token. */
export function errors(text, gamma, values) {
  const row = (letter) => (letter === "r" ? 0 : 1);
  const reward = text[TOKENS - 1] === "r" ? 1 : 0;
  return Array.from({ length: TOKENS }, (_, t) => {
    const after = t === TOKENS - 1 ? reward : gamma * values[t + 1][row(text[t])];
    return after - values[t][t === 0 ? 0 : row(text[t - 1])];
  });
}

export const weights = (gamma, lam) => Array.from({ length: TOKENS }, (_, k) => (gamma * lam) ** k);
export const advantage = (deltas, gamma, lam) =>
  weights(gamma, lam).reduce((sum, weight, k) => sum + weight * deltas[k], 0);

/* All texts with the critic's errors on them, and how probable each is once its first token is written. */
export function texts(gamma, miss) {
  const values = critic(gamma, miss);
  return Array.from({ length: 2 ** TOKENS }, (_, bits) => {
    const text = Array.from({ length: TOKENS }, (__, t) => ((bits >> t) & 1 ? "w" : "r")).join("");
    let chance = 1;
    for (let t = 1; t < TOKENS; t++) {
      const goesRight = text[t - 1] === "r" ? 1 - WRONG : REPAIRED;
      chance *= text[t] === "r" ? goesRight : 1 - goesRight;
    }
    return { text, chance, deltas: errors(text, gamma, values) };
  });
}

/* How much better a right first token looks than a wrong one, against how much better it is (undiscounted), when so many
   texts of either kind are averaged and every reward has noise of this standard deviation. */
export function difference(all, { lam, gamma, noise, pairs }) {
  const means = { r: 0, w: 0 },
    squares = { r: 0, w: 0 };
  for (const { text, chance, deltas } of all) {
    const estimate = advantage(deltas, gamma, lam);
    means[text[0]] += chance * estimate;
    squares[text[0]] += chance * estimate * estimate;
  }
  const noisy = noise * noise * weights(gamma, lam).reduce((sum, weight) => sum + weight * weight, 0);
  const variance = Math.max(0, squares.r - means.r * means.r) + Math.max(0, squares.w - means.w * means.w) + 2 * noisy;
  const mean = means.r - means.w,
    bias = mean - TRUTH,
    scatter = Math.sqrt(variance / pairs);
  return { mean, bias, scatter, error: Math.hypot(bias, scatter) };
}

const exact = chain(1).values[1];
export const TRUTH = exact[0] - exact[1];
