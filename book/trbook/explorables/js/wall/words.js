/* What is said of three walls and of one answer. */

import { calm } from "../parts/verdict.js";

export const NAMES = ["A", "B", "C"],
  LAST = 16,
  PAUSE = 6; // the batch at which it asks: the wall that goes out is at its best
const [RIGHT, , NO_NUMBER] = "10-";
export const KINDS = { 1: "right", 0: "wrong", [NO_NUMBER]: "no number" };

const known = new WeakMap();
/* The data of one figure with what follows from them. `told`: the names are known; `again`: other runs are shown; `friend`: what
   somebody guessed who sent the address. */
export function opened(data) {
  if (!known.has(data)) {
    const lanes = data.lanes.map((lane) => ({ ...lane, right: lane.tiles.map((tiles) => count(tiles, RIGHT)) }));
    known.set(data, {
      ...data,
      lanes,
      each: lanes[0].tiles[0].length,
      told: false,
      again: false,
      friend: "",
      runs: data.again,
    });
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
  const { lanes, each } = data,
    now = lanes.map(({ right }) => right[batch - 1] / each);
  if (!data.told && guess) return calm(`You say ${guess}. Now the rest.`, `Batch ${batch} of ${LAST}: ${inAll(now)}.`);
  if (!data.told && batch < PAUSE)
    return calm(
      "Every tile is an answer, green where it is right.",
      `Batch ${batch} of ${LAST}: ${batch === 1 ? "nothing has been learned yet." : `${inAll(now)}.`}`,
    );
  if (!data.told)
    return calm(
      data.friend
        ? `A friend says ${data.friend}. What do you say? Which wall is greenest in batch ${LAST}?`
        : `Which wall is greenest in batch ${LAST}? Tap that wall.`,
      `One copy learns once from every batch, two learn eight times. This is batch ${batch}: ${inAll(now)}.`,
    );
  if (data.again) return repeated(data);
  const last = answers(data, 1, LAST - 1)[0];
  return calm(
    `${reply(guess, lanes)} B could add. Now it writes ${firstStep(last)}.`,
    "B learned eight times from every batch, A once.",
  );
}

const firstStep = (answer) => answer.split(",")[0];
function reply(guess, lanes) {
  const ends = lanes.map(({ right }) => right[LAST - 1]),
    best = NAMES[ends.indexOf(Math.max(...ends))];
  if (!guess) return `${best} is greenest.`;
  if (guess === best) return `✓ ${guess} it is.`;
  return guess === "B"
    ? "You said B."
    : `Nearly: ${best} has ${Math.max(...ends)} right, ${guess} has ${ends[NAMES.indexOf(guess)]}.`;
}

/* Of the runs with other seeds. */
function repeated({ runs }) {
  const ends = NAMES.map((_, i) =>
      runs
        .map(({ end }) => end[i])
        .filter((end) => end !== null)
        .sort((a, b) => a - b),
    ),
    lost = ends[1].filter((end) => end < 0.05).length,
    between = ([low, ...more]) => `${percent(low).slice(0, -2)} to ${percent(more.at(-1))}`;
  return calm(
    `It did, in ${lost} of ${ends[1].length} other runs: with eight updates per batch, fewer than 5\u00a0% right in the end.`,
    `The faint curves are ${ends[0].length} more runs of each. Of new sums B ends with ${between(ends[1])} right, C with ${between(ends[2])}, A with ${between(ends[0])}.`,
  );
}
