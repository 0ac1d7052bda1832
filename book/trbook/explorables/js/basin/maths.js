/* Reading the packed panels: trbook.explorables.basins made them, and every statistic in them. The only arithmetic here
   is the straight line between two rates that were run. */

import { nearest } from "../maths/plain.js";

const SAME = 1e-9; // of a rate, relative: 10 times 3e-5 is 3.0000000000000003e-4
const DIGITS = 1e-5; // the ends of a basin are packed to six digits
export const LOW = 3e-6,
  HIGH = 1e-3; // the rates that sweeps run

/* A curve at a rate, linear in log10 of the rate; null where no rate was run on one side of it. */
function readAt(rates, curve, lr) {
  const i = rates.findIndex((rate) => rate >= lr * (1 - SAME));
  if (i < 0) return null;
  if (rates[i] <= lr * (1 + SAME)) return curve[i];
  if (i === 0) return null;
  const share = Math.log10(lr / rates[i - 1]) / Math.log10(rates[i] / rates[i - 1]);
  return curve[i - 1] + share * (curve[i] - curve[i - 1]);
}

/* Where a rate that was run lies: "in" the basin, "below" or "above" it, or "none" where a method has no basin. */
function whereIs({ low, high }, lr) {
  if (low === null) return "none";
  if (lr < low * (1 - DIGITS)) return "below";
  return lr > high * (1 + DIGITS) ? "above" : "in";
}

/* The panels of some uses and threshold, the one of most seeds first. */
export const panelsAt = (data, uses, threshold) =>
  data.panels
    .filter((panel) => panel.uses === uses && panel.threshold === threshold)
    .sort((a, b) => b.seeds.length - a.seeds.length);

export function panelOf(data, { uses, threshold, seeds }) {
  const here = panelsAt(data, uses, threshold);
  return seeds === "map" ? here[here.length - 1] : here[0];
}

/* The least and the highest rate that a panel's runs had. */
export const endsOf = (panel) => [panel.rates[0], panel.rates[panel.rates.length - 1]];

/* Every chosen method of a panel at a rate, and at ten times that rate. `below`: how far under the best of all methods
   at any rate. */
export function readings(panel, methods, measure, lr, tenfold) {
  const best = Math.max(...Object.values(panel.methods).flatMap((one) => one[measure].curve));
  return methods
    .filter((method) => method in panel.methods)
    .map((method) => {
      const { basin, ...measures } = panel.methods[method],
        { curve } = measures[measure];
      const value = readAt(panel.rates, curve, lr);
      return {
        method,
        basin,
        value,
        below: value === null ? null : best - value,
        ten: readAt(panel.rates, curve, tenfold * lr),
        where: value === null ? "off" : whereIs(basin, lr),
      };
    });
}

/* Rates that a cursor can stand on: 24 a decade, with one or two digits, 1 and 3 of every decade among them. */
const E24 = [
  1, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2, 2.2, 2.4, 2.7, 3, 3.3, 3.6, 3.9, 4.3, 4.7, 5.1, 5.6, 6.2, 6.8, 7.5, 8.2, 9.1,
];
export const RUNGS = [-6, -5, -4, -3]
  .flatMap((power) => E24.map((lead) => Number(`${lead}e${power}`)))
  .filter((rate) => rate >= LOW && rate <= HIGH);

/* The place of the rung that is nearest to a rate, in logarithms. */
export const rungOf = (lr) => nearest(RUNGS, lr, (rung, rate) => Math.abs(Math.log(rung / rate)));
