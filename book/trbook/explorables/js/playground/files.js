/* A run as CSV and JSON, and back; a text as a file. */

import { NAMES, brief, packLane, possibleLane } from "./lanes.js";

const COLUMNS = [
  "batch",
  "reward",
  "length",
  "kept",
  "grad_norm",
  "ratio_max",
  "kl",
  "kl_back",
  "tv",
  "tv_max",
  "entropy",
];
const WHAT = "a run of the playground of Trust Regions for Language Models";

/* A row of the file for every batch of every lane and seed, with the settings that the batch was sampled with. What was
   played and what the eight seeds did are told apart by `run`: seed 0 may be in both. */
export function csv({ lanes, runs, seed }) {
  const lines = [["lane", "method", "run", "seed", "settings", ...COLUMNS].join(",")];
  const put = (name, run, of, rows) => {
    for (const row of rows)
      lines.push(
        [
          name,
          row.settings.method,
          run,
          of,
          `"${packLane(row.settings).replaceAll('"', '""')}"`,
          ...COLUMNS.map((key) => cell(row[key])),
        ].join(","),
      );
  };
  for (const name of Object.keys(lanes)) put(name, "played", seed, runs[name].rows);
  for (const name of Object.keys(lanes))
    (runs[name].seeds?.rows ?? []).forEach((rows, s) => put(name, "seeds", s, rows));
  return `${lines.join("\n")}\n`;
}

const cell = (value) => (value === undefined || value === null || Number.isNaN(value) ? "" : String(value));

/** @param {any} state @param {{ address?: string, date?: string }} where */
export function json({ preset, seed, lanes, runs, made }, { address, date }) {
  const of = (name) => ({
    name,
    settings: lanes[name],
    rows: runs[name].rows,
    stopped: runs[name].why,
    seeds: runs[name].seeds?.rows ?? [],
    seeds_stopped: runs[name].seeds?.ends ?? [],
  });
  return `${JSON.stringify({ what: WHAT, version: made?.version ?? null, engine: made?.hash ?? null, date, preset, seed, address, lanes: Object.keys(lanes).map(of) }, null, 1)}\n`;
}

const MOST = 1000; // rows of a lane

/* The text of a saved run -> the event that shows it: { given, pinned, notes }. made: of the engine in this page, if it has
   arrived. Throws in plain words where it is something else. */
export function unsaved(text, made = null) {
  try {
    return again(JSON.parse(text), made);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Error("this is not JSON; expected a run that was saved here by Save as JSON.");
  }
}

export function again(saved, made = null) {
  if (saved?.what !== WHAT || !Array.isArray(saved.lanes) || !saved.lanes.length || saved.lanes.length > NAMES.length) {
    throw new Error("this is not a run of the playground; expected one that was saved here by Save as JSON.");
  }
  const notes = [],
    lanes = {};
  for (const [i, one] of saved.lanes.entries()) {
    if (one === null || typeof one !== "object")
      throw new Error(`lane ${i + 1} of this file is ${JSON.stringify(one)}; expected its settings and rows.`);
    const { lane, notes: more } = possibleLane({ ...one.settings }, NAMES[i]);
    lanes[NAMES[i]] = lane;
    notes.push(...more);
  }
  if (saved.engine && made?.hash && saved.engine !== made.hash)
    notes.push("This run was made by another version of the engine: played again, it may differ.");
  const date = /^\d{4}-\d\d-\d\d/.exec(saved.date)?.[0];
  const pinned = saved.lanes
    .map((one, i) => ({ number: 1, name: NAMES[i], date, seed: saved.seed, rows: sound(one.rows, lanes[NAMES[i]]) }))
    .filter(({ rows }) => rows.length);
  return {
    given: {
      preset: typeof saved.preset === "string" ? brief(saved.preset) : undefined,
      seed: saved.seed,
      lanes: Object.values(lanes),
    },
    pinned,
    notes,
  };
}

/* Rows of numbers, each with the settings that it was sampled with. */
function sound(rows, lane) {
  if (!Array.isArray(rows)) return [];
  return rows.slice(0, MOST).map((row, batch) => ({
    ...Object.fromEntries(COLUMNS.map((key) => [key, typeof row?.[key] === "number" ? row[key] : NaN])),
    batch,
    settings: row?.settings && typeof row.settings === "object" ? possibleLane({ ...row.settings }, "a").lane : lane,
  }));
}

export function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type })),
    link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
