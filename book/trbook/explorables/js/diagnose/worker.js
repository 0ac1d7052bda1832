/* Reads and computes beside the page, which stays alive meanwhile. */

import { page } from "./page.js";
import { body, causesOf, markOf } from "./page.js";
import { Refused } from "./columns.js";
import { diagnose } from "./report.js";
import { read } from "./read.js";

self.onmessage = async ({ data: { id, files, options } }) => {
  try {
    let told = 0;
    const rollouts = await read(files, options, (share) => {
      if (share - told >= 0.02) self.postMessage({ id, progress: (told = share) });
    });
    self.postMessage({ id, progress: 1 });
    const findings = diagnose(rollouts, options.limits);
    const { points: _, ...json } = findings;
    self.postMessage({
      id,
      done: {
        verdict: findings.verdict,
        causes: causesOf(findings),
        mark: markOf(findings),
        headline: findings.headline,
        body: body(findings),
        page: page(findings),
        json,
        source: findings.source,
      },
    });
  } catch (error) {
    const memory =
      error instanceof RangeError ? "This page ran out of memory for it; trlib diagnose reads it in a terminal." : null;
    self.postMessage({
      id,
      failed: error instanceof Refused ? error.message : (memory ?? `it could not be read: ${error.message}`),
    });
  }
};
