/* Two curves over the batches: what the reward model gives and what share of the stories the judge calls good. */

import { line } from "d3-shape";
import { apart, drawing, join, linearScale, upright } from "../parts/common.js";

const MARGIN = { left: 30, right: 62, top: 26, bottom: 40 };
const PANELS = [
  { key: "reward", text: "reward model: mean score", hue: "var(--a0)" },
  { key: "right", text: "judge: share of good stories", hue: "var(--a2)" },
];

export function chart() {
  const picture = drawing(),
    panels = PANELS.map((one) => {
      const panel = picture.panel(),
        lines = panel.clipped.append("g");
      return {
        ...one,
        panel,
        lines,
        rule: panel.inside.append("path").attr("class", "rule"),
        names: panel.inside.append("g"),
      };
    });
  let axes = "",
    placed = [];

  /* runs: [{ key, beta, rows, old }]; one: the batch that is read. */
  function draw({ width, height, last, runs, one }) {
    const abreast = width >= 560,
      each = abreast ? { width: width / 2, height } : { width, height: height / 2 },
      most = Math.max(2, ...runs.flatMap(({ rows }) => rows.map(({ reward }) => reward))),
      least = Math.min(0, ...runs.flatMap(({ rows }) => rows.map(({ reward }) => reward))),
      domain = { reward: [least, most], right: [0, 1] },
      key = `${width} ${height} ${least} ${most}`;
    picture.size(width, height);
    placed = panels.map(({ key: of, text, hue, panel, lines, rule, names }, i) => {
      const box = { left: abreast ? i * each.width : 0, top: abreast ? 0 : i * each.height, ...each },
        size = panel.place({ ...box, margin: MARGIN }),
        x = linearScale([0, last], [0, size.width], 4),
        y = linearScale(domain[of], [size.height, 0], 4);
      if (key !== axes) {
        panel.scales(x, y);
        panel.titles(abreast || i ? "batches" : "", text);
      }
      const seen = runs.filter(({ rows }) => rows.length),
        stroke = line()
          .digits(1)
          .x((_, k) => x(k))
          .y((row) => y(row[of]));
      join(lines, "path.line", seen, {
        key: (run) => run.key,
        style: { stroke: hue, opacity: ({ old }) => (old ? 0.55 : null) },
        "stroke-dasharray": ({ old }) => (old ? "5 4" : null),
        d: ({ rows }) => stroke(rows.length > 1 ? rows : [...rows, ...rows]),
      });
      const named = apart(
        seen.map((run) => ({ ...run, left: x(run.rows.length - 1) + 6, y: y(run.rows.at(-1)[of]) + 4 })),
        14,
        size.height + 4,
      );
      join(names, "text.name", named, {
        key: (run) => run.key,
        x: ({ left }) => left,
        y: ({ y }) => y,
        style: { fill: hue },
        text: ({ beta }) => `β = ${beta}`,
      });
      rule.attr("d", one === null ? null : upright(x(one), size.height));
      return { ...size, x };
    });
    axes = key;
  }

  return {
    node: picture.node,
    draw,
    /* The batch that is pointed at, or null. */
    batchAt(event, last) {
      const box = picture.node.getBoundingClientRect(),
        [across, down] = [event.clientX - box.left, event.clientY - box.top],
        at = placed.find(
          ({ left, top, width, height }) =>
            across >= left - 6 && across <= left + width + 6 && down >= top - 6 && down <= top + height + 6,
        );
      if (!at) return null;
      return Math.max(0, Math.min(last, Math.round(((across - at.left) / at.width) * last)));
    },
  };
}
