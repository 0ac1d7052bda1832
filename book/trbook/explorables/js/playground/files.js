/* A run as CSV and JSON, and a text as a file. */

const COLUMNS = ["batch", "reward", "length", "kept", "grad_norm", "ratio_max", "kl", "kl_back", "tv", "tv_max", "entropy"];

/* lanes: [{ name, settings, rows, seeds }]; a row of the file for every batch of every lane and seed. What was played, with
   whatever was dragged meanwhile, and what the eight seeds did are told apart by `run`: seed 0 may be in both. */
export function csv(lanes, seed) {
  const lines = [["lane", "method", "run", "seed", ...COLUMNS].join(",")];
  const put = ({ name, settings }, run, of, rows) => {
    for (const row of rows) lines.push([name, settings.method, run, of, ...COLUMNS.map((key) => cell(row[key]))].join(","));
  };
  for (const lane of lanes) put(lane, "played", seed, lane.rows);
  for (const lane of lanes) lane.seeds.forEach((rows, s) => put(lane, "seeds", s, rows));
  return `${lines.join("\n")}\n`;
}

const cell = (value) => (value === undefined || value === null || Number.isNaN(value) ? "" : String(value));

export const json = (state, lanes) => `${JSON.stringify({ what: "a run of the playground of Trust Regions for Language Models", ...state,
  lanes: lanes.map(({ name, settings, rows, seeds }) => ({ name, settings, rows, seeds })) }, null, 1)}\n`;

export function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type })), link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
