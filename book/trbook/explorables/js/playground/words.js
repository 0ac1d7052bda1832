/* What the page says of its lanes. */

import { number } from "../parts/common.js";

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
const FEW = 4;
function best(rows) {
  let most = -Infinity;
  for (let i = FEW; i <= rows.length; i++) most = Math.max(most, recent(rows.slice(0, i)));
  return most;
}

const FALLEN = 0.2;

/* { tone, title, text } of lanes { title, rows, seeds, stopped }. */
export function verdict(lanes, seeded, batches, over = false) {
  const stopped = lanes.filter((lane) => lane.stopped);
  if (stopped.length) return { tone: "fail", title: `${list(stopped.map(({ title }) => title))} stopped`, text: [...new Set(stopped.map((lane) => lane.stopped))].join(" ") };
  if (seeded) return ofSeeds(lanes, batches, over);
  const least = Math.min(...lanes.map(({ rows }) => rows.length));
  if (least < TEN) return { tone: "calm", title: least ? `Batch ${least}` : "Nothing has been learnt yet", text: "After ten batches the lanes are compared here, by the mean reward of their last ten." };
  const ends = lanes.map((lane) => ({ ...lane, end: recent(lane.rows) })).sort((a, b) => b.end - a.end);
  const fallen = ends.filter((lane) => best(lane.rows) - lane.end > FALLEN);
  const text = `Reward of the last ten batches: ${ends.map(({ title, end }) => `${title} ${number(end)}`).join("; ")}. This is one run: eight seeds say whether it would happen again.`;
  if (fallen.length) return { tone: "fail", title: `${list(fallen.map(({ title }) => title))} ${fallen.length > 1 ? "have" : "has"} fallen`, text: `${fallen.map((lane) => `${lane.title} was at ${number(best(lane.rows))} and is at ${number(lane.end)}`).join("; ")}. ${text}` };
  return { tone: "calm", title: `After ${least} batches`, text };
}

function ofSeeds(lanes, batches, over) {
  const told = lanes.map((lane) => {
    const ends = lane.seeds.filter((rows) => rows?.length >= batches).map(recent);
    return ends.length ? { title: lane.title, middle: iqm(ends), least: Math.min(...ends), most: Math.max(...ends), count: ends.length } : null;
  }).filter(Boolean).sort((a, b) => b.middle - a.middle);
  const none = lanes.filter(({ title }) => !told.some((one) => one.title === title));
  if (!told.length && !over) return { tone: "calm", title: "Eight seeds are on their way", text: "Every lane learns eight times, from other draws." };
  if (!told.length) return { tone: "fail", title: "No seed came to the end", text: `Of no lane a seed did all ${batches} batches.` };
  const count = Math.min(...told.map((one) => one.count)), lost = over && none.length ? ` Of ${list(none.map(({ title }) => title))} no seed came to the end.` : "";
  return { tone: "calm", title: `${count} seed${count > 1 ? "s" : ""} of every lane`, text: `Reward of the last ten batches, interquartile mean (least to most): ${told.map(({ title, middle, least, most }) => `${title} ${number(middle)} (${number(least)} to ${number(most)})`).join("; ")}. Where these ranges overlap, one run shows nothing.${lost}` };
}

export const list = (words) => (words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words[0] ?? "");

/* What a screen reader hears of the rewards, every ten batches. */
export const heard = (lanes) => `Batch ${Math.min(...lanes.map(({ rows }) => rows.length))}. ${lanes.map(({ title, rows }) => `${title}: reward ${rows.length ? number(recent(rows)) : "none yet"}`).join(". ")}.`;
