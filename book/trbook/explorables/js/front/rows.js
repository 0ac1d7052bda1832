/* Rows of the first page: a lane's share of right answers, batch by batch. No drawing here. */

import { average } from "../maths/plain.js";

/* The share of right answers of a lane's batches: of all seeds as they were, and drawn, of the median one. */
export function shares({ right, median }, completions) {
  const raw = right.map((row) => row.map((count) => count / completions)),
    all = raw.map(drawn);
  return { raw, all, middle: all[median] };
}

/* From the third batch on each with its neighbours: the first two are the leap, and stand as they are. */
export const drawn = (row) => row.map((value, i) => (i < 2 ? value : average(row.slice(i - 1, i + 2))));

/* Completions that half of the runs had learned from when a batch was first right in `goal` of its answers. */
export function neededFor(goal, all, completions) {
  const found = all.map((row) => {
    const at = row.findIndex((share) => share >= goal);
    return at < 0 ? Infinity : at * completions;
  });
  return found.sort((a, b) => a - b)[(found.length - 1) >> 1];
}
