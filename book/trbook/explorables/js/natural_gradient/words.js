/* What the state says: the steps, the tries, the verdict. */

import { number, fail, calm } from "../parts/common.js";
import { chances, edges, fullStep, gradient, kl, natural, plus, reward, search } from "./maths.js";

export const REASONS = { far: "beyond the radius", fell: "the surrogate has not risen", "": "taken" };
export const signed = (value) => (value > 0 ? `+${number(value)}` : number(value));

export function read(s) {
  const old = [s.theta1, s.theta2],
    g = gradient(old);
  const steps = { natural: fullStep(old, natural(old), s.delta), gradient: fullStep(old, g, s.delta) };
  const plain = plus(old, g, s.lr),
    tries = search(old, steps[s.way], s.delta);
  const last = tries[tries.length - 1],
    taken = last.why ? null : last;
  const found = {
    old,
    steps,
    tries,
    taken,
    plain: { at: plain, kl: kl(plain, old), gain: reward(plain) - reward(old) },
    ...edges(old, s.delta),
  };
  const facts = [
    ["step taken: KL", taken ? number(taken.kl) : "none"],
    ["plain step: KL", number(found.plain.kl)],
  ];
  return { ...found, facts, verdict: verdict(s, found) };
}

/* A token whose derivative p (1 - p) is a tenth of the largest possible one, or less. */
const certain = (old) => chances(old).some((p) => p * (1 - p) < 0.025);

function verdict(s, { old, tries, taken, plain }) {
  const times = tries[0].kl / s.delta,
    share = plain.kl / s.delta;
  if (taken && taken.gain < -5e-4) {
    return fail(
      "Accepted, and the reward falls",
      `The surrogate rises by ${number(taken.surrogate)} and the KL is inside the radius, so the line search accepts the step. The true reward changes by ${number(taken.gain)}: the surrogate improves each token as if the other stayed as it was.`,
    );
  }
  if (!taken)
    return fail(
      "No try passes",
      "Ten tries, each four fifths of the one before, and none is accepted. The old parameters stay.",
    );
  if (share < 0.1 && taken.gain > 5 * Math.abs(plain.gain)) {
    return fail(
      "The gradient crawls",
      `At this learning rate one gradient step spends ${number(plain.kl)} nats, a fraction of the radius. ${certain(old) ? "A token that is almost certain has a tiny derivative, whatever its reward." : "Neither token is certain: the learning rate itself is small for this radius."} The ${s.way} step of the radius's length gains ${number(taken.gain)}, the plain one ${number(plain.gain)}.`,
    );
  }
  if (times > 1.5) {
    return fail(
      "The ellipse is not the region",
      `The full step was made to spend ${number(s.delta)} nats and spends ${number(tries[0].kl)}, ${number(times)} times as much. The line search needs ${tries.length} tries. F is the curvature at the old policy only.`,
    );
  }
  if (share > 2) {
    return fail(
      "The learning rate leaves the region",
      `One gradient step at this learning rate spends ${number(plain.kl)} nats, ${number(share)} times the radius. Nearer to a corner the same learning rate would give a tiny step.`,
    );
  }
  if (times < 1 / 1.5) {
    return fail(
      "The step stops short",
      `The full step was made to spend ${number(s.delta)} nats and spends ${number(tries[0].kl)}. It goes where the policy becomes more certain: there the KL grows more slowly than the bowl, and the region reaches beyond the ellipse. The line search only shortens steps.`,
    );
  }
  return calm(
    "Ellipse and region agree",
    `The full step spends ${number(tries[0].kl)} nats of the ${number(s.delta)} that it was made for, and ${tries.length === 1 ? "is taken at once" : `the line search takes try ${tries.length}`}. The surrogate says ${signed(taken.surrogate)}, the truth is ${signed(taken.gain)}.`,
  );
}
