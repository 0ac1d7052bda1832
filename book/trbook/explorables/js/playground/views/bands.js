/* Eight seeds of every lane: the interquartile mean with its interval, and every single run. One run is no evidence:
   what a single one could have said stands beside it. */

import { drawing, h, linearScale } from "../../parts/common.js";
import { interval } from "./iqm.js";
import { smoothed } from "./series.js";
import {
  batchEnd,
  batchScale,
  cells,
  hundredth,
  idle,
  legend,
  paths,
  pathOf,
  plot,
  stamped,
  widthOf,
} from "./shared.js";

export const title = "Eight seeds";
export const about =
  "Above: interquartile means (the middle half of the runs) with 95 % bands. Below: every run by itself. Reward, means of the last ten batches.";

const HEIGHT = 230,
  LOW = 132,
  LEAST = 3;

export function create(root, { changed }) {
  const names = legend(),
    picture = drawing(),
    panel = plot(picture.panel()),
    found = new Map();
  const bands = paths(panel.clipped, "pv-band"),
    lines = paths(panel.clipped, "pv-line");
  const waiting = idle("Nothing here yet: run the eight seeds.");
  root.append(waiting, names.el, h("div", { class: "pv-plane" }, picture.node));
  const single = cells(root, LOW, changed),
    across = widthOf(root, changed);
  let width = 0,
    size = null;

  /* A lane's runs, smoothed, and their aggregate, as long as nothing has come. */
  const told = (lane) => {
    const key = lane.seeds.map((rows) => rows.length).join(),
      first = lane.seeds.find((rows) => rows.length)?.[0],
      known = found.get(lane.name);
    if (known?.key === key && known.first === first) return known;
    const runs = lane.seeds.map((rows) => smoothed(rows.map(({ reward }) => reward)));
    const most = Math.max(0, ...runs.map((run) => run.length)),
      old = first && known?.first === first ? known : null;
    const middle = Array.from({ length: most }, (_, k) => {
      const there = runs.filter((run) => run.length > k);
      if (old?.middle[k]?.runs === there.length) return old.middle[k];
      const [mean, low, high] = there.length < LEAST ? [NaN, NaN, NaN] : interval(there.map((run) => run[k]));
      return { runs: there.length, mean, low, high };
    });
    const fresh = { key, first, runs, middle };
    found.set(lane.name, fresh);
    return fresh;
  };

  function draw(lanes) {
    const some = lanes.some(({ seeds }) => seeds.some((rows) => rows.length));
    waiting.hidden = some;
    picture.node.style.display = names.el.style.display = single.el.style.display = some ? "" : "none";
    if (!some || !across.now()) return;
    if (width !== across.now()) {
      width = across.now();
      picture.size(width, HEIGHT);
      size = panel.place({ width, height: HEIGHT, margin: { top: 24, bottom: 40 } });
      panel.titles("batch", "reward");
    }
    const all = lanes.map(told),
      count = Math.max(1, ...all.map(({ middle }) => middle.length));
    const x = batchScale(count, size, true),
      y = linearScale([0, 1], [size.height, 0]);
    panel.axes(`${batchEnd(count)} ${width}`, x, y);
    lanes.forEach((lane, i) => {
      const { middle } = all[i];
      stamped(bands.of(lane.name), lane, { fill: lane.colour, d: ribbon(middle, x, y) });
      middleLine(lines.of(lane.name), lane, middle, x, y);
    });
    for (const kind of [bands, lines]) kind.keep(lanes.map(({ name }) => name));
    names.show(lanes, (lane) => ending(all[lanes.indexOf(lane)]));
    single.each(lanes, (cell, lane, i) => runsOf(cell, lane, all[i], count));
  }

  function runsOf(cell, lane, { runs, middle }, count) {
    cell.runs ??= paths(cell.panel.clipped, "pv-run");
    cell.middle ??= paths(cell.panel.clipped, "pv-line");
    const x = batchScale(count, cell.size, false),
      y = linearScale([0, 1], [cell.size.height, 0], 3);
    cell.panel.axes(`${batchEnd(count)} ${cell.width}`, x, y);
    runs.forEach((run, k) => stamped(cell.runs.of(k), lane, { stroke: lane.colour, d: pathOf(run, x, y) }));
    cell.runs.keep([...runs.keys()]);
    middleLine(cell.middle.of("mean"), lane, middle, x, y);
    cell.note.textContent = singles(runs);
  }

  return {
    draw,
    free: () => {
      single.release();
      across.release();
    },
  };
}

function middleLine(path, lane, middle, x, y) {
  const means = middle.map(({ mean }) => mean);
  stamped(path, lane, { stroke: lane.colour, "stroke-dasharray": lane.dash || null, d: pathOf(means, x, y) });
}

/* The last batch that all runs have reached. */
function ending({ runs, middle }) {
  const done = Math.min(...runs.map((run) => run.length)),
    last = middle[done - 1];
  if (!last) return "running";
  if (!Number.isFinite(last.mean)) return `${last.runs} ${last.runs === 1 ? "run" : "runs"}: too few to say anything`;
  return `${hundredth(last.mean)} [${hundredth(last.low)}, ${hundredth(last.high)}] after ${done} batches, ${last.runs} seeds`;
}

function singles(runs) {
  const done = Math.min(...runs.map((run) => run.length)),
    ends = runs.map((run) => run[done - 1]);
  if (!done) return "";
  if (runs.length === 1) return "one run is no evidence";
  return `one run alone could have said ${hundredth(Math.min(...ends))} or ${hundredth(Math.max(...ends))}`;
}

/* The band's outline: along the upper ends, back along the lower ones. */
function ribbon(middle, x, y) {
  const there = middle.map((one, k) => ({ ...one, k })).filter(({ low }) => Number.isFinite(low));
  if (there.length < 2) return "";
  const point = (k, value) => `${x(k).toFixed(1)},${y(value).toFixed(1)}`;
  return `M${there.map(({ k, high }) => point(k, high)).join("L")}L${there
    .reverse()
    .map(({ k, low }) => point(k, low))
    .join("L")}Z`;
}
