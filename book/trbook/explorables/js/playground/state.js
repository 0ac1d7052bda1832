/* What a page of the playground is set to, from its presets, its traits and its address. */

import told from "../../playground.json" with { type: "json" };
import { NAMES, brief, packLane, possibleLane, unpackLane } from "./lanes.js";
import { nearestName, textOf } from "../parts/address.js";

export const PRESETS = told.presets;
export const VIEWS = {
  completions: "completions",
  map: "map",
  ratios: "ratios",
  openers: "opening words",
  bands: "eight seeds",
};
export const KEYS = ["preset", "seed", "view", "prompt", ...NAMES];
const LONGEST = 400; // letters of a prompt: a task reads far fewer
const ASIDE = {
  dial: "7 : +3 flip x3 -2 half =",
  dial_rare: "7 : +3 flip x3 -2 half =",
  spend: "37 :",
  tales: "a tale of a hare and a star :",
};

/* { preset, seed, lanes: [given..], view, prompt } as they came -> { state, notes }. */
export function settle(given) {
  const notes = [],
    names = Object.keys(PRESETS);
  let preset = given.preset || told.first;
  if (!names.includes(preset)) {
    notes.push(`There is no preset "${brief(preset)}"; using ${(preset = nearestName(preset, names))}.`);
  }
  const lanes = {},
    found = Array.isArray(given.lanes) && given.lanes.length ? given.lanes : PRESETS[preset].lanes;
  if (found.length > NAMES.length) notes.push(`${found.length} lanes were asked for; ${NAMES.length} fit.`);
  for (const [i, one] of found.slice(0, NAMES.length).entries()) {
    const { lane, notes: more } = possibleLane(one, NAMES[i]);
    lanes[NAMES[i]] = lane;
    notes.push(...more);
  }
  let seed = Number(textOf(given.seed ?? 0));
  if (!Number.isInteger(seed) || seed < 0 || seed > 1e6) {
    notes.push(
      `seed = ${brief(given.seed)} is impossible; using ${(seed = Number.isFinite(seed) ? Math.min(1e6, Math.max(0, Math.round(seed))) : 0)}.`,
    );
  }
  let view = textOf(given.view || PRESETS[preset].view || "completions");
  if (!Object.hasOwn(VIEWS, view))
    notes.push(`There is no picture "${brief(view)}"; using ${(view = nearestName(view, Object.keys(VIEWS)))}.`);
  return {
    state: { preset, seed, lanes, view, prompt: textOf(given.prompt || ASIDE[lanes.a.checkpoint]).slice(0, LONGEST) },
    notes,
  };
}

/* For the address: flat, and back. A lane that is not there is "none". */
export const flat = ({ preset, seed, lanes, view, prompt }) => ({
  preset,
  seed,
  view,
  prompt,
  ...Object.fromEntries(NAMES.map((name) => [name, lanes[name] ? packLane(lanes[name]) : "none"])),
});

export function fromAddress(values, first) {
  const preset = values.preset === undefined ? first.preset : textOf(values.preset),
    known = Object.hasOwn(PRESETS, preset) ? PRESETS[preset] : null;
  const begin = values.preset === undefined || !known ? Object.values(first.lanes) : known.lanes;
  const lanes = NAMES.map((name, i) =>
    values[name] === undefined ? begin[i] : values[name] === "none" ? null : unpackLane(values[name]),
  ).filter(Boolean);
  const view = values.view ?? (values.preset === undefined ? first.view : undefined);
  return {
    preset,
    free: values.preset === undefined && first.free,
    seed: values.seed ?? first.seed,
    lanes: lanes.length ? lanes : begin,
    view,
    prompt: values.prompt ?? first.prompt,
  };
}
