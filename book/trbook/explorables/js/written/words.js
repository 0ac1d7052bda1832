/* What is said of an answer, and of three runs after so many batches. */

import { calm } from "../parts/verdict.js";

export const PAUSE = 5; // the batch at which it opens: eight times has its highest share, is ahead of both, and alone is right
const WHOLE = /^\d+$/,
  SIGNS = /^(\d+|\+|=|Answer)$/, // what every right answer is made of
  AROUND = /^[([]+|[)\].,;:]+$/g;

const split = (said) => said.split(/\s+/).filter(Boolean),
  stripped = (word) => word.replace(AROUND, "");

/* An answer piece by piece: { text, odd, off, rest }. odd: a word that no right answer uses; off: of a step that does not
   add up the result, and `rest` the signs behind it. */
export function pieces(said) {
  const words = split(said),
    bare = words.map(stripped),
    results = steps(bare);
  return words.map((text, i) => {
    const off = results.get(i) === false,
      rest = off ? text.slice(text.indexOf(bare[i]) + bare[i].length) : "";
    return { text: text.slice(0, text.length - rest.length), odd: !SIGNS.test(bare[i]), off, rest };
  });
}

/* By the place of its result, whether a step adds up: numbers with + between them, = and a number. */
function steps(bare) {
  const found = new Map();
  for (let equal = 3; equal + 1 < bare.length; equal++) {
    if (bare[equal] !== "=") continue;
    let at = equal - 1;
    while (WHOLE.test(bare[at]) && bare[at - 1] === "+" && WHOLE.test(bare[at - 2])) at -= 2;
    if (at === equal - 1) continue;
    const sum = bare.slice(at, equal).reduce((all, word) => all + (word === "+" ? 0 : Number(word)), 0);
    found.set(equal + 1, bare[equal + 1] === String(sum));
  }
  return found;
}
export const addsUp = (said) => [...steps(split(said).map(stripped)).values()];

/* An answer in a few words: its steps, and what the reward does not see of them. */
export function note([said, right], total) {
  const sums = addsUp(said),
    good = sums.filter(Boolean).length,
    odd = pieces(said).filter((piece) => piece.odd).length,
    parts = [stepped(sums, good)];
  if (right && sums.length && !good) parts.push("the mistakes cancel");
  if (!right && said.endsWith(`Answer ${total}`)) parts.push("its 32 tokens were used up");
  else if (!right && sums.length > 1 && good === sums.length) parts.push("and another answer");
  if (odd) parts.push(`${odd} other ${odd > 1 ? "words" : "word"}`);
  return parts.join(", ");
}

function stepped(sums, good) {
  if (!sums.length) return "no step";
  if (sums.length === 1) return good ? "one step, it adds up" : "one step, it does not add up";
  if (good === sums.length) return "both steps add up";
  if (!good) return "neither step adds up";
  return `only the ${sums[0] ? "first" : "second"} step adds up`;
}

export const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
export const after = (batch) => (batch ? `after ${batch} ${batch > 1 ? "batches" : "batch"}` : "before training");

/* The share of right answers of a run at a batch: of the batch's own answers, at the end of those to new sums. */
export const shareAt = ({ right, end }, batch, each) => (batch < right.length ? right[batch] / each : end[0]);

const LUCK = 0.1; // two shares of 64 answers differ by as much without a reason

/* Three runs, after so many batches: [once, eight times, clipped]. */
export function verdict(state, data) {
  const { batch } = state,
    [once, many, held] = data.lanes.map((lane) => shareAt(lane, batch, data.each)),
    best = Math.max(...data.lanes[1].right.slice(0, batch + 1)) / data.each,
    last = batch === data.lanes[0].right.length,
    of = last ? `${data.tested} answers to new sums` : `${data.each} answers of this batch`,
    luck = cancelled(state, data);
  if (batch === 0)
    return calm(
      "Before training they are one model",
      `${percent(once)} of the ${of} are right, in every lane the same.${luck}`,
    );
  const lost = many < best / 2 && best > 0.3,
    apart = Math.abs(many - once) > LUCK ? (many > once ? "ahead of" : "behind") : "about level with",
    standing = lost ? "has lost it" : `is ${apart} once`;
  return {
    tone: lost ? "fail" : "calm",
    title: `Eight times ${standing}: ${percent(many)} right${lost ? `, down from ${percent(best)}` : ""}`,
    text: `Used once it is ${percent(once)}, with the clip ${percent(held)}, of the ${of}.${luck}`,
  };
}

/* Whose answer is right though none of its steps is. */
export function cancelled({ total, batch }, { lanes, totals }) {
  const at = totals.indexOf(total),
    lucky = lanes.filter(({ said }) => {
      const [text, right] = said[batch][at],
        sums = addsUp(text);
      return right && sums.length && !sums.some(Boolean);
    });
  if (!lucky.length) return "";
  return ` Here ${total} is right by luck: neither step adds up, and the mistakes cancel.`;
}
