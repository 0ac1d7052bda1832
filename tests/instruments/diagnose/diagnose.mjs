/* What the page makes of files, for Python to compare: reads jobs from its input, writes findings and pages. */

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { page } from "../../../book/trbook/explorables/js/diagnose/page.js";
import { read } from "../../../book/trbook/explorables/js/diagnose/read.js";
import "../../../book/trbook/explorables/built/workers/parquet.js";
import { diagnose } from "../../../book/trbook/explorables/js/diagnose/report.js";

/* JSON that keeps what JSON has no word for. */
const marked = (_, value) => (typeof value === "number" && !Number.isFinite(value) ? `number:${value}` : value);

/* A file that is larger than it could be written here, and one that is written to or is a folder. */
const odd = {
  huge: { name: "huge.jsonl", size: 2 ** 31, slice: () => { throw new Error("it was read"); } },
  long: { name: "long.json", size: 3e8, slice: () => new Blob([`[{"logp": [${"-1,".repeat(40_000)}`]).slice(0, 1 << 16) },
  changed: { name: "changed.jsonl", size: 100, slice: () => ({ arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) }) },
  shorter: { name: "shorter.jsonl", size: 100, slice: () => new Blob(["{}"]) },
};

const made = [];
for (const { files, options, limits } of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    const findings = diagnose(await read(files.map((path) => odd[path] ?? new File([readFileSync(path)], basename(path))), options), limits);
    made.push({ findings, page: page(findings) });
  } catch (error) {
    made.push({ error: error.message, stack: error.constructor.name === "Refused" ? "" : error.stack });
  }
}
process.stdout.write(JSON.stringify(made, marked));
