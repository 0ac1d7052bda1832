/* storyteller: a policy that is trained on a reward model, beside a judge. A recorded run without a penalty on the KL
   divergence to the first policy, and runs that learn in the page with a penalty of the reader's choice. */

import style from "./storyteller/style.css";
import { button, h, ladder, say, stage, status } from "./parts/common.js";
import { readable, reading } from "./parts/handling.js";
import { fleet } from "./playground/fleet.js";
import { chart } from "./storyteller/chart.js";
import { judged, typical } from "./storyteller/stories.js";
import { tale } from "./storyteller/tale.js";

const RUNGS = [0, 0.01, 0.03, 0.1, 0.3, 1],
  HEIGHT = [
    [560, 200],
    [0, 350],
  ],
  LAST = 10, // batches that say how a run ended
  EARLIER = 2; // runs of the reader that stay, faint
const two = (value) => value.toFixed(2).replace("-", "−");
const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;
const ends = ({ rows }, key) => two(mean(rows.slice(-LAST).map((row) => row[key])));
const named = (beta) => `β\u00a0=\u00a0${beta}`;
const batchesOf = (k) => (k === 1 ? "1 batch" : `${k} batches`);

export default {
  render({ model, el }) {
    const { frame, release } = stage(el, style, "A storyteller that is trained on a reward model"),
      close = open(frame, model, JSON.parse(model.get("_data")));
    return () => {
      close();
      release();
    };
  },
};

function open(frame, model, { prompt, batches, settings, rows, said }) {
  const recorded = {
    key: "recorded",
    beta: 0,
    rows,
    said: said.map(([text, ended, good]) => ({ ...judged(prompt, text.split(" "), ended), good })),
  };
  let runs = [recorded], // the newest last
    learning = null, // the run that is being trained
    playing = false,
    beta = RUNGS.includes(model.get("beta")) ? model.get("beta") : 0.1,
    one = null, // the batch that is read
    fault = "",
    frames = 0,
    serial = 0;

  const picture = chart(),
    plane = readable({ label: "Batch to read", last: batches - 1 }, picture.node),
    story = tale(prompt),
    told = h("p", { class: "told" }),
    trouble = h("p", { class: "trouble", role: "alert", hidden: true }),
    spoken = status(300),
    play = button("", () => (learning ? turn() : begin()), { class: "play" }),
    slider = ladder({
      label: "β",
      spoken: "beta, the weight of the penalty on the KL divergence to the first policy",
      rungs: RUNGS,
      words: String,
      write: String,
      onInput: (value) => {
        beta = value;
        ask();
      },
      onEnd: (value) => {
        model.set("beta", value);
        begin();
      },
    });
  frame.append(
    h(
      "div",
      { class: "framed teller" },
      h("p", { class: "top" }, h("b", { text: "A storyteller, its reward model and its judge" })),
      h("div", { class: "set" }, play, slider.el),
      trouble,
      told,
      story.node,
      plane,
    ),
    spoken.el,
  );

  const current = () => runs.at(-1);

  function draw() {
    frames = 0;
    const width = plane.clientWidth;
    if (!width) return;
    const [, height] = HEIGHT.find(([from]) => width >= from),
      run = current(),
      at = Math.min(one ?? batches, run.said.length - 1),
      row = run.rows[at];
    plane.style.height = `${height}px`;
    picture.draw({ width, height, last: batches - 1, one, runs: runs.map((each) => ({ ...each, old: each !== run })) });
    story.show(run.said[at], `after ${batchesOf(at)} with ${named(run.beta)}`);
    say(told, sentence());
    say(play, !learning ? `▶ Train with β = ${beta}` : playing ? "Pause" : "Go on");
    plane.setAttribute("aria-valuenow", String(at));
    plane.setAttribute(
      "aria-valuetext",
      row
        ? `batch ${at}, β = ${run.beta}: reward ${two(row.reward)}, good stories ${two(row.right)}, ${two(row.kl_ref_seq)} nats from the first policy`
        : `batch ${at}`,
    );
    trouble.hidden = !fault;
    say(trouble, fault);
    frame.dataset.drawn = "yes";
  }
  const ask = () => {
    frames ||= requestAnimationFrame(draw);
  };

  function sentence() {
    const run = current(),
      row = run.rows[Math.min(one ?? batches, run.rows.length - 1)];
    if (learning && !run.rows.length) return `${named(run.beta)}: loading the model (0.4 MB).`;
    if (learning || one !== null)
      return `${named(run.beta)}, batch ${Math.min(one ?? batches, run.rows.length - 1) + 1} of ${batches}: the reward model gives ${two(row.reward)}, and the judge calls ${two(row.right)} of the stories good. The policy is ${two(row.kl_ref_seq)} nats per story from where it began.`;
    const without = `Without a penalty (${named(0)}, a recorded run) the score of the reward model rises from ${two(rows[0].reward)} to ${ends(recorded, "reward")}, and at the end ${ends(recorded, "right")} of the stories are good.`;
    if (run === recorded) return `${without} Choose β, and train.`;
    return `With ${named(run.beta)} the score ends at ${ends(run, "reward")}, and ${ends(run, "right")} of the stories are good. ${without}`;
  }

  const workers = fleet(model.get("_parts"), heard);
  function begin() {
    stop();
    fault = "";
    serial += 1;
    const mine = runs.slice(1).filter((run) => run.rows.length === batches && run.beta !== beta);
    learning = { key: `run${serial}`, beta, rows: [], said: [] };
    runs = [recorded, ...mine.slice(-EARLIER), learning];
    playing = true;
    one = null;
    workers.open({ hand: learning.key, checkpoint: "tales", settings: { ...settings, beta }, knobs: {} });
    ask();
  }
  function stop() {
    if (!learning) return;
    workers.close({ hand: learning.key });
    runs = runs.filter((run) => run !== learning);
    learning = null;
  }
  /* Pause, or go on with the next story. */
  function turn() {
    playing = !playing;
    if (playing && learning.waiting) next();
    ask();
  }
  function next() {
    learning.waiting = !playing;
    if (playing) workers.send({ hand: learning.key, message: { ask: prompt, id: 1 } });
  }
  function heard({ type, hand, data: message, text }) {
    if (!learning || (hand && hand !== learning.key)) return;
    if (type === "died" || message?.error) {
      fault = `The model cannot learn here: ${type === "died" ? text : message.error}`;
      stop();
    } else if (message?.answers) {
      learning.said.push(typical(prompt, message.answers));
      workers.send({ hand, message: { once: "batch" } });
    } else if (message?.ready) next();
    else if (message?.event === "batch") {
      learning.rows.push(message.row);
      if (learning.rows.length < batches) next();
      else {
        workers.close({ hand });
        learning = null;
        spoken.speak(sentence());
      }
    }
    ask();
  }

  reading(plane, {
    page: 5,
    pointed: (event) => picture.batchAt(event, batches - 1),
    read: (batch) => {
      one = batch;
      ask();
    },
    now: () => one,
    last: () => Math.max(0, current().rows.length - 1),
  });
  const changed = () => {
      beta = model.get("beta");
      slider.set(beta);
      ask();
    },
    watcher = new ResizeObserver(ask);
  model.on("change:beta", changed);
  watcher.observe(plane);
  slider.set(beta);
  ask();
  return () => {
    model.off("change:beta", changed);
    watcher.disconnect();
    cancelAnimationFrame(frames);
    workers.release();
    spoken.release();
  };
}
