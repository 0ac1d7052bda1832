/* One lane for a page's first screen: what the policy writes, how often it is right, and three ways to learn, whose
   curves stay: each batch once, each batch 16 times, and 16 times with PPO's clip. A button is its curve's label. */

import { dashOf, drawing, h, hueOf, join, linearScale, sample, say, status } from "../parts/common.js";
import * as completions from "./views/completions.js";
import { batchScale, hundredth, paths, plot, stamped, widthOf } from "./views/shared.js";
import { pathsOf, seriesOf } from "./views/series.js";

const FOUR = 4; // completions that are shown, half of them on a phone
const HEIGHT = 132; // of the curve
const APART = 13, // two names at their lines
  ROOM = 84; // for the longest
const way = (text, name, method, epochs, look = method) => ({
  text,
  name,
  settings: { method, epochs },
  hue: hueOf(look),
  dash: dashOf(look),
});
const ONCE = way("once", "once", "reinforce", 1, "fresh");
const WAYS = {
  once: ONCE,
  reuse: way("16 times", "16 times", "pg_is", 16),
  clip: way("16 times, with PPO’s clip", "16 times, clip", "ppo", 16),
};
const wayOf = ({ method, epochs }) =>
  Object.values(WAYS).find(({ settings }) => settings.method === method && settings.epochs === epochs) ?? ONCE;

/* What is seen of a page, as furnish of shell.js: only the first lane is. */
export function furnishSmall(frame, host, act) {
  const spoken = status(300),
    line = h("span", { slot: "lane-a", "data-lane": "a", "data-batch": "0", "data-reward": "" });
  let shown = null;
  const begin = (tell, { prompt }) => tell({ type: "ask", text: prompt }); // before the first batch, and after every one
  const play = h("button", { type: "button", class: "play", onclick: () => act.tell({ type: "play" }) });
  /* From the start by another way; what was learned so far stays as a curve. */
  const go = (way, tell = act.tell, { prompt } = shown) => {
    tell({ type: "pin" });
    tell({ type: "change", lane: "a", settings: WAYS[way].settings });
    tell({ type: "reset" });
    begin(tell, { prompt });
    tell({ type: "play", on: true });
  };
  const ways = Object.entries(WAYS).map(([name, { text, hue, dash, settings }]) => [
    settings,
    h(
      "button",
      {
        type: "button",
        class: "way",
        "data-way": name,
        "aria-label": `Each batch ${text}`,
        onclick: () => go(name),
        style: `--hue: ${hue}`,
      },
      sample(dash),
      text,
    ),
  ]);
  const told = h("p", { class: "told" }),
    trouble = h("p", { class: "trouble", role: "alert", hidden: true }),
    written = h("div"),
    plane = h("div", { class: "curve" });
  const view = completions.create(written, { reduced: act.reduced, most: FOUR }),
    picture = drawing(),
    panel = plot(picture.panel());
  const points = paths(panel.clipped, "pv-points"),
    lines = paths(panel.clipped, "pv-line"),
    names = panel.inside.append("g");
  plane.append(picture.node);
  frame.append(
    h(
      "div",
      { class: "pg small" },
      h("div", { class: "written" }, written),
      plane,
      h(
        "div",
        { class: "bar" },
        play,
        h("span", { class: "each", "aria-hidden": "true", text: "Each batch" }),
        ...ways.map(([, button]) => button),
      ),
      h("div", { class: "telling" }, h("slot", { name: "lane-a" }), told),
      trouble,
    ),
    spoken.el,
  );
  host.append(line);
  const across = widthOf(plane, act.changed);
  let width = 0,
    size = null;

  function curve(lane, pinned, batches) {
    if (!across.now()) return;
    if (width !== across.now()) {
      width = across.now();
      picture.size(width, HEIGHT);
      size = panel.place({ width, height: HEIGHT, margin: { left: 34, right: 10, top: 24, bottom: 24 } });
      panel.titles("", "right answers, by batch");
    }
    const { present } = lane,
      end = Math.max(batches, lane.count),
      x = batchScale(end, size, false),
      y = linearScale([0, 1], [size.height, 0], 3),
      key = `${end} ${width}`;
    panel.axes(key, x, y);
    const kept = new Map(pinned.map((one) => [wayOf(one.settings).hue, one])),
      drawn = [...kept.values(), ...(present.rows.length ? [present] : [])]; // of each way its newest run
    for (const one of drawn) {
      const path = pathsOf(seriesOf(one.rows).of.reward, "small", key, x, y, end, one.from),
        { hue, dash } = wayOf(one.settings);
      if (one === present) stamped(points.of("now"), one).attr("stroke", hue).attr("d", path.points);
      stamped(lines.of(one.key), one)
        .attr("stroke", hue)
        .attr("stroke-dasharray", dash || null)
        .attr("d", path.line);
    }
    join(names, "text.name", named(drawn, x, y, size.width), {
      key: ({ name }) => name,
      x: ({ left }) => left,
      y: ({ top }) => top,
      "text-anchor": ({ anchor }) => anchor,
      style: { fill: ({ hue }) => hue },
      text: ({ name }) => name,
    });
    lines.keep(drawn.map(({ key: of }) => of));
    points.keep(present.rows.length ? ["now"] : []);
  }

  return {
    begin: (tell, state, wish) => (WAYS[wish] ? go(wish, tell, state) : begin(tell, state)),
    speak: spoken.speak,
    focus: () => play.focus({ preventScroll: true }),
    sized: () => true,
    *draw({ state, lanes: [lane], pinned, preset }) {
      shown = state;
      const {
          count,
          present: { rows },
        } = lane,
        reward = seriesOf(rows)?.of.reward,
        first = reward?.values[0],
        now = reward?.smooth.at(-1);
      say(play, state.playing ? "Pause" : "Play");
      play.setAttribute("aria-pressed", String(state.playing));
      line.dataset.method = state.lanes[lane.name].method;
      line.dataset.batch = String(count);
      line.dataset.reward = rows.length ? now.toFixed(4) : "";
      say(line, count ? `batch ${count}: ${hundredth(now)} right` : "not a batch yet");
      say(
        told,
        sentence(lane, {
          count,
          first,
          now,
          best: Math.max(...(reward?.smooth.slice(3) ?? [])),
          done: count >= preset.batches,
        }),
      );
      const why = lane.why ?? state.fault;
      trouble.hidden = !why;
      say(trouble, why || "");
      for (const [settings, button] of ways)
        button.setAttribute("aria-pressed", String(wayOf(lane.settings).settings === settings));
      view.draw([{ ...lane, colour: wayOf(lane.settings).hue, dash: wayOf(lane.settings).dash }]);
      yield;
      curve(lane, pinned, preset.batches);
    },
    release() {
      across.release();
      spoken.release();
      view.free();
    },
  };
}

/* Every way's name at the end of its line: beside it while there is room, else above it, and never on another name. */
function named(drawn, x, y, width) {
  const names = drawn.map(({ rows, from, settings }) => {
    const { name, hue } = wayOf(settings),
      { smooth } = seriesOf(rows).of.reward,
      end = x(from + smooth.length - 1),
      beside = end + ROOM < width;
    return {
      name,
      hue,
      left: beside ? end + 5 : end,
      top: y(smooth.at(-1)) + (beside ? 4 : -7),
      anchor: beside ? "start" : "end",
    };
  });
  names.sort((a, b) => b.top - a.top);
  names.forEach((one, i) => {
    if (i) one.top = Math.min(one.top, names[i - 1].top - APART);
  });
  return names;
}

function sentence({ settings: { method, epochs } }, { count, first, now, best, done }) {
  if (epochs > 1 && count < 4) return "Every batch is used 16 times now: sixteen updates from the same completions.";
  if (method === "pg_is" && epochs > 1)
    return `Each batch used 16 times, and nothing limits how far the policy moves: ${hundredth(now)} right after ${count} batches; its best was ${hundredth(best)}.`;
  if (epochs > 1)
    return `The same 16 passes, and PPO’s clip limits how far a token may move: ${hundredth(now)} right after ${count} batches; its best was ${hundredth(best)}.`;
  if (!done) return "A checker says right or wrong, no more, and the policy does more of what was right.";
  return `From ${hundredth(first)} to ${hundredth(now)} right in ${count} batches, and it writes its steps now. All it was told is which answers were right.`;
}
