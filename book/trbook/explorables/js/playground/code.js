/* The lines of trlib that run a lane's settings in Python. */

import { METHODS } from "../../engine/js/methods.js";
import { fileOf } from "../formula/python.js";
import { PROMPTS, knobsOf, thresholdsOf } from "./lanes.js";

const TASK = { dial: "dial", dial_rare: "dial", spend: "spend", tales: "tales" };

export function python(lane, { seed, batches }) {
  if (lane.method === "own") return fileOf(lane, commandOf(lane, { seed, batches }));
  const path = METHODS[lane.method].class,
    dot = path.lastIndexOf("."),
    kind = path.slice(dot + 1),
    given = thresholdsOf(lane);
  const knobs = Object.entries(knobsOf(lane))
    .map(([key, value]) => `, ${key}=${value}`)
    .join("");
  const named = Object.entries(given)
    .map(([key, value]) =>
      key === "beta" ? `reference=trlib.algorithms.Reference(beta=${value})` : `${key}=${JSON.stringify(value)}`,
    )
    .join(", ");
  return `import trlib
from ${path.slice(0, dot)} import ${kind}

run = trlib.train(
    trlib.load_policy("${lane.checkpoint}"), trlib.load_task("${TASK[lane.checkpoint]}"${knobs}),
    ${kind}(${named}),
    steps=${batches}, seed=${seed}, prompts=${PROMPTS}, group=${lane.group},
    minibatches=${lane.minibatches}, epochs=${lane.epochs}, lr=${lane.lr},
)
print(run.history["reward"][-10:])
`;
}

/* The words of `trlib train` after a method's file. */
function commandOf(lane, { seed, batches }) {
  const knobs = Object.entries(knobsOf(lane))
    .map(([name, value]) => ` --knob ${name}=${value}`)
    .join("");
  return ` \\
    --policy ${lane.checkpoint} --task ${TASK[lane.checkpoint]}${knobs} --steps ${batches} --seed ${seed} \\
    --prompts ${PROMPTS} --group ${lane.group} --minibatches ${lane.minibatches} --epochs ${lane.epochs} --lr ${lane.lr}`;
}
