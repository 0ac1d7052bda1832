/* What the page makes of files, for Python to compare: reads jobs from its input, writes findings and pages. */

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { page } from "../../book/trbook/explorables/js/diagnose/page.js";
import { read } from "../../book/trbook/explorables/js/diagnose/read.js";
import { diagnose } from "../../book/trbook/explorables/js/diagnose/report.js";

/* JSON that keeps what JSON has no word for. */
const marked = (_, value) => (typeof value === "number" && !Number.isFinite(value) ? `number:${value}` : value);

const made = [];
for (const { files, options, limits } of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    const findings = diagnose(await read(files.map((path) => new File([readFileSync(path)], basename(path))), options), limits);
    made.push({ findings, page: page(findings) });
  } catch (error) {
    made.push({ error: error.message, stack: error.constructor.name === "Refused" ? "" : error.stack });
  }
}
process.stdout.write(JSON.stringify(made, marked));
