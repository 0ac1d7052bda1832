/* front: a language model learns, collapses, and is stable with a clip: recorded curves, and a slider that trains one more. */

import bare from "./parts/bench.css";
import style from "./front/style.css";
import { choice, h, ladder, prediction, replyTo, say, stage, status } from "./parts/common.js";
import { fleet } from "./playground/fleet.js";
import { readable, reading } from "./parts/handling.js";
import { answer, typical } from "./front/answers.js";
import { GOAL, chart, thousand } from "./front/chart.js";
import { LOOK, RECORDED, RUNGS, YOURS, after, clipped, isRecorded, settingsOf } from "./front/lanes.js";
import { drawn, neededFor, shares } from "./front/rows.js";

const TALL = [
    [600, 262],
    [0, 216],
  ],
  EARLIER = 2, // of the reader's own lanes, kept faint
  ASKED = 1;
const two = (value) => value.toFixed(2);

export default {
  render({ model, el }) {
    const { frame, release } = stage(el, bare + style, "Train one yourself: a language model and a clip");
    const close = open(frame, model, JSON.parse(model.get("_data")));
    return () => {
      close();
      release();
    };
  },
};

function open(frame, model, data) {
  const { completions, lr, prompt, question } = data,
    runs = Object.fromEntries(RECORDED.map((key) => [key, shares(data.lanes[key], completions)])),
    batches = runs.once.middle.length,
    needs = RECORDED.map((key) => ({ key, hue: LOOK[key].hue, count: neededFor(GOAL, runs[key].raw, completions) }));
  const last = batches - 1;
  let axis = model.get("axis") === "completions" ? "completions" : "batches",
    one = null, // the batch that is pointed at
    own = [], // the reader's lanes, the newest last
    running = null,
    fault = "",
    frames = 0,
    serial = 0;

  /* What is seen. */
  const picture = chart(),
    plane = readable({ label: "Batch to read", last }, picture.node),
    story = h("p", { class: "story" }),
    along = choice({
      legend: "Along the axis",
      options: [
        ["batches", "batches"],
        ["completions", "completions"],
      ],
      onChange: (value) => {
        axis = value;
        model.set("axis", axis);
        ask();
      },
    }),
    slider = ladder({
      label: "clip",
      spoken: "Width of the clip: how far from 1 a token's ratio counts",
      rungs: RUNGS,
      words: String,
      write: (value) => `± ${value}`,
      onInput: (value) => {
        width = value;
        hint();
      },
      onEnd: () => train(),
    }),
    hinted = h("span", { class: "hinted" }),
    trouble = h("p", { class: "trouble", role: "alert", hidden: true }),
    cards = Object.fromEntries(["reuse", "clip"].map((key) => [key, answer(LOOK[key])])),
    empty = h("li", {
      class: "empty",
      text: "16 epochs, with your clip: move it above, and the completions of that model appear here.",
    }),
    list = h("ul", { class: "answers-of" }, cards.reuse.node, cards.clip.node, empty),
    spoken = status(300),
    guesses = prediction(question.options, (guess) => {
      guesses.show(guess, ...replyTo(question, guess));
      spoken.speak(guesses.said.textContent);
    });
  let width = 0.4, // between the widths that the question names
    mine = null;
  frame.append(
    h(
      "div",
      { class: "framed front" },
      h(
        "div",
        { class: "yours" },
        h("p", { class: "asked" }, h("b", { text: "Predict: " }), question.text),
        guesses.list,
        guesses.said,
        h("div", { class: "drag" }, slider.el, hinted),
        trouble,
      ),
      story,
      plane,
      h(
        "div",
        { class: "beneath" },
        h(
          "p",
          { class: "band-key" },
          "Line: the run in the middle of eight seeds, means of three batches. Band: all eight.",
        ),
        along.el,
      ),
      h(
        "div",
        { class: "writes" },
        h("p", { class: "puzzle" }, "Asked ", h("code", { text: prompt }), ", it writes its steps:"),
        list,
        h(
          "p",
          { class: "key" },
          "A dial has twenty places, 0 to 19, and goes round: 4 − 5 is 19, not 15, and 19 squared, 361, is 1. ",
          h("span", { class: "word open", text: "A blue mark" }),
          " is a token that the model was unsure of: the heavier, the less likely it was.",
        ),
      ),
    ),
    spoken.el,
  );

  function lanes() {
    return [
      ...RECORDED.map((key) => ({ key, ...LOOK[key], ...runs[key] })),
      ...own.map((lane) => ({
        ...lane,
        ...YOURS,
        name: lane.faint ? `clip ${lane.width}` : lane.name,
        middle: drawn(lane.rows),
      })),
    ];
  }

  function draw() {
    frames = 0;
    const across = plane.clientWidth;
    if (!across) return;
    const [, height] = TALL.find(([from]) => across >= from),
      at = one === null ? null : Math.min(one, last);
    plane.style.height = `${height}px`;
    picture.draw({
      width: across,
      height,
      axis,
      batches: last,
      completions,
      lanes: lanes(),
      needs,
      one: at,
    });
    for (const key of ["reuse", "clip"]) {
      const k = at ?? batches;
      cards[key].show(data.lanes[key].said[k], after(k));
    }
    mine?.update(at);
    say(story, sentence(at));
    along.set(axis);
    plane.setAttribute("aria-valuenow", String(at ?? last));
    plane.setAttribute("aria-valuetext", valued(at ?? last));
    trouble.hidden = !fault;
    say(trouble, fault);
    frame.dataset.drawn = "yes";
  }
  const ask = () => {
    frames ||= requestAnimationFrame(draw);
  };

  const valued = (k) =>
    `batch ${k}: ${lanes()
      .filter(({ middle }) => middle.length > k)
      .map(({ name, middle }) => `${name} ${two(middle[k])}`)
      .join(", ")}`;

  function sentence(at) {
    if (at !== null) return `Right answers after ${at} batches. ${valued(at).replace(/^batch \d+: /, "")}.`;
    const end = (key) => two(runs[key].middle.at(-1));
    if (running)
      return `${running.name}: ${running.rows.length ? `batch ${running.rows.length}, ${two(running.rows.at(-1))} right` : "loading the model (0.4 MB)"}.`;
    const newest = own.at(-1);
    if (newest && axis === "batches")
      return `With ${newest.name.replace("16 epochs, ", "")} it ends at ${two(drawn(newest.rows).at(-1))}, with clip 0.2 at ${end("clip")}, without a clip at ${end("reuse")}. One run alone is no evidence.`;
    if (axis === "completions") {
      const [once, , clip] = needs.map(({ count }) => count);
      return `8 right answers in 10 cost ${thousand(once)} completions with one epoch per batch, and ${thousand(clip)} with 16 epochs and a clip.`;
    }
    return `With one epoch per batch the reward rises (${end("once")}). With 16 epochs it is far ahead after one batch, and then it collapses (${end("reuse")}). With a clip it is stable (${end("clip")}).`;
  }

  /* The reader's lane: one run at a time, from the same weights and with the same draws as the recorded clip. */
  const workers = fleet(model.get("_parts"), heard);
  function train() {
    stop();
    fault = "";
    if (isRecorded(width)) {
      hint();
      return;
    }
    serial += 1;
    own = [...own.filter(({ rows, width: of }) => rows.length === batches && of !== width).slice(-EARLIER)].map(
      (lane) => ({ ...lane, faint: true }),
    );
    running = { key: `own${serial}`, width, name: clipped(width), rows: [], said: [] };
    own.push(running);
    const before = mine?.node ?? empty;
    mine = carded(running);
    before.replaceWith(mine.node);
    workers.open({
      hand: running.key,
      checkpoint: "dial",
      settings: settingsOf(width, { lr, seed: data.lanes.clip.median }),
      knobs: {},
    });
    hint();
    ask();
  }
  function stop() {
    if (!running) return;
    workers.close({ hand: running.key });
    own = own.filter((lane) => lane !== running);
    running = null;
  }
  function carded(lane) {
    const card = answer({ name: lane.name, ...YOURS });
    return {
      node: card.node,
      update(at) {
        const k = at === null ? lane.said.length - 1 : Math.min(at, lane.said.length - 1);
        if (k >= 0) card.show(lane.said[k], after(k));
      },
    };
  }
  function heard({ type, hand, data: message, text }) {
    if (!running || (hand && hand !== running.key)) return;
    if (type === "died" || message?.error) {
      fault = type === "died" ? offline(text) : `The model stopped: ${message.error}`;
      const lost = running;
      stop();
      if (mine && !own.includes(lost)) {
        mine.node.replaceWith(empty);
        mine = null;
      }
      hint();
    } else if (message?.ready || message?.event === "batch") {
      if (message.event === "batch") running.rows.push(message.row.reward);
      workers.send({ hand, message: { ask: prompt, id: ASKED } });
    } else if (message?.answers) {
      running.said.push(typical(message.answers));
      if (running.rows.length < batches) workers.send({ hand, message: { once: "batch" } });
      else {
        workers.close({ hand });
        running = null;
        spoken.speak(sentence(null));
        hint();
      }
    }
    ask();
  }

  const hint = () =>
    say(
      hinted,
      isRecorded(width) && !running
        ? "0.2 is the recorded one"
        : running
          ? "learning …"
          : own.some((lane) => lane.width === width)
            ? ""
            : "release the slider, and a model learns with it here",
    );

  /* Pointing, by hand and by keyboard. */
  reading(plane, {
    page: 5,
    pointed: (event) => picture.batchAt(event.clientX, last),
    read: (batch) => {
      one = batch;
      ask();
    },
    now: () => one,
    last: () => last,
  });

  const changed = () => {
      axis = model.get("axis") === "completions" ? "completions" : "batches";
      ask();
    },
    watcher = new ResizeObserver(ask);
  model.on("change:axis", changed);
  watcher.observe(plane);
  slider.set(width);
  hint();
  ask();
  return () => {
    model.off("change:axis", changed);
    watcher.disconnect();
    cancelAnimationFrame(frames);
    workers.release();
    spoken.release();
  };
}

const offline = (text) =>
  /did not arrive/.test(text)
    ? "The model could not be loaded: are you offline? The recorded curves are all here. Move the clip again when you are connected."
    : `The model cannot learn here: ${text}`;
