/* The contest, below the lanes: the reader's formula at three rates with eight held seeds, beside PPO in the same engine
   and over the third round's recorded runs. */

import { h, say, status } from "../parts/common.js";
import { cores } from "../playground/fleet.js";
import told from "../../contest.json" with { type: "json" };
import { figure } from "./figure.js";
import { summary } from "./maths.js";
import { runAll } from "./runs.js";
import { between, rate, signed, verdict } from "./words.js";

const SECONDS = 0.25; // of a batch, on an ordinary core

const COLUMNS = [
  "learning rate",
  "yours, end",
  "PPO here, end",
  "end, yours − PPO",
  "yours, early",
  "early, yours − PPO",
  "your worst seed",
];

/* lanes(): the lanes as they are set now. */
export function contest({ parts, lanes }) {
  const { rules, reference, record, names } = told,
    spoken = status();
  const chosen = h("code"),
    start = h("button", { type: "button", onclick: press }),
    bar = h("progress", { max: 1, "aria-label": "Contest", hidden: true });
  const ruling = h("b"),
    because = h("span"),
    judged = h("div", { class: "verdict", "data-contest": "", hidden: true }, ruling, because);
  const drawn = figure({ record, names }),
    body = h("tbody"),
    trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const table = h(
    "div",
    { class: "ct-scroll", tabindex: 0, role: "region", "aria-label": "Contest, rate by rate", hidden: true },
    h("table", {}, h("thead", {}, h("tr", {}, ...COLUMNS.map((text) => h("th", { scope: "col", text })))), body),
  );
  const el = h(
    "section",
    { class: "ct", "aria-label": "Contest" },
    h("h3", { text: "The contest" }),
    h(
      "p",
      {},
      `Your formula at ${rules.rates.map(rate).join(", ")}, every batch used ${rules.uses} times, ${rules.seeds.length} held seeds, ${rules.batches} batches; then ${rules.prompts} prompts, ${rules.samples} answers each. It enters: `,
      chosen,
    ),
    h("div", { class: "bar" }, start, bar),
    trouble,
    judged,
    drawn.el,
    table,
    spoken.el,
  );
  const minutes = Math.ceil((rules.seeds.length * rules.rates.length * rules.batches * SECONDS) / cores() / 60);
  let stop = null,
    runs = [],
    lane = null;

  const own = () => lanes().find(({ method }) => method === "own") ?? null;
  const rows = () => summary(rules.rates, runs, reference.ppo);

  function refresh() {
    if (!stop) {
      const now = own();
      say(chosen, now ? now.formula : "no lane of your own: choose it in a lane above");
      start.disabled = !now;
      say(start, `Run the contest (about ${minutes} minute${minutes > 1 ? "s" : ""})`);
    } else say(start, "Stop the contest");
    bar.hidden = !stop;
    drawn.draw(rows());
  }

  function press() {
    if (stop) return stop();
    lane = own();
    runs = [];
    judged.hidden = trouble.hidden = true;
    bar.value = 0;
    stop = runAll({
      parts,
      lane,
      rules,
      told: ({ done, runs: all }) => {
        runs = [...all];
        bar.value = done;
        show();
      },
      ended,
    });
    return refresh();
  }

  function show() {
    const all = rows();
    table.hidden = !all.length;
    const cells = (row) => [
      rate(row.rate),
      between(row.end.ours),
      between(row.end.theirs),
      signed(row.end),
      between(row.take_off.ours),
      signed(row.take_off),
      row.worst.toFixed(3),
    ];
    body.replaceChildren(
      ...all.map((row) =>
        h(
          "tr",
          {},
          ...cells(row).map((text, i) =>
            h(i ? "td" : "th", { ...(i ? {} : { scope: "row" }), "data-label": COLUMNS[i], text }),
          ),
        ),
      ),
    );
    refresh();
  }

  function ended(why) {
    stop = null;
    trouble.hidden = !why;
    say(trouble, why ?? "");
    const all = rows(),
      { tone, title, text } = verdict(all, runs.length === rules.seeds.length * rules.rates.length);
    judged.hidden = !all.length;
    judged.dataset.tone = tone;
    say(ruling, `${tone === "fail" ? "✕ " : ""}${title}`);
    say(because, text);
    spoken.speak(`${title}. ${text}`);
    show();
  }

  const watcher = new ResizeObserver(refresh);
  watcher.observe(el);
  refresh();
  return {
    el,
    refresh,
    release() {
      stop?.();
      watcher.disconnect();
      spoken.release();
    },
  };
}
