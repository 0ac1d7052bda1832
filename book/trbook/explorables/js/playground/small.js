/* One lane for a page's first screen: what the policy writes, how often it is right, and a button. */

import { drawing, h, linearScale, say, status } from "../parts/common.js";
import * as completions from "./views/completions.js";
import { batchScale, hundredth, paths, plot, stamped, widthOf } from "./views/shared.js";
import { pathsOf, seriesOf } from "./views/series.js";

const FOUR = 4; // completions that are shown

/* What is seen of a page, as furnish of shell.js: only the first lane is. */
export function furnishSmall(frame, host, act) {
  const spoken = status(300), line = h("div", { slot: "lane-a", "data-lane": "a", "data-batch": "0", "data-reward": "" });
  let shown = null;
  const begin = (tell, { prompt }) => tell({ type: "ask", text: prompt }); // before the first batch, and after every one
  const play = h("button", { type: "button", class: "play", onclick: () => act.tell({ type: "play" }) });
  const again = h("button", { type: "button", text: "From the start", onclick: () => {
    act.tell({ type: "reset" });
    begin(act.tell, shown);
    act.tell({ type: "play", on: true });
  } });
  const told = h("p", { class: "told" }), trouble = h("p", { class: "trouble", role: "alert", hidden: true }), written = h("div"), plane = h("div", { class: "curve" });
  const view = completions.create(written, { reduced: act.reduced, most: FOUR }), picture = drawing(), panel = plot(picture.panel());
  const points = paths(panel.clipped, "pv-points"), lines = paths(panel.clipped, "pv-line");
  plane.append(picture.node);
  frame.append(h("div", { class: "pg small" }, h("div", { class: "written" }, written), plane,
    h("div", { class: "bar" }, play, again, h("slot", { name: "lane-a" })), told, trouble), spoken.el);
  host.append(line);
  const across = widthOf(plane, act.changed);
  let width = 0, size = null;

  function curve(lane, batches) {
    if (!across.now()) return; // a phone shows no curve
    if (width !== across.now()) {
      width = across.now();
      picture.size(width, 150);
      size = panel.place({ width, height: 150, margin: { left: 34, right: 10, top: 24, bottom: 24 } });
      panel.titles("", "right answers, by batch");
    }
    const { present } = lane, end = Math.max(batches, lane.count), x = batchScale(end, size, false), y = linearScale([0, 1], [size.height, 0], 3), key = `${end} ${width}`;
    panel.axes(key, x, y);
    const all = seriesOf(present.rows), path = all ? pathsOf(all.of.reward, "small", key, x, y, end, present.from) : { line: "", points: "" };
    stamped(points.of("a"), present).attr("stroke", lane.colour).attr("d", path.points);
    stamped(lines.of("a"), present).attr("stroke", lane.colour).attr("d", path.line);
  }

  return {
    begin,
    speak: spoken.speak,
    focus: () => play.focus({ preventScroll: true }),
    sized: () => true,
    * draw({ state, lanes: [lane], preset }) {
      shown = state;
      const { count, present: { rows } } = lane, reward = seriesOf(rows)?.of.reward, first = reward?.values[0], now = reward?.smooth.at(-1);
      say(play, state.playing ? "Pause" : "Play");
      play.setAttribute("aria-pressed", String(state.playing));
      again.hidden = !count;
      line.dataset.method = state.lanes[lane.name].method;
      line.dataset.batch = String(count);
      line.dataset.reward = rows.length ? now.toFixed(4) : "";
      say(line, count ? `batch ${count}: ${hundredth(now)} right` : "not a batch yet");
      say(told, count < preset.batches ? "A checker says right or wrong, no more, and the policy does more of what was right."
        : `From ${hundredth(first)} to ${hundredth(now)} right in ${count} batches, and it writes its steps now. All it was told is which answers were right.`);
      const why = lane.why ?? state.fault;
      trouble.hidden = !why;
      say(trouble, why || "");
      view.draw([lane]);
      yield;
      curve(lane, preset.batches);
    },
    release() { across.release(); spoken.release(); view.free(); },
  };
}
