/* The lines of trlib that run a lane's settings in Python. */

import { METHODS } from "../../engine/js/methods.js";
import { fileOf } from "../formula/python.js";
import { PROMPTS, knobsOf, thresholdsOf } from "./lanes.js";

const CLASSES = {
  reinforce: "REINFORCE",
  pg_is: "PGIS",
  ppo: "PPO",
  grpo: "GRPO",
  dr_grpo: "DrGRPO",
  dapo: "DAPO",
  gspo: "GSPO",
  cispo: "CISPO",
  sapo: "SAPO",
  gmpo: "GMPO",
  pspo: "PSPO",
  dppo: "DPPO",
  ppo_penalty: "PPOPenalty",
  quatro: "QUATRO",
  troll: "TROLL",
  bapo: "BAPO",
  minpro: "MinPRO",
  cpgd: "CPGD",
  r2vpo: "R2VPO",
  trefree: "TREFree",
};
const TASK = { dial: "dial", dial_rare: "dial", spend: "spend" };

export function python(lane, { seed, batches }) {
  if (lane.method === "own") return fileOf(lane, commandOf(lane, { seed, batches }));
  const kind = CLASSES[lane.method],
    given = thresholdsOf(lane);
  const knobs = Object.entries(knobsOf(lane))
    .map(([key, value]) => `, ${key}=${value}`)
    .join("");
  const named = Object.entries(given)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(", ");
  return `import trlib
from ${METHODS[lane.method].gallery ? "trlib.relatives.ratios" : "trlib.algorithms"} import ${kind}

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

/* Every method of the engine has a class. */
export const missing = () => Object.keys(METHODS).filter((name) => !(name in CLASSES));
