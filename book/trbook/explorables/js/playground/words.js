/* What the page says of its lanes. */

import { number } from "../parts/numbers.js";
import { identity } from "./lanes.js";

const TEN = 10;
export const mean = (values) => values.reduce((total, x) => total + x, 0) / values.length;
export const recent = (rows) => (rows.length ? mean(rows.slice(-TEN).map(({ reward }) => reward)) : null);

/* The middle half's mean. */
export function iqm(values) {
  const sorted = [...values].sort((a, b) => a - b), cut = Math.floor(sorted.length / 4);
  return mean(sorted.slice(cut, sorted.length - cut));
}

/* Where a lane's curve was highest: the mean of the last ten batches, of fewer at the beginning as it is drawn, though
   not of so few that one lucky batch makes a height. */
const FEW = 4, heights = new WeakMap();
function best(rows) {
  const known = heights.get(rows[0]) ?? { count: 0, total: 0, most: -Infinity }; // of this run: looked at once a batch
  if (known.count > rows.length) Object.assign(known, { count: 0, total: 0, most: -Infinity });
  for (let i = known.count; i < rows.length; i++) {
    known.total += rows[i].reward - (i >= TEN ? rows[i - TEN].reward : 0);
    if (i + 1 >= FEW) known.most = Math.max(known.most, known.total / Math.min(i + 1, TEN));
  }
  known.count = rows.length;
  heights.set(rows[0], known);
  return known.most;
}

const FALLEN = 0.2;

/* { tone, title, text } of lanes { title, rows, seeds, stopped }. Lanes are compared at the batch that all of them have
   reached. over: no seed is on its way. */
export function verdict(lanes, seeded, batches, over = false) {
  const stopped = lanes.filter((lane) => lane.stopped);
  if (stopped.length && !seeded) return { tone: "fail", title: `${list(stopped.map(({ title }) => title))} stopped`, text: [...new Set(stopped.map((lane) => lane.stopped))].join(" ") };
  if (seeded) return ofSeeds(lanes, batches, over);
  const least = Math.min(...lanes.map(({ rows }) => rows.length));
  if (least < TEN) return { tone: "calm", title: least ? `Batch ${least}` : "Nothing has been learned yet", text: "After ten batches the lanes are compared here, by the mean reward of their last ten." };
  const ends = lanes.map((lane) => ({ ...lane, rows: lane.rows.slice(0, least) })).map((lane) => ({ ...lane, end: recent(lane.rows) })).sort((a, b) => b.end - a.end);
  const fallen = ends.filter((lane) => best(lane.rows) - lane.end > FALLEN), ahead = lanes.filter(({ rows }) => rows.length > least).length;
  const changed = ends.filter(({ rows }) => changes(rows).some(({ at }) => at > least - TEN));
  const text = `Reward of ${ahead ? `batches ${least - TEN + 1} to ${least}, the last that all lanes have done` : "the last ten batches"}: ${ends.map(({ title, end }) => `${title} ${number(end)}`).join("; ")}. `
    + (changed.length ? `${list(changed.map(({ title }) => title))} had other settings in some of these batches. ` : "")
    + "This is one run: eight seeds say whether it would happen again.";
  if (fallen.length) return { tone: "fail", title: `${list(fallen.map(({ title }) => title))} ${fallen.length > 1 ? "have" : "has"} fallen`, text: `${fallen.map((lane) => `${lane.title} was at ${number(best(lane.rows))} and is at ${number(lane.end)}`).join("; ")}. ${text}` };
  return { tone: "calm", title: `After ${least} batches`, text };
}

/* Where a run went on with other settings: [{ at: the first batch with them, settings }]. */
export function changes(rows) {
  const found = [];
  for (let i = 1; i < rows.length; i++) {
    const [before, now] = [rows[i - 1].settings, rows[i].settings];
    if (before !== now && before && now && identity(before) !== identity(now)) found.push({ at: i, settings: now, before });
  }
  return found;
}

function ofSeeds(lanes, batches, over) {
  const ended = lanes.map((lane) => {
    const ends = lane.seeds.filter((rows) => rows.length >= batches).map(recent), early = lane.ends.filter(Boolean).length;
    return { title: lane.title, ends, early, middle: ends.length ? iqm(ends) : NaN };
  }), some = ended.filter(({ ends }) => ends.length).sort((a, b) => b.middle - a.middle), none = ended.filter(({ ends }) => !ends.length);
  if (!some.length && !over) return { tone: "calm", title: "Eight seeds are on their way", text: "Every lane learns eight times, from other draws." };
  if (!some.length) return { tone: "fail", title: "No seed reached the end", text: `No lane has a seed that did all ${batches} batches.` };
  const count = Math.min(...some.map(({ ends }) => ends.length));
  const lost = ended.filter(({ early }) => early).map(({ title, early }) => `${early} of ${title}`);
  const without = over && none.length ? ` No seed of ${list(none.map(({ title }) => title))} reached the end.` : "";
  return { tone: lost.length ? "fail" : "calm", title: `${count} seed${count > 1 ? "s" : ""} of every lane${lost.length ? `: ${list(lost)} stopped early` : ""}`,
    text: `Reward of the last ten batches, interquartile mean (least to most): ${some.map(({ title, middle, ends }) => `${title} ${number(middle)} (${number(Math.min(...ends))} to ${number(Math.max(...ends))}${ends.length > count ? `, ${ends.length} seeds` : ""})`).join("; ")}. Where these ranges overlap, one run shows nothing.`
      + `${lost.length ? " Seeds that stopped are not in these numbers: with them a lane would look worse." : ""}${without}` };
}

export const list = (words) => (words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words[0] ?? "");

/* What a screen reader hears of the rewards, every ten batches. */
export const heard = (lanes) => `Batch ${Math.min(...lanes.map(({ rows }) => rows.length))}. ${lanes.map(({ title, rows }) => `${title}: reward ${rows.length ? number(recent(rows)) : "none yet"}`).join(". ")}.`;
