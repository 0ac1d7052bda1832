/* dial: what a language model answers to one prompt, drawn on a dial, before it is trained and after; or the eight answers of a
   group. One button trains the model in the page. */

import dials from "./dial/dial.css";
import style from "./dial/style.css";
import { average, button, h, say, stage, status } from "./parts/common.js";
import { fleet } from "./playground/fleet.js";
import { TASK, ring } from "./dial/ring.js";

const NARROW = 520; // pixels below which a dial names two places
const inAll = (share) => `${Math.round(100 * share)} in 100`;
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

export default {
  render({ model, el }) {
    const { frame, release } = stage(el, dials + style, "What a language model answers, on a dial"),
      close = open(frame, model, JSON.parse(model.get("_data")));
    return () => {
      close();
      release();
    };
  },
};

const isPlace = (word) => /^\d+$/.test(word),
  stepping = (answers) => answers.filter((words) => words.filter(isPlace).length > 2).length;

/* Of several answers one that ends as most do. */
function typical(prompt, answers) {
  const right = (words) => TASK.verify(prompt, words, true).reward > 0,
    most = 2 * answers.filter(right).length > answers.length;
  return answers.find((words) => right(words) === most);
}

function open(frame, model, { prompt: text, batches, settings, right, said }) {
  const prompt = TASK.read(text),
    isRight = (words) => TASK.verify(prompt, words, true).reward > 0,
    view = model.get("view"),
    two = view === "two",
    completions = settings.prompts * settings.group,
    first = right[0] / completions;
  let learning = null, // { rows } of the run in the page
    ended = null, // the reward of its last batch: what comes of a run is told when it has been made
    now = said[0],
    fault = "";

  const cards = Array.from({ length: two ? 2 : said[0].length }, () => card(prompt, two)),
    line = h("li", { class: "mean" }),
    verdict = h("p"),
    trouble = h("p", { class: "trouble", role: "alert", hidden: true }),
    spoken = status(300),
    go = button("", () => (learning ? stop() : train()));
  frame.append(
    h(
      "div",
      { class: "turned" },
      h(
        "p",
        { class: "asked" },
        h("code", { text: `${text.replace("sq", "square").replace("x7", "×7").replace("-5", "−5")} ?` }),
      ),
      h("ul", { class: two ? "two" : `eight ${view}` }, ...cards.map(({ node }) => node), view === "group" && line),
      h("div", { class: "go" }, go, verdict),
      trouble,
    ),
    spoken.el,
  );

  function draw() {
    if (two) {
      const [before, after] = [said[0], now].map((answers) => typical(prompt, answers)),
        size = frame.clientWidth < NARROW ? "small" : "",
        show = (card, when, words) =>
          card.show(words, `${when}${isRight(words) ? "right" : "wrong"}`, isRight(words), size);
      show(cards[0], "Before training: a guess, ", before);
      if (learning || ended !== null)
        show(cards[1], `After ${learning ? `batch ${learning.rows.length}` : `${batches} batches`}: `, after);
      else cards[1].show([], "After training:\u00a0?", null, size);
    } else {
      const rewards = now.map((words) => Number(isRight(words))),
        mean = average(rewards);
      say(line, `mean of the group: ${mean.toFixed(2)}`);
      now.forEach((words, i) => {
        const advantage = rewards[i] - mean;
        cards[i].show(words, view === "group" ? signed(advantage) : "", rewards[i] > 0, "tiny");
      });
    }
    say(verdict, sentence());
    say(go, learning ? "Stop" : ended === null ? "▶ Train it here" : "▶ Train it again");
    trouble.hidden = !fault;
    say(trouble, fault);
    frame.dataset.drawn = "yes";
  }

  function sentence() {
    const solved = now.filter(isRight).length,
      of = `${solved} of ${now.length} ${solved === 1 ? "is" : "are"} right`,
      done = learning ? `Batch ${learning.rows.length} of ${batches}: ` : "";
    if (view === "group") {
      if (solved === 0 || solved === now.length)
        return `${done}${of}: every advantage is 0, and this group teaches nothing.`;
      return `${done}${of}, so the mean is ${(solved / now.length).toFixed(2)}: a right one gets ${signed(1 - solved / now.length)}, a wrong one ${signed(-solved / now.length)}.`;
    }
    if (view === "eight")
      return ended !== null
        ? `After ${batches} batches ${of}, and ${stepping(now)} write down their steps: at first ${stepping(said[0])} did. Which word leads there, one bit had to find out.`
        : `${done}${of}. ${learning ? "" : "Train it, and watch all eight change."}`;
    const start = `At first ${inAll(first)} answers are right`;
    if (learning) return `${done}${inAll(learning.rows.at(-1) ?? first)} answers are right.`;
    if (ended === null) return `${start}, by a guess. Only right or wrong is said to it. What will it write then?`;
    const way = typical(prompt, now).filter(isPlace),
      steps =
        way.length > 2 ? ` Now it writes down every step: ${way.slice(0, -1).join(", ")}. Nobody showed it how.` : "";
    return `${start}, after ${batches} batches ${inAll(ended)}.${steps}`;
  }

  const workers = fleet(model.get("_parts"), heard);
  function train() {
    fault = "";
    learning = { rows: [] };
    ended = null;
    now = said[0];
    workers.open({ hand: "dial", checkpoint: "dial", settings, knobs: {} });
    draw();
  }
  function stop() {
    workers.close({ hand: "dial" });
    if (learning.rows.length < batches) now = said[0];
    learning = null;
    draw();
  }
  function heard({ type, data: message, text: words }) {
    if (!learning) return;
    if (type === "died" || message?.error) {
      fault = `The model cannot learn here: ${type === "died" ? words : message.error}`;
      stop();
      return;
    }
    if (message?.event === "batch") learning.rows.push(message.row.reward);
    if (message?.ready || message?.event === "batch") workers.send({ hand: "dial", message: { ask: text, id: 1 } });
    if (message?.answers) {
      now = message.answers.map((answer) => answer.words);
      if (learning.rows.length < batches) workers.send({ hand: "dial", message: { once: "batch" } });
      else {
        ended = learning.rows.at(-1);
        stop();
        spoken.speak(sentence());
        return;
      }
    }
    draw();
  }
  draw(); // before the page is laid out, so that nothing moves
  const watcher = new ResizeObserver(() => frame.clientWidth && draw());
  watcher.observe(frame);
  return () => {
    watcher.disconnect();
    workers.release();
    spoken.release();
  };
}

/* One answer: what is said of it, its words, its dial. */
function card(prompt, whole) {
  const title = h("b"),
    words = h("code"),
    dial = ring(),
    node = h("li", {}, title, words, dial.node);
  return {
    node,
    show(said, text, right, size) {
      dial.show(prompt, said, right, size);
      node.dataset.right = dial.node.dataset.right;
      say(title, whole ? text : text || `${right ? "✓" : "✕"} ${said.at(-1) ?? ""}`);
      say(words, whole ? said.join(" ") : `“${said[0]}”`); // a word such as “right” is no verdict
    },
  };
}
