/* A run as CSV and JSON, and back; a text as a file. */

import { packLane } from "./lanes.js";

const COLUMNS = ["batch", "reward", "length", "kept", "grad_norm", "ratio_max", "kl", "kl_back", "tv", "tv_max", "entropy"];
const WHAT = "a run of the playground of Trust Regions for Language Models";

/* A row of the file for every batch of every lane and seed, with the settings that the batch was sampled with. What was
   played and what the eight seeds did are told apart by `run`: seed 0 may be in both. */
export function csv({ lanes, runs, seed }) {
  const lines = [["lane", "method", "run", "seed", "settings", ...COLUMNS].join(",")];
  const put = (name, run, of, rows) => {
    for (const row of rows) lines.push([name, row.settings.method, run, of, `"${packLane(row.settings).replaceAll('"', '""')}"`, ...COLUMNS.map((key) => cell(row[key]))].join(","));
  };
  for (const name of Object.keys(lanes)) put(name, "played", seed, runs[name].rows);
  for (const name of Object.keys(lanes)) (runs[name].seeds?.rows ?? []).forEach((rows, s) => put(name, "seeds", s, rows));
  return `${lines.join("\n")}\n`;
}

const cell = (value) => (value === undefined || value === null || Number.isNaN(value) ? "" : String(value));

export function json({ preset, seed, lanes, runs, made }, { address, date }) {
  const of = (name) => ({ name, settings: lanes[name], rows: runs[name].rows, stopped: runs[name].why, seeds: runs[name].seeds?.rows ?? [], seeds_stopped: runs[name].seeds?.ends ?? [] });
  return `${JSON.stringify({ what: WHAT, version: made?.version ?? null, engine: made?.hash ?? null, date, preset, seed, address, lanes: Object.keys(lanes).map(of) }, null, 1)}\n`;
}

export function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type })), link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
