/* What is chosen: made possible, written into the address of the page and read from it. No drawing here. */

import { strangers, textOf } from "../parts/address.js";
import { nearestName } from "../parts/address.js";

export const KEYS = ["sweep", "at", "methods", "measure", "cell", "batch"];
const FIRST = ["on-policy", "pg_is", "ppo", "dppo-tv", "dppo", "quatro", "troll"];
const MOST = 6;

/* What a sweep is opened with: the last point of every axis, the methods that chapters speak of, the reward. */
export function opening(pack, sweep) {
  const at = Object.fromEntries(Object.entries(sweep.axes).map(([axis, points]) => [axis, points[points.length - 1]]));
  const usual = sweep.methods.filter((method) => FIRST.includes(method));
  return {
    sweep: sweep.name,
    at,
    methods: usual.length > 1 ? usual : sweep.methods.slice(0, MOST),
    measure: sweep.measures[0],
    cell: "",
    batch: -1,
  };
}

/* A choice as it came -> { state, notes }: an empty part is filled, an unknown name told and the nearest one taken.
   A note is { key, text }. */
export function possible(raw, pack) {
  const notes = [],
    known = [...pack.byName.keys()];
  const named = (key, what, name, names) => {
    if (names.includes(name)) return name;
    const near = nearestName(name, names);
    notes.push({ key, text: `${what}: there is no "${textOf(name).slice(0, 40)}" here; "${near}" is shown.` });
    return near;
  };
  const sweep = pack.byName.get(raw.sweep ? named("sweep", "Sweep", raw.sweep, known) : known[0]);
  const state = opening(pack, sweep);
  for (const [axis, label] of Object.entries(raw.at ?? {})) {
    if (!Object.hasOwn(sweep.axes, axis))
      notes.push({
        key: "at",
        text: `${sweep.name} varies ${Object.keys(sweep.axes).join(" and ") || "nothing but the methods"}, no "${axis.slice(0, 40)}"; it is left out.`,
      });
    else state.at[axis] = named("at", axis, textOf(label), sweep.axes[axis]);
  }
  if (Array.isArray(raw.methods) && raw.methods.length) {
    const asked = raw.methods.map((method) => named("methods", "Method", method, sweep.methods));
    state.methods = sweep.methods.filter((method) => asked.includes(method));
  }
  if (raw.measure) state.measure = named("measure", "Measure", raw.measure, sweep.measures);
  if (raw.cell) {
    state.cell = named("cell", "Method", raw.cell, sweep.methods);
    state.methods = sweep.methods.filter((method) => method === state.cell || state.methods.includes(method));
  }
  const batch = Number(textOf(raw.batch ?? -1));
  if (!Number.isInteger(batch) || batch < -1 || batch >= sweep.batches) {
    notes.push({
      key: "batch",
      text: `Batch: expected 0 to ${sweep.batches - 1}, got "${textOf(raw.batch).slice(0, 40)}"; the last is shown.`,
    });
  } else state.batch = batch;
  return { state, notes };
}

/* Another sweep, with what it shares with the choice so far. */
export function moved(pack, state, name) {
  const sweep = pack.byName.get(name),
    next = opening(pack, sweep);
  const methods = state.methods.filter((method) => sweep.methods.includes(method));
  for (const axis of Object.keys(next.at))
    if (sweep.axes[axis].includes(state.at[axis])) next.at[axis] = state.at[axis];
  if (methods.length > 1) next.methods = methods;
  if (sweep.measures.includes(state.measure)) next.measure = state.measure;
  return next;
}

const MARK = "#runs:";

export function write(state) {
  const parts = new URLSearchParams({ sweep: state.sweep });
  for (const [axis, label] of Object.entries(state.at)) parts.set(`at.${axis}`, label);
  for (const method of state.methods) parts.append("methods", method);
  parts.set("measure", state.measure);
  if (state.cell) parts.set("cell", state.cell);
  if (state.batch >= 0) parts.set("batch", String(state.batch));
  return MARK + parts;
}

/* An address -> { raw, notes }, or null where it says nothing of runs. */
export function read(hash) {
  let text = hash;
  try {
    if (!text.startsWith(MARK)) text = decodeURIComponent(hash);
  } catch {
    return null;
  }
  if (!text.startsWith(MARK)) return null;
  const raw = { at: {}, methods: [] },
    unknown = new Set();
  for (const [key, value] of new URLSearchParams(text.slice(MARK.length))) {
    if (key.startsWith("at.")) raw.at[key.slice(3)] = value;
    else if (key === "methods") raw.methods.push(value);
    else if (key === "batch") raw.batch = value.trim() === "" ? NaN : Number(value);
    else if (KEYS.includes(key) && key !== "at") raw[key] = value;
    else unknown.add(key);
  }
  return { raw, notes: strangers([...unknown], KEYS) };
}
