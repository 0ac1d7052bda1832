/* The rows of a segment as series, each batch looked at once: means of the last ten, reach, and paths that grow by what
   is new. A segment is known by its first row, so that a longer array goes on where the last one ended. */

const SPAN = 10; // batches of a running mean
const KEYS = ["reward", "kl", "kept", "right", "entropy", "length"],
  known = new WeakMap(),
  DRAWN = 400; // points of a curve, at most

/* { values, smooth, least (above 0), most, low (up to 0) } by key. */
export function seriesOf(rows) {
  if (!rows.length) return null;
  let one = known.get(rows[0]);
  if (!one || one.count > rows.length) {
    one = { count: 0, of: Object.fromEntries(KEYS.map((key) => [key, empty()])) };
    known.set(rows[0], one);
  }
  if (one.count < rows.length) {
    for (const key of KEYS) for (let i = one.count; i < rows.length; i++) put(one.of[key], rows[i][key]);
    one.count = rows.length;
  }
  return one;
}

const empty = () => ({ values: [], smooth: [], total: 0, some: 0, least: Infinity, most: 0, low: 0, paths: {} });

/* The mean of each value and the nine before it, as far as there are some; what was not measured is left out. */
export function smoothed(values) {
  const one = empty();
  for (const value of values) put(one, value);
  return one.smooth;
}

function put(one, value) {
  const { values, smooth } = one,
    i = values.length,
    gone = values[i - SPAN];
  values.push(value);
  if (Number.isFinite(value)) {
    one.total += value;
    one.some++;
  }
  if (i >= SPAN && Number.isFinite(gone)) {
    one.total -= gone;
    one.some--;
  }
  smooth.push(one.some ? one.total / one.some : NaN);
  if (value > 0 && value < one.least) one.least = value;
  if (value > one.most) one.most = value;
  if (value < one.low) one.low = value;
}

/* The line of the means and the points of single batches, as far as there are some; from: the batch of the first one;
   key: what x and y depend on. */
export function pathsOf(one, panel, key, x, y, end, from = 0) {
  const step = Math.max(1, Math.ceil(end / DRAWN));
  let path = one.paths[panel];
  if (path?.key !== key) path = one.paths[panel] = { key, upto: 0, line: "", points: "", pen: "M" };
  for (; path.upto < one.values.length; path.upto += step) {
    const i = path.upto,
      across = x(from + i).toFixed(1);
    if (Number.isFinite(one.values[i])) path.points += `M${across},${y(one.values[i]).toFixed(1)}h.01`;
    if (!Number.isFinite(one.smooth[i])) {
      path.pen = "M";
      continue;
    }
    path.line += `${path.pen}${across},${y(one.smooth[i]).toFixed(1)}`;
    path.pen = "L";
  }
  return path;
}
