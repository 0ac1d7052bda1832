/* The contest's runs, in Workers of their own, as many at once as there are cores: a lane at every rate with every held
   seed, then the prompts that no run learns from. */

import { cores, fleet } from "../playground/fleet.js";
import { engineSettings } from "../playground/lanes.js";

const TEN = 10; // batches of early reward
const mean = (values) => values.reduce((total, x) => total + x, 0) / values.length;

/* rules: of contest.json; told({ done, of, runs }) after every run; ended(why): null when all are done. Gives a function
   that stops it. */
export function runAll({ parts, lane, rules, told, ended }) {
  const jobs = rules.seeds.flatMap((seed) => rules.rates.map((rate) => ({ seed, rate }))),
    of = jobs.length,
    going = new Map(),
    runs = [];
  let serial = 0,
    over = false,
    batches = 0;
  const workers = fleet(parts, hear);

  function take() {
    while (!over && jobs.length && going.size < cores()) {
      const job = jobs.shift(),
        hand = `contest ${(serial += 1)}`;
      going.set(hand, { ...job, rewards: [] });
      workers.open({ hand, checkpoint: "dial", settings: settingsOf(lane, rules, job), knobs: {} });
    }
    if (!over && !going.size) end(null);
  }

  function hear({ type, hand, data, text }) {
    const one = going.get(hand);
    if (over || !one || type === "engine") return;
    if (type === "died") return end(text);
    if (data.error !== undefined) {
      // a run that stops has learned nothing that lasts: it counts as 0
      return finish(hand, {
        take_off: mean([...one.rewards, ...Array(TEN).fill(0)].slice(0, TEN)),
        end: 0,
        stopped: data.error,
      });
    }
    if (data.examined !== undefined)
      return finish(hand, { take_off: mean(one.rewards.slice(0, TEN)), end: data.examined });
    if (data.event === "batch") {
      one.rewards.push(data.row.reward);
      batches += 1;
      told({ done: batches / (of * rules.batches), runs });
    } else if (!data.ready) return;
    if (one.rewards.length < rules.batches) workers.send({ hand, message: { once: "batch" } });
    else workers.send({ hand, message: { examine: { prompts: rules.prompts, samples: rules.samples } } });
  }

  function finish(hand, found) {
    const { seed, rate, rewards } = going.get(hand);
    workers.close({ hand });
    going.delete(hand);
    batches += rules.batches - rewards.length;
    runs.push({ seed, rate, ...found });
    told({ done: batches / (of * rules.batches), runs });
    take();
  }

  function end(why) {
    if (over) return;
    over = true;
    workers.release();
    ended(why);
  }
  take();
  return () => end(null);
}

/* Everything but the method, its constants and how its tokens are added up is the recorded runs'. */
export const settingsOf = (lane, rules, { seed, rate }) => ({
  ...engineSettings({ ...lane, lr: rate, epochs: rules.uses, minibatches: 1, group: rules.group }, seed),
  probe: 0,
});
