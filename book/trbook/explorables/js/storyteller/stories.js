/* Stories with their verdicts. No drawing here. */

import { Tales } from "../../engine/js/tales.js";

const TASK = new Tales();

/* A story with its verdict. */
export const judged = (prompt, words, ended) => ({
  words,
  ended,
  verdict: TASK.verify(TASK.read(prompt), words, ended),
});

/* Of several stories the first that is judged as most are, and how many are good. */
export function typical(prompt, stories) {
  const good = stories.filter(({ verdict }) => verdict.right).length,
    { words, ended } = stories.find(({ verdict }) => verdict.right === 2 * good > stories.length);
  return { ...judged(prompt, words, ended), good };
}
