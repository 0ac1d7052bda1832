/* From logits to log-probabilities, and from what is wanted of them to the gradient of the logits. */
#include "head.h"

#include "memory.h"

static const float NEVER = -1e30f; /* the log-probability of a column that holds no token */

static float largest_of(Floats x) {
  Four most = load(x, 0);
  for (int d = 4; d < columns; d += 4) most = wasm_f32x4_pmax(most, load(x, d));
  return largest(most);
}

static float log_sum(Floats x, float most) {
  Four total = everywhere(0);
  for (int d = 0; d < columns; d += 4) total = add(total, exponential(sub(load(x, d), everywhere(most))));
  return (float)(most + logarithm(sum(total)));
}

void log_softmax(int outputs) {
  for (int i = 0; i < outputs; i++) {
    Floats x = row(FLOATS(log_probs), i, columns);
    for (int d = vocabulary; d < columns; d++) OF(x, d) = NEVER;
    float whole = log_sum(x, largest_of(x));
    for (int d = 0; d < columns; d += 4) store(x, d, sub(load(x, d), everywhere(whole)));
    AT(chosen, i) = OF(x, AT(target, i));
  }
}

/* logit_gradients of L = -sum_i push[i] log p(target[i]):  push (p - 1{target}).  The page may add to them. */
EXPORT(weigh) void weigh(int outputs) {
  for (int i = 0; i < outputs; i++) {
    Floats x = row(FLOATS(log_probs), i, columns), g = row(FLOATS(logit_gradients), i, columns);
    float weight = AT(push, i);
    for (int d = 0; d < columns; d += 4) store(g, d, mul(everywhere(weight), exponential(load(x, d))));
    OF(g, AT(target, i)) -= weight;
  }
}

/* logit_gradients += those of sum_i push[i] KL(others_i || p_i):  push (p - others). */
EXPORT(draw_near) void draw_near(int outputs) {
  for (int i = 0; i < outputs; i++) {
    Floats x = row(FLOATS(log_probs), i, columns), y = row(FLOATS(others), i, columns);
    Floats g = row(FLOATS(logit_gradients), i, columns);
    Four weight = everywhere(AT(push, i));
    for (int d = 0; d < columns; d += 4)
      store(g, d, mul_add(weight, sub(exponential(load(x, d)), exponential(load(y, d))), load(g, d)));
  }
}
