/* The optimiser: AdamW over the whole parameter vector, with a gradient that is scaled to a norm beforehand. */
#include "memory.h"

static const float SMALL = 1e-8f;

static int parameters(void) { return columns * WIDTH + LAYERS * LAYER + WIDTH; }

/* The gradient's squared Euclidean norm; in double by blocks, so that few roundings meet. */
EXPORT(squared_norm) double squared_norm(void) {
  enum { BLOCK = 1024 };
  Floats g = FLOATS(gradients);
  int n = parameters();
  double total = 0;
  for (int from = 0; from < n; from += BLOCK) {
    int to = from + BLOCK < n ? from + BLOCK : n;
    Four block = everywhere(0);
    for (int i = from; i < to; i += 4) block = mul_add(load(g, i), load(g, i), block);
    total += sum(block);
  }
  return total;
}

/* m1 <- b1 m1 + (1 - b1) g,   m2 <- b2 m2 + (1 - b2) g^2,   g the gradient times `scale`
   w <- w - rate (m1 / unbias_1 / (sqrt(m2 / unbias_2) + 1e-8) + decay w);   unbias_k = 1 - b_k^updates */
EXPORT(adamw) void adamw(float rate, float b1, float b2, float unbias_1, float unbias_2, float scale, float decay) {
  Floats w = FLOATS(weights), g = FLOATS(gradients), m1 = FLOATS(moments_1), m2 = FLOATS(moments_2);
  Four keep_1 = everywhere(b1), new_1 = everywhere(1 - b1), keep_2 = everywhere(b2), new_2 = everywhere(1 - b2);
  Four stride = everywhere(rate / unbias_1), root = everywhere(1 / __builtin_sqrtf(unbias_2));
  for (int i = 0, n = parameters(); i < n; i += 4) {
    Four slope = mul(load(g, i), everywhere(scale));
    Four first = mul_add(keep_1, load(m1, i), mul(new_1, slope));
    Four second = mul_add(keep_2, load(m2, i), mul(new_2, mul(slope, slope)));
    Four size = mul_add(wasm_f32x4_sqrt(second), root, everywhere(SMALL));
    Four kept = mul(load(w, i), everywhere(1 - rate * decay));
    store(w, i, sub(kept, wasm_f32x4_div(mul(stride, first), size)));
    store(m1, i, first);
    store(m2, i, second);
  }
}

EXPORT(clear_gradients) void clear_gradients(void) {
  for (int i = 0, n = parameters(); i < n; i += 4) store(FLOATS(gradients), i, everywhere(0));
}
