#include "attention.h"

#include "memory.h"

static const float SHARPNESS = 0.25f; /* 1 / sqrt(HEAD) */
static const float NEVER = -1e30f;    /* a score without probability */

static inline float dot(Floats a, Floats b) {
  Four total = everywhere(0);
  for (int d = 0; d < HEAD; d += 4) total = mul_add(load(a, d), load(b, d), total);
  return sum(total);
}

/* y += c x */
static inline void add_times(float c, Floats x, Floats y) {
  for (int d = 0; d < HEAD; d += 4) store(y, d, mul_add(everywhere(c), load(x, d), load(y, d)));
}

static inline Floats key(int layer, int at, int head) {
  return part(FLOATS(cache[layer]), at * 2 * WIDTH + head * HEAD, HEAD);
}

static inline Floats value(int layer, int at, int head) {
  return part(FLOATS(cache[layer]), at * 2 * WIDTH + WIDTH + head * HEAD, HEAD);
}

/* The queries (which = 0), keys (1) or values (2) of a row's head. */
static inline Floats head_of(Floats qkv_rows, int i, int which, int head) {
  return part(qkv_rows, i * 3 * WIDTH + which * WIDTH + head * HEAD, HEAD);
}

static inline Floats probabilities(int layer, int i, int head) {
  return row(FLOATS(attention[layer]), i * HEADS + head, KEYS);
}

/* p[0 .. keys) = softmax of these scores; up to the next multiple of four the rest becomes 0. */
static void softmax(Floats p, int keys, float most) {
  for (int j = keys; j % 4; j++) OF(p, j) = NEVER;
  Four total = everywhere(0);
  for (int j = 0; j < keys; j += 4) {
    Four e = exponential(sub(load(p, j), everywhere(most)));
    store(p, j, e);
    total = add(total, e);
  }
  Four share = everywhere(1 / sum(total));
  for (int j = 0; j < keys; j += 4) store(p, j, mul(load(p, j), share));
}

static void attend_head(int layer, int i, int head) {
  Floats query = head_of(FLOATS(qkv[layer]), i, 0, head), p = probabilities(layer, i, head);
  Floats out = part(FLOATS(attended[layer]), i * WIDTH + head * HEAD, HEAD);
  int keys = keys_of(i);
  float most = NEVER;
  for (int j = 0; j < keys; j++) {
    float score = OF(p, j) = SHARPNESS * dot(query, key(layer, key_slot(i, j), head));
    if (score > most) most = score;
  }
  softmax(p, keys, most);
  for (int d = 0; d < HEAD; d++) OF(out, d) = 0;
  for (int j = 0; j < keys; j++) add_times(OF(p, j), value(layer, key_slot(i, j), head), out);
}

void attend(int layer, int n) {
  for (int i = 0; i < n; i++)
    for (int head = 0; head < HEADS; head++) attend_head(layer, i, head);
}

static void attend_head_backward(int layer, int i, int head) {
  Floats query = head_of(FLOATS(qkv[layer]), i, 0, head), p = probabilities(layer, i, head);
  Floats upstream = part(FLOATS(row_gradient), i * WIDTH + head * HEAD, HEAD), back = FLOATS(qkv_gradient);
  int keys = keys_of(i);
  float to_p[KEYS], mean = 0;
  for (int j = 0; j < keys; j++) {
    int at = key_slot(i, j);
    AT(to_p, j) = dot(upstream, value(layer, at, head));
    mean += OF(p, j) * to_p[j];
    add_times(OF(p, j), upstream, head_of(back, at, 2, head));
  }
  for (int j = 0; j < keys; j++) {
    int at = key_slot(i, j);
    float to_score = SHARPNESS * OF(p, j) * (AT(to_p, j) - mean);
    add_times(to_score, key(layer, at, head), head_of(back, i, 0, head));
    add_times(to_score, query, head_of(back, at, 1, head));
  }
}

void attend_backward(int layer, int n) {
  for (int i = 0; i < n; i++)
    for (int head = 0; head < HEADS; head++) attend_head_backward(layer, i, head);
}
