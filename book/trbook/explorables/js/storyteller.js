/* storyteller: a policy that is trained on a reward model, beside a judge. A recorded run without a penalty on the KL
   divergence to the first policy plays by itself to where it leaves, and asks; three buttons hold the policy near its
   beginning, and train it in the page. */

import style from "./storyteller/style.css";
import { button, clamp, h, ladder, say, stage, status, still } from "./parts/common.js";
import { addressed, read, write } from "./parts/address.js";
import { weightOf } from "../engine/js/tales.js";
import { fleet } from "./playground/fleet.js";
import { judged, typical } from "./storyteller/stories.js";

const SPAN = 6000, // milliseconds of a play, however many batches it has
  LEFT = 6; // nats: it plays to the batch from which on it stays farther away
const PAID = 0.08, // points of a word from which it is tinted
  MOST = 0.5; // and those at which it is tinted most
const HOLDS = [
    ["barely", 0.01],
    ["a little", 0.1],
    ["tightly", 1],
  ],
  NAME = "storyteller";
const one = (value) => (Math.round(10 * value) / 10 || 0).toFixed(1).replace("-", "−");
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

export default {
  render({ model, el }) {
    const { frame, release } = stage(el, style, "A storyteller, its reward model and its judge"),
      close = open(frame, model, JSON.parse(model.get("_data")), el);
    return () => {
      close();
      release();
    };
  },
};

function open(frame, model, { prompt, batches, settings, rows, said }, el) {
  const recorded = {
      hold: "",
      rows,
      said: said.map(([text, ended, good]) => ({ ...judged(prompt, text.split(" "), ended), good })),
    },
    last = batches - 1,
    stop = rows.findLastIndex((row) => row.kl_ref_seq < LEFT) + 1,
    home = addressed(el, NAME);
  let run = recorded, // that is shown
    at = still() ? stop : 0,
    learning = false,
    asked = "", // how a link would have it held
    fault = "",
    timer = 0;

  const pays = meter("The reward model pays", "pays"),
    calls = meter("The judge calls good", "calls"),
    story = h("p", { class: "said", lang: "en" }),
    told = h("p", { class: "told" }),
    trouble = h("p", { class: "trouble", role: "alert", hidden: true }),
    spoken = status(300),
    slider = ladder({
      label: "batch",
      spoken: "Batch that is shown",
      rungs: Array.from({ length: batches }, (_, i) => i),
      words: (k) => `batch ${k + 1} of ${batches}`,
      write: (k) => `${k + 1} of ${batches}`,
      onInput: (k) => {
        rest();
        at = Math.min(k, run.rows.length - 1);
        draw();
      },
    }),
    go = button("", () => {
      if (timer) return (rest(), draw());
      if (at === last) at = 0;
      asked = "";
      play(last);
    }),
    holds = HOLDS.map(([name, beta]) => button(name, () => train(name, beta)));
  frame.append(
    h(
      "div",
      { class: "teller" },
      h("div", { class: "meters" }, pays.node, calls.node),
      h("p", { class: "asked", text: `“${prompt.replace(" :", "")}”` }),
      story,
      h("div", { class: "plays" }, go, slider.el),
      told,
      h(
        "div",
        { class: "holds", role: "group", "aria-label": "Hold it near the first model" },
        h("b", { text: "Hold it near the first model:" }),
        ...holds,
      ),
      trouble,
    ),
    spoken.el,
  );

  const most = Math.max(...rows.map(({ reward }) => reward));
  function draw() {
    const row = run.rows[at],
      tale = run.said[at];
    pays.show(row ? one(row.reward) : "…", row ? row.reward / most : 0);
    calls.show(row ? percent(row.right) : "…", row ? row.right : 0);
    if (tale) story.replaceChildren(...tinted(tale.words));
    slider.set(at);
    say(told, sentence(row));
    say(go, timer ? "Stop" : at === last ? "▶ Again" : "▶ Play on");
    go.disabled = run.rows.length < batches;
    HOLDS.forEach(([name], i) => holds[i].setAttribute("aria-pressed", String((asked || run.hold) === name)));
    trouble.hidden = !fault;
    say(trouble, fault);
    frame.dataset.drawn = "yes";
  }

  function sentence(row) {
    if (learning && !row) return `It begins again, held ${run.hold}.`;
    if (asked) return `Hold it ${asked}: will the stories stay good? Guess, press the button, and see.`;
    const end = at === last && run.rows.length === batches,
      how = run.hold ? `Held ${run.hold}` : "Held by nothing";
    if (run === recorded && at === stop)
      return `${how}, after ${at + 1} batches. What will both numbers do in the ${last - at} that are left?`;
    if (!end) return `${how}, after ${at + 1} ${at ? "batches" : "batch"}. Which of the two numbers do you trust?`;
    if (row.right < 0.2) return `${how}, it has found out what pays, and nobody would call these stories.`;
    return `${how}, it is paid less, and ${row.right > 0.5 ? "most" : "some"} of its stories are good.`;
  }

  /* The batches up to one of them; a hand that comes takes over. */
  function play(to, pace = SPAN / (to - at)) {
    if (still()) at = to;
    timer = at < to ? setTimeout(() => frame.isConnected && ((at += 1), play(to, pace)), pace) : 0;
    draw();
  }
  function rest() {
    clearTimeout(timer);
    timer = 0;
  }
  const seen = new IntersectionObserver(
    ([{ isIntersecting }]) => {
      if (!isIntersecting) return;
      seen.disconnect();
      if (!still() && at === 0) play(stop);
    },
    { threshold: 0.6 },
  );

  const workers = fleet(model.get("_parts"), heard);
  function train(hold, beta) {
    rest();
    seen.disconnect();
    workers.close({ hand: NAME });
    fault = "";
    asked = "";
    run = { hold, rows: [], said: [] };
    learning = true;
    at = 0;
    model.set("beta", beta);
    write(home, NAME, { hold }, { hold: "" });
    workers.open({ hand: NAME, checkpoint: "tales", settings: { ...settings, beta }, knobs: {} });
    draw();
  }
  function heard({ type, data: message, text }) {
    if (!learning) return;
    if (type === "died" || message?.error) {
      fault = `The model cannot learn here: ${type === "died" ? text : message.error}`;
      learning = false;
      run = recorded;
      at = stop;
    } else if (message?.answers) {
      run.said.push(typical(prompt, message.answers));
      at = run.rows.length - 1;
      if (run.rows.length === batches) {
        workers.close({ hand: NAME });
        learning = false;
        spoken.speak(sentence(run.rows[at]));
      } else workers.send({ hand: NAME, message: { once: "batch" } });
    } else if (message?.ready) workers.send({ hand: NAME, message: { once: "batch" } });
    else if (message?.event === "batch") {
      run.rows.push(message.row);
      workers.send({ hand: NAME, message: { ask: prompt, id: 1 } });
      return; // until its story has come
    }
    at = clamp(at, 0, last);
    draw();
  }

  /* A link asks its question, and tells no end. */
  function visit() {
    const hold = read(home, NAME, ["hold"])?.values.hold;
    if (!HOLDS.some(([name]) => name === hold) || run.hold === hold) return;
    rest();
    seen.disconnect();
    asked = hold;
    at = 0;
    draw();
  }
  draw();
  seen.observe(story);
  visit();
  addEventListener("hashchange", visit);
  return () => {
    removeEventListener("hashchange", visit);
    rest();
    seen.disconnect();
    workers.release();
    spoken.release();
  };
}

/* A large number with its name and a bar. */
function meter(name, kind) {
  const number = h("b", { class: "big" }),
    bar = h("i");
  return {
    node: h(
      "div",
      { class: `meter ${kind}` },
      h("span", { text: name }),
      number,
      h("span", { class: "bar", "aria-hidden": "true" }, bar),
    ),
    show(text, share) {
      say(number, text);
      bar.style.width = `${(100 * clamp(share, 0.01, 1)).toFixed(0)}%`;
    },
  };
}

/* A story as elements, each word the bluer the more the reward model pays for it; punctuation stays with its word. */
function tinted(words) {
  return words.flatMap((word, i) => {
    const paid = weightOf(word),
      span = h("span", { class: paid >= PAID ? "paid" : null, text: word });
    if (paid >= PAID) span.style.setProperty("--paid", `${Math.round((70 * Math.min(paid, MOST)) / MOST)}%`);
    return i && !/^[.,!?]$/.test(word) ? [" ", span] : [span];
  });
}
