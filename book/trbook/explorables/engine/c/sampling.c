/* Drawing tokens by inverting the distribution's sum, in double precision, as trlib.sample does. */
#include "memory.h"

/* The first token whose cumulative probability passes u times the whole; -1 where the whole is not finite. */
static int invert(Floats log_p, Floats p, double u) {
  for (int d = 0; d < columns; d += 4) store(p, d, exponential(load(log_p, d)));
  double whole = 0, total = 0;
  int possible = 0;
  for (int k = 0; k < vocabulary; k++) {
    whole += OF(p, k);
    if (OF(p, k) > 0) possible = k;
  }
  if (!(whole < __builtin_inf())) return -1;
  for (int k = 0; k < vocabulary; k++) {
    total += OF(p, k);
    if (total > u * whole) return k;
  }
  return possible; /* u next to 1: the last token that can be */
}

/* After a forward pass: target[i] drawn by uniform[i], chosen[i] its log-probability. Gives the first output whose
   distribution is not finite, or -1. */
EXPORT(draw) int draw(int outputs) {
  for (int i = 0; i < outputs; i++) {
    Floats x = row(FLOATS(log_probs), i, columns), scratch = row(FLOATS(logit_gradients), i, columns);
    int drawn = invert(x, scratch, AT(uniform, i));
    if (drawn < 0) return i;
    AT(target, i) = drawn;
    AT(chosen, i) = OF(x, drawn);
  }
  return -1;
}
