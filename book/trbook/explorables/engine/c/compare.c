/* How far the distributions of a pass are from others of the same outputs: exact over the vocabulary, in nats. */
#include "memory.h"

/* a log(a/b) - a + b with d = log(a/b): every term is at least 0. Near d = 0 by its series, where the sum would lose
   its digits. */
static inline Four kl_term(Four a, Four b, Four d) {
  Four series = mul_add(d, everywhere(-1.0f / 120), everywhere(1.0f / 24));
  series = mul_add(series, d, everywhere(-1.0f / 6));
  series = mul_add(series, d, everywhere(0.5f));
  Four close = mul(mul(a, mul(d, d)), series), far = add(sub(mul(a, d), a), b);
  return wasm_v128_bitselect(close, far, wasm_f32x4_lt(wasm_f32x4_abs(d), everywhere(0.1f)));
}

/* kl_forth = KL(others || p), kl_back = KL(p || others), tv, and the entropy of p. */
EXPORT(compare) void compare(int outputs) {
  for (int i = 0; i < outputs; i++) {
    Floats x = row(FLOATS(log_probs), i, columns), y = row(FLOATS(others), i, columns);
    Four forth = everywhere(0), back = forth, apart = forth, spread = forth;
    for (int d = 0; d < columns; d += 4) {
      Four log_p = load(x, d), log_q = load(y, d), p = exponential(log_p), q = exponential(log_q);
      forth = add(forth, kl_term(q, p, sub(log_q, log_p)));
      back = add(back, kl_term(p, q, sub(log_p, log_q)));
      apart = add(apart, wasm_f32x4_abs(sub(p, q)));
      spread = sub(spread, mul(p, log_p));
    }
    AT(kl_forth, i) = sum(forth);
    AT(kl_back, i) = sum(back);
    AT(tv, i) = sum(apart) / 2;
    AT(entropy, i) = sum(spread);
  }
}
