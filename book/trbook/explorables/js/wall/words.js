/* What is said of three walls and of one answer. */

import { calm } from "../parts/verdict.js";

export const NAMES = ["A", "B", "C"],
  LAST = 16,
  PAUSE = 6; // the batch at which it asks: the wall that goes out is at its best
const [RIGHT, , NO_NUMBER] = "10-";
export const KINDS = { 1: "right", 0: "wrong", [NO_NUMBER]: "no number" };

const known = new WeakMap();
/* The data of one figure with what follows from them. `told`: the names are known; `again`: other runs are shown. */
export function opened(data) {
  if (!known.has(data)) {
    const lanes = data.lanes.map((lane) => ({ ...lane, right: lane.tiles.map((tiles) => count(tiles, RIGHT)) }));
    known.set(data, { ...data, lanes, each: lanes[0].tiles[0].length, told: false, again: false, runs: data.again });
  }
  return known.get(data);
}
const count = (tiles, sign) => [...tiles].filter((one) => one === sign).length;

/* The answers of a batch as they were written; what its signs stand for is in wall_runs.py. */
export function answers({ asked, lanes }, lane, batch) {
  const said = [];
  lanes[lane].said[batch].forEach((short, i) => {
    const [first, second, third] = asked[batch][i >> 3].split(" + "),
      whole = short
        .replaceAll("{", `${first} + ${second} = `)
        .replace(/(\d+)\}/g, `$1, $1 + ${third} = `)
        .replace(/(\d+)~$/, "$1. Answer $1");
    said.push(short === "=" ? said[i - 1] : whole);
  });
  return said;
}

/* A word that no right answer uses. */
export const isOdd = (word) => !/^(\d+[,.]?|\+|=|Answer)$/.test(word);

export const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
const inAll = (shares) => shares.map((share, i) => `${NAMES[i]} ${percent(share)}`).join(", ");

/* What stands below the walls. */
export function told({ guess, batch }, data) {
  const { lanes, each, tested } = data,
    now = lanes.map(({ right }) => right[batch - 1] / each);
  if (!data.told && guess)
    return calm(`You tapped ${guess}. Now the rest.`, `Batch ${batch} of ${LAST}: ${inAll(now)}.`);
  if (!data.told && batch < PAUSE)
    return calm(
      "Every tile is an answer, green where it is right.",
      `Batch ${batch} of ${LAST}: ${batch === 1 ? "nothing has been learned yet." : `${inAll(now)}.`}`,
    );
  if (!data.told)
    return calm(
      `Which wall is greenest in batch ${LAST}? Tap that wall.`,
      `One of them uses every batch once, two of them eight times. This is batch ${batch}.`,
    );
  if (data.again) return repeated(data);
  const [once, many] = lanes,
    half = [once, many].map(({ right }) => right.findIndex((one) => one >= each / 2) + 1),
    best = Math.max(...many.right),
    ends = lanes.map(({ right }) => right[LAST - 1]);
  return calm(
    `${reply(guess, ends)} B went out: ${percent(best / each)} in batch ${many.right.indexOf(best) + 1}, ${percent(ends[1] / each)} in batch ${LAST}.`,
    `A learned once from every batch, B eight times, C eight times with a clip, which stops pushing a word that has moved far. B was the first to be right in half of its answers, in batch ${half[1]}, A in batch ${half[0]}. Of ${tested} answers to new sums: ${inAll(lanes.map(({ end }) => end[0]))}.`,
  );
}

function reply(guess, ends) {
  const best = NAMES[ends.indexOf(Math.max(...ends))];
  if (!guess) return `${best} is greenest.`;
  if (guess === best) return `✓ ${guess} it is.`;
  return guess === "B"
    ? "You tapped B."
    : `Nearly: ${best} has ${Math.max(...ends)} right, ${guess} has ${ends[NAMES.indexOf(guess)]}.`;
}

/* Of the runs with other seeds. */
function repeated({ runs }) {
  const ends = NAMES.map((_, i) => runs.map(({ end }) => end[i]).sort((a, b) => a - b)),
    lost = ends[1].filter((end) => end < 0.05).length,
    between = ([low, ...more]) => `${percent(low).slice(0, -2)} to ${percent(more.at(-1))}`;
  return calm(
    `It did, in ${lost} of ${runs.length} other runs: used eight times, fewer than 5\u00a0% right in the end.`,
    `The faint curves are ${runs.length} more of each, with other seeds. Of new sums B ends with ${between(ends[1])} right, C with ${between(ends[2])}, A with ${between(ends[0])}: once is slower, and broke in none.`,
  );
}
