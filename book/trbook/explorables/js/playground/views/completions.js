/* Four completions that rewrite themselves as the policy learns, or the eight of a prompt of one's own; each token by its
   probability, each completion with its verdict. */

import { h, probability, say as write } from "../../parts/common.js";
import { TASK, ring } from "../../dial/ring.js";
import { chooser, idle, labels, nameOf } from "./shared.js";

export const title = "Completions";
export const about = "";

const FOUR = 4,
  EIGHT = 8;
/* Least probability, its class, what the legend says. */
const GRADES = [
  [0.9, "pv-sure", "0.9 and more"],
  [0.5, "pv-likely", "0.5 to 0.9"],
  [0.1, "pv-open", "0.1 to 0.5"],
  [0, "pv-rare", "below 0.1"],
];
const grade = (p) => GRADES.find(([least]) => p >= least)[1];

export function create(root, { reduced = false } = {}) {
  const lanes_ = chooser(() => draw(shown)),
    waiting = idle("Nothing here yet: completions come with the first batch.");
  const key = h(
    "p",
    { class: "pv-key" },
    h("span", { text: "probability of a token when it was drawn: " }),
    ...GRADES.flatMap(([, kind, text]) => [h("span", { class: `pv-token ${kind}`, text }), " "]),
  );
  const who = h("span"),
    asked = h("b", { class: "pv-asked" }),
    right = h("span", { class: "pv-note" });
  const list = h("ol", { class: `pv-completions${reduced ? "" : " pv-moving"}` }),
    lines = [];
  const body = h("div", {}, h("p", { class: "pv-question" }, who, asked, right), list, key);
  root.append(lanes_.el, waiting, body);
  let shown = [],
    seen = null,
    named = "";

  function draw(lanes) {
    shown = lanes;
    const lane = lanes_.of(lanes),
      found = lane && chosen(lane);
    waiting.hidden = Boolean(found);
    body.hidden = !found;
    if (!found || seen === found.from) return;
    seen = found.from;
    if (named !== `${found.title}${lane.colour}`) who.replaceChildren(nameOf({ ...lane, title: found.title }));
    named = `${found.title}${lane.colour}`;
    write(asked, found.text);
    const solved = found.some.filter(isRight).length;
    const few = found.shown < found.some.length ? `; some of the ${found.some.length}:` : "";
    write(right, `answer ${found.answer}; ${solved} of ${found.some.length} right${few}`);
    while (lines.length < found.shown) lines.push(line(list));
    const prompt = turned(found.text);
    lines.forEach((one, i) => one.show(i < found.shown ? found.some[i] : undefined, prompt));
  }

  return { draw, free: () => {} };
}

/* The prompt, if it turns a dial of twenty places. */
function turned(text) {
  try {
    return TASK.read(text);
  } catch {
    return null;
  }
}

const isRight = ({ verdict }) => verdict.right ?? verdict.reward > 0;

/* What was asked by hand, else the first prompt of the newest batch. */
function chosen({ answers, last }) {
  if (answers)
    return {
      title: answers.title,
      from: answers.completions,
      text: answers.text,
      answer: answers.answer ?? "?",
      some: answers.completions,
      shown: Math.min(EIGHT, answers.completions.length),
    };
  if (!last) return null;
  const [prompt] = last.prompts,
    some = last.completions.filter((one) => one.prompt === 0);
  return {
    title: last.title,
    from: last.completions,
    text: prompt.text,
    answer: prompt.answer,
    some,
    shown: Math.min(FOUR, some.length),
  };
}

/* A completion's row: its elements stay, their words change. */
function line(list) {
  const mark = h("span", { class: "pv-verdict" }),
    reason = h("span", { class: "pv-reason" }),
    said = h("span", { class: "pv-said" });
  const dial = ring(),
    node = h("li", { hidden: true }, mark, h("span", { class: "pv-told" }, said, reason), dial.node),
    spans = [];
  let before = [];
  list.append(node);
  const show = (completion, prompt) => {
    node.hidden = !completion;
    if (!completion) return;
    const words = labels(completion),
      { verdict, logp } = completion;
    while (spans.length < words.length) {
      spans.push(h("span"));
      said.append(spans.at(-1), " ");
    }
    spans.forEach((span, t) => {
      span.hidden = t >= words.length;
      if (span.hidden) return;
      const p = Math.exp(logp[t]),
        kind = `pv-token ${grade(p)}${before[t] !== words[t] && before.length ? " pv-fresh" : ""}`;
      if (span.className !== kind) span.className = kind;
      write(span, words[t]);
      const title_ = probability(Math.min(p, 1));
      if (span.title !== title_) span.title = title_;
    });
    before = words;
    const good = verdict.reward > 0;
    dial.node.toggleAttribute("hidden", !prompt);
    if (prompt) dial.show(prompt, completion.words, good, "tiny");
    write(mark, good ? "✓" : "✕");
    mark.className = `pv-verdict ${good ? "pv-good" : "pv-bad"}`;
    write(reason, good ? "right" : [verdict.reason, verdict.detail].filter(Boolean).join(": "));
  };
  return { show };
}
