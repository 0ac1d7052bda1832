#include "rotary.h"

#include "memory.h"

void turn(Floats qkv_row, int place, float direction) {
  Floats c = row(FLOATS(cosine), place, HALF), s = row(FLOATS(sine), place, HALF);
  for (int head = 0; head < 2 * HEADS; head++) {
    Floats x = row(qkv_row, head, HEAD);
    for (int d = 0; d < HALF; d += 4) {
      Four a = load(x, d), b = load(x, d + HALF);
      Four cos = load(c, d), sin = mul(everywhere(direction), load(s, d));
      store(x, d, sub(mul(a, cos), mul(b, sin)));
      store(x, d + HALF, add(mul(b, cos), mul(a, sin)));
    }
  }
}
