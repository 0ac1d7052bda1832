/* What the basin explorer says of a reading, and how it writes rates and accuracies. */

import { inRow as list } from "../parts/numbers.js";
import { calm, fail } from "../parts/verdict.js";

export const share = (value) => value.toFixed(3);
const decades = (value) => value.toFixed(2);
export const rate = (lr) => {
  const [lead, power] = Number(lr.toPrecision(2)).toExponential().split("e");
  return `${lead}e${power.replace("+", "")}`;
};
/* For a screen reader: 0.00003. */
export const spokenRate = (lr) => Number(lr.toPrecision(2)).toFixed(8).replace(/0+$/, "");
export const times = (uses) => (uses === "1" ? "one epoch" : `${uses} epochs`);
export const seedsOf = (count) => `${count} ${count === 1 ? "seed" : "seeds"}`;

/* A distance below the best: 0 is the best itself. */
export const under = (below) => (below < 0.0005 ? "0" : `−${share(below)}`);
/* The rate at which a method falls out of its basin. */
export const falls = (basin) =>
  basin.high === null ? "–" : basin.open_high ? `> ${rate(basin.high)}` : rate(basin.high);
/* Decades of a basin; one that ends because the grid does is at least as wide. */
export const width = (basin) =>
  basin.low === null ? "none" : `${basin.open_low || basin.open_high ? "≥ " : ""}${decades(basin.width[0])}`;
export const spread = ({ width: [, low, high] }) => (low === null ? "" : `[${decades(low)}, ${decades(high)}]`);

/* In a sentence a method has an article where its name is none. */
export const called = (names, method) => (method === "pg_is" ? "the unclipped run" : names[method]);

/* The verdict: who is in the basin at this rate. */
export function verdict(panel, rows, names, { lr, measure }) {
  const at = (where) => rows.filter((row) => row.where === where).map((row) => called(names, row.method));
  const inside = at("in"),
    above = at("above"),
    below = at("below"),
    none = at("none"),
    read = rows.filter((row) => row.value !== null);
  if (!read.length)
    return calm(
      "Nothing was run here",
      `At ${times(panel.uses)} ${rows.length ? `the learning rates go from ${rate(panel.rates[0])} to ${rate(panel.rates[panel.rates.length - 1])}` : "none of these methods was run"}.`,
    );
  const parts = [
    inside.length && inside.length < read.length ? `In the basin: ${list(inside)}.` : "",
    above.length ? `Above it, the learning rate is too high: ${list(above)}.` : "",
    below.length ? `Below it, the learning rate is too low: ${list(below)}.` : "",
    none.length ? `Below the line at every learning rate: ${list(none)}.` : "",
  ].filter(Boolean);
  const line = `The line stands at ${share(panel.line)}: the best end of any method (${called(names, panel.best.method)} at ${rate(panel.best.lr)}, ${share(panel.best.end)}) less .05.`;
  const text = [...parts, line, measure === "end" ? "" : "Line and basins are those of the ends, whatever is drawn."]
    .filter(Boolean)
    .join(" ");
  const who = (members, one, many) =>
    members.length > 2
      ? `${members.length} of ${read.length} ${many}`
      : `${list(members)} ${members.length === 1 ? one : many}`;
  if (above.length)
    return fail(
      above.length === read.length
        ? `At ${rate(lr)} ${read.length === 1 ? `${above[0]} is` : "all are"} above the basin`
        : `At ${rate(lr)} ${who(above, "is", "are")} above the basin`,
      text,
    );
  if (inside.length === read.length)
    return calm(
      `At ${rate(lr)} ${inside.length === 1 ? `${inside[0]} is in its basin` : `all ${inside.length} are in their basins`}`,
      text,
    );
  return calm(
    inside.length
      ? `At ${rate(lr)} ${who(inside, "is in its basin", "are in their basins")}`
      : `At ${rate(lr)} none is in its basin yet`,
    text,
  );
}

const DEAD = 0.5; // sampled accuracy at the end

/* Who is dead at this rate, and who still learns. */
export function lost(rows, names, lr) {
  const some = (wanted) => rows.filter(wanted).map((row) => called(names, row.method)),
    dead = some(({ value }) => value < DEAD),
    hurt = some(({ value, where }) => value >= DEAD && where === "above"),
    well = some(({ value, where }) => value >= DEAD && where !== "above"),
    are = (who) => (who.length > 1 ? "are" : "is");
  if (!dead.length)
    return calm(
      hurt.length ? `At ${rate(lr)} none is dead yet` : `At ${rate(lr)} all ${rows.length} live, and end alike`,
      hurt.length
        ? `But ${list(hurt)} ${are(hurt)} already far below the best end.`
        : "Raise the learning rate. Which of them dies first, and which one lasts longest?",
    );
  return fail(
    dead.length === rows.length ? `At ${rate(lr)} all are dead` : `At ${rate(lr)} ${list(dead)} ${are(dead)} dead`,
    [
      `Dead: fewer than half of the answers at the end are right.`,
      hurt.length ? `Hurt, and alive: ${list(hurt)}.` : "",
      well.length ? `Unhurt: ${list(well)}.` : "",
    ].join(" "),
  );
}

/* Where the numbers come from and how much they can bear. */
export function source(panel) {
  const { length } = panel.seeds,
    last = panel.seeds[length - 1];
  const seeds =
    length === last - panel.seeds[0] + 1 && length > 2 ? `${panel.seeds[0]} to ${last}` : list(panel.seeds.map(String));
  const bear = panel.few
    ? `${seedsOf(length)} at each learning rate: too few for an interval or a test. Use the map to choose what to run with more seeds.`
    : `${length} seeds at each learning rate; bands are 95 % intervals of the interquartile mean over these seeds.`;
  return `${bear} Record ${panel.sweep}, ${length === 1 ? "seed" : "seeds"} ${seeds}: ${panel.batches} batches, then ${panel.prompts.toLocaleString("en")} prompts, the same for every run.`;
}
