/* QUATRO's dual of every group: how far a KL of `delta` nats lets its completions go. `trlib.algorithms.quatro` in
   JavaScript, the backward direction. */

const FLOOR = 1e-2; // of the multiplier, in units of reward

/* rewards, group: [B]; present: [B], whether a token of the completion counts. -> { multiplier, target }, [B] each */
export function solveGroups(rewards, group, present, delta) {
  const multiplier = new Float64Array(rewards.length),
    target = new Float64Array(rewards.length),
    members = new Map();
  for (let i = 0; i < rewards.length; i++) {
    if (!present[i]) continue;
    if (!members.has(group[i])) members.set(group[i], []);
    members.get(group[i]).push(i);
  }
  for (const index of members.values()) {
    const best = Math.max(...index.map((i) => rewards[i])),
      gap = index.map((i) => best - rewards[i]);
    if (Math.max(...gap) <= 0) continue;
    const solved = solve(gap, delta);
    index.forEach((i, k) => {
      multiplier[i] = solved.multiplier;
      target[i] = solved.target[k];
    });
  }
  return { multiplier, target };
}

function solve(gap, delta) {
  const size = gap.length,
    logSize = Math.log(size);
  const targetAt = (logMultiplier) => {
    const scaled = gap.map((g) => -g / Math.exp(logMultiplier)),
      most = Math.max(...scaled);
    const norm = most + Math.log(scaled.reduce((sum, x) => sum + Math.exp(x - most), 0));
    return scaled.map((x) => x - norm + logSize);
  };
  const average = (values) => values.reduce((sum, x) => sum + x, 0) / size;
  const excess = (logMultiplier) => {
    const t = targetAt(logMultiplier),
      u = t.map(Math.exp);
    const kl = Math.max(average(t.map((x, i) => u[i] * x - Math.expm1(x))), 1e-300);
    const middle = average(t.map((x, i) => u[i] * x));
    return [Math.log(kl) - Math.log(delta), -average(t.map((x, i) => u[i] * (x - middle) ** 2)) / kl];
  };
  let low = Math.log(FLOOR);
  if (excess(low)[0] <= 0) return { multiplier: FLOOR, target: targetAt(low) };
  let high = Math.log(Math.max(...gap)) - 0.5 * Math.log(8 * delta),
    x = high;
  for (let i = 0; i < 100; i++) {
    const [value, slope] = excess(x);
    if (value > 0) low = x;
    else high = x;
    const step = -value / slope,
      reach = 1 + Math.abs(x);
    if (!(Math.abs(step) > 1e-13 * reach && high - low > 1e-15 * reach)) break;
    x = x + step >= low && x + step <= high ? x + step : 0.5 * (low + high);
  }
  return { multiplier: Math.exp(x), target: targetAt(x) };
}
