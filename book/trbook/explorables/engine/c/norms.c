#include "norms.h"

#include "shape.h"
#include "simd.h"

static float mean_square(Floats x) {
  Four total = everywhere(0);
  for (int d = 0; d < WIDTH; d += 4) total = mul_add(load(x, d), load(x, d), total);
  return sum(total) / WIDTH;
}

void norm(Floats x, Floats w, Floats s, Floats y, int n) {
  for (int i = 0; i < n; i++) {
    Floats in = row(x, i, WIDTH), out = row(y, i, WIDTH);
    float scale = OF(s, i) = 1 / __builtin_sqrtf(mean_square(in) + 1e-6f);
    for (int d = 0; d < WIDTH; d += 4) store(out, d, mul(mul(load(in, d), everywhere(scale)), load(w, d)));
  }
}

/* dw += s x dy of one row; gives sum w x dy. */
static float weight_gradient(Floats x, Floats w, float s, Floats dy, Floats dw) {
  Four along = everywhere(0);
  for (int d = 0; d < WIDTH; d += 4) {
    Four product = mul(load(x, d), load(dy, d));
    along = mul_add(product, load(w, d), along);
    store(dw, d, mul_add(product, everywhere(s), load(dw, d)));
  }
  return sum(along);
}

void norm_backward(Floats x, Floats w, Floats s, Floats dy, Floats dx, const int *to, Floats dw, int n) {
  for (int i = 0; i < n; i++) {
    Floats in = row(x, i, WIDTH), up = row(dy, i, WIDTH), out = row(dx, to ? to[i] : i, WIDTH);
    float scale = OF(s, i);
    float along = weight_gradient(in, w, scale, up, dw) * scale * scale * scale / WIDTH;
    for (int d = 0; d < WIDTH; d += 4) {
      Four across = mul(mul(load(up, d), load(w, d)), everywhere(scale));
      store(out, d, add(load(out, d), sub(across, mul(load(in, d), everywhere(along)))));
    }
  }
}
