/* The model, forwards and backwards. A pass takes any mixture of prompts and completions as rows; `memory.h` says how
   the page tells who attends to whom. */
#include "attention.h"
#include "head.h"
#include "matrices.h"
#include "memory.h"
#include "norms.h"
#include "rotary.h"

/* Why a pass is refused. The page has the same list. */
enum { FINE, TOO_MANY_ROWS, TOO_MANY_OUTPUTS, NO_TOKEN, NO_POSITION, NO_SLOT, TOO_MANY_KEYS, NO_PREDICTOR, NO_TARGET,
       FOREIGN_SLOT };

static inline int inside(int value, int length) { return value >= 0 && value < length; }

static int row_fault(int i) {
  if (!inside(AT(token, i), vocabulary)) return NO_TOKEN;
  if (!inside(AT(position, i), POSITIONS)) return NO_POSITION;
  if (!inside(AT(slot, i), SLOTS) || !inside(AT(own_from, i), AT(slot, i) + 1)) return NO_SLOT;
  if (AT(shared, i) < 0 || AT(shared, i) > KEYS || AT(slot, i) - AT(own_from, i) >= KEYS) return TOO_MANY_KEYS;
  if (keys_of(i) > KEYS) return TOO_MANY_KEYS;
  return AT(shared, i) && !inside(AT(shared_from, i), SLOTS - AT(shared, i) + 1) ? NO_SLOT : FINE;
}

static int layout_fault(int rows, int outputs) {
  if (rows < 0 || rows > ROWS) return TOO_MANY_ROWS;
  if (outputs < 0 || outputs > OUTPUTS) return TOO_MANY_OUTPUTS;
  for (int i = 0; i < rows; i++) {
    int found = row_fault(i);
    if (found) return found;
  }
  for (int i = 0; i < outputs; i++) {
    if (!inside(AT(predictor, i), rows)) return NO_PREDICTOR;
    if (!inside(AT(target, i), vocabulary)) return NO_TARGET;
  }
  return FINE;
}

static void copy(Floats from, Floats to, int length) {
  for (int i = 0; i < length; i += 4) store(to, i, load(from, i));
}

static void clear(Floats x, int length) {
  for (int i = 0; i < length; i += 4) store(x, i, everywhere(0));
}

/* Every matrix the other way round, for the forward products; after each change of the weights. */
EXPORT(settle) void settle(void) {
  Floats w = FLOATS(weights), t = FLOATS(transposed);
  transpose(embedding(w), embedding(t), columns, WIDTH);
  for (int l = 0; l < LAYERS; l++) {
    transpose(of_layer(w, l, QKV, 3 * WIDTH * WIDTH), of_layer(t, l, QKV, 3 * WIDTH * WIDTH), 3 * WIDTH, WIDTH);
    transpose(of_layer(w, l, MIX, WIDTH * WIDTH), of_layer(t, l, MIX, WIDTH * WIDTH), WIDTH, WIDTH);
    transpose(of_layer(w, l, GATE_UP, 2 * INNER * WIDTH), of_layer(t, l, GATE_UP, 2 * INNER * WIDTH), 2 * INNER,
              WIDTH);
    transpose(of_layer(w, l, DOWN, WIDTH * INNER), of_layer(t, l, DOWN, WIDTH * INNER), WIDTH, INNER);
  }
}

/* The checkpoint's vocabulary; gives its columns, or 0 where it is too large. */
EXPORT(set_vocabulary) int set_vocabulary(int tokens) {
  if (tokens < 1 || tokens > VOCABULARY) return 0;
  vocabulary = tokens;
  return columns = (tokens + 7) / 8 * 8;
}

/* -- forward -------------------------------------------------------------------------------------------------------- */

static void embed(int rows) {
  Floats table = embedding(FLOATS(weights));
  for (int i = 0; i < rows; i++) copy(row(table, AT(token, i), WIDTH), row(FLOATS(stream[0]), i, WIDTH), WIDTH);
}

/* Turned queries and keys; keys and values go to the cache. */
static void place(int l, int rows) {
  for (int i = 0; i < rows; i++) {
    Floats x = row(FLOATS(qkv[l]), i, 3 * WIDTH);
    turn(x, AT(position, i), 1);
    copy(part(x, WIDTH, 2 * WIDTH), row(FLOATS(cache[l]), AT(slot, i), 2 * WIDTH), 2 * WIDTH);
  }
}

static void attention_block(int l, int rows) {
  Floats w = FLOATS(weights), t = FLOATS(transposed);
  norm(FLOATS(stream[l]), of_layer(w, l, NORM_1, WIDTH), FLOATS(scale_1[l]), FLOATS(normed_1[l]), rows);
  multiply(FLOATS(normed_1[l]), of_layer(t, l, QKV, 3 * WIDTH * WIDTH), FLOATS(qkv[l]), rows, WIDTH, 3 * WIDTH);
  place(l, rows);
  attend(l, rows);
  copy(FLOATS(stream[l]), FLOATS(middle[l]), rows * WIDTH);
  multiply_add(FLOATS(attended[l]), of_layer(t, l, MIX, WIDTH * WIDTH), FLOATS(middle[l]), rows, WIDTH, WIDTH);
}

/* gated = silu(gate) up */
static void gate(int l, int rows) {
  for (int i = 0; i < rows; i++) {
    Floats both = row(FLOATS(gate_up[l]), i, 2 * INNER), out = row(FLOATS(gated[l]), i, INNER);
    for (int d = 0; d < INNER; d += 4) {
      Four a = load(both, d);
      store(out, d, mul(load(both, INNER + d), mul(a, sigmoid(a))));
    }
  }
}

static void feed_forward_block(int l, int rows) {
  Floats w = FLOATS(weights), t = FLOATS(transposed);
  norm(FLOATS(middle[l]), of_layer(w, l, NORM_2, WIDTH), FLOATS(scale_2[l]), FLOATS(normed_2[l]), rows);
  multiply(FLOATS(normed_2[l]), of_layer(t, l, GATE_UP, 2 * INNER * WIDTH), FLOATS(gate_up[l]), rows, WIDTH,
           2 * INNER);
  gate(l, rows);
  copy(FLOATS(middle[l]), FLOATS(stream[l + 1]), rows * WIDTH);
  multiply_add(FLOATS(gated[l]), of_layer(t, l, DOWN, WIDTH * INNER), FLOATS(stream[l + 1]), rows, INNER, WIDTH);
}

static void head(int outputs) {
  for (int i = 0; i < outputs; i++)
    copy(row(FLOATS(stream[LAYERS]), AT(predictor, i), WIDTH), row(FLOATS(last), i, WIDTH), WIDTH);
  norm(FLOATS(last), last_norm(FLOATS(weights)), FLOATS(last_scale), FLOATS(last_normed), outputs);
  multiply(FLOATS(last_normed), embedding(FLOATS(transposed)), FLOATS(log_probs), outputs, WIDTH, columns);
  log_softmax(outputs);
}

/* `rows` rows through the layers, `outputs` of them through the head. Gives FINE, or why it was refused. */
EXPORT(forward) int forward(int rows, int outputs) {
  int found = layout_fault(rows, outputs);
  if (found) return found;
  embed(rows);
  for (int l = 0; l < LAYERS; l++) {
    attention_block(l, rows);
    feed_forward_block(l, rows);
  }
  head(outputs);
  return FINE;
}

/* -- backward: gradients += those of the loss whose gradient in the logits stands in logit_gradients ---------------- */

static void head_backward(int rows, int outputs) {
  Floats w = FLOATS(weights), g = FLOATS(gradients), up = FLOATS(logit_gradients);
  outer_add(up, FLOATS(last_normed), embedding(g), outputs, columns, WIDTH);
  multiply(up, embedding(w), FLOATS(row_gradient), outputs, columns, WIDTH);
  clear(FLOATS(stream_gradient), rows * WIDTH);
  norm_backward(FLOATS(last), last_norm(w), FLOATS(last_scale), FLOATS(row_gradient), FLOATS(stream_gradient),
                predictor, last_norm(g), outputs);
}

/* d/da silu(a) = s + a s (1 - s), s the sigmoid. */
static void gate_backward(int l, int rows) {
  for (int i = 0; i < rows; i++) {
    Floats both = row(FLOATS(gate_up[l]), i, 2 * INNER), back = row(FLOATS(gate_up_gradient), i, 2 * INNER);
    Floats up = row(FLOATS(gated_gradient), i, INNER);
    for (int d = 0; d < INNER; d += 4) {
      Four a = load(both, d), s = sigmoid(a), silu = mul(a, s), e = load(up, d);
      Four slope = mul_add(silu, sub(everywhere(1), s), s);
      store(back, INNER + d, mul(e, silu));
      store(back, d, mul(mul(e, load(both, INNER + d)), slope));
    }
  }
}

static void feed_forward_backward(int l, int rows) {
  Floats w = FLOATS(weights), g = FLOATS(gradients), dx = FLOATS(stream_gradient);
  outer_add(dx, FLOATS(gated[l]), of_layer(g, l, DOWN, WIDTH * INNER), rows, WIDTH, INNER);
  multiply(dx, of_layer(w, l, DOWN, WIDTH * INNER), FLOATS(gated_gradient), rows, WIDTH, INNER);
  gate_backward(l, rows);
  Floats back = FLOATS(gate_up_gradient), up = FLOATS(row_gradient);
  outer_add(back, FLOATS(normed_2[l]), of_layer(g, l, GATE_UP, 2 * INNER * WIDTH), rows, 2 * INNER, WIDTH);
  multiply(back, of_layer(w, l, GATE_UP, 2 * INNER * WIDTH), up, rows, 2 * INNER, WIDTH);
  norm_backward(FLOATS(middle[l]), of_layer(w, l, NORM_2, WIDTH), FLOATS(scale_2[l]), up, dx, 0,
                of_layer(g, l, NORM_2, WIDTH), rows);
}

static void attention_backward(int l, int rows) {
  Floats w = FLOATS(weights), g = FLOATS(gradients), dx = FLOATS(stream_gradient), back = FLOATS(qkv_gradient);
  outer_add(dx, FLOATS(attended[l]), of_layer(g, l, MIX, WIDTH * WIDTH), rows, WIDTH, WIDTH);
  multiply(dx, of_layer(w, l, MIX, WIDTH * WIDTH), FLOATS(row_gradient), rows, WIDTH, WIDTH);
  clear(back, rows * 3 * WIDTH);
  attend_backward(l, rows);
  for (int i = 0; i < rows; i++) turn(row(back, i, 3 * WIDTH), AT(position, i), -1);
  outer_add(back, FLOATS(normed_1[l]), of_layer(g, l, QKV, 3 * WIDTH * WIDTH), rows, 3 * WIDTH, WIDTH);
  multiply(back, of_layer(w, l, QKV, 3 * WIDTH * WIDTH), FLOATS(row_gradient), rows, 3 * WIDTH, WIDTH);
  norm_backward(FLOATS(stream[l]), of_layer(w, l, NORM_1, WIDTH), FLOATS(scale_1[l]), FLOATS(row_gradient), dx, 0,
                of_layer(g, l, NORM_1, WIDTH), rows);
}

static void embed_backward(int rows) {
  Floats g = embedding(FLOATS(gradients));
  for (int i = 0; i < rows; i++) {
    Floats from = row(FLOATS(stream_gradient), i, WIDTH), to = row(g, AT(token, i), WIDTH);
    for (int d = 0; d < WIDTH; d += 4) store(to, d, add(load(to, d), load(from, d)));
  }
}

/* After `forward` of the same rows and outputs, with nothing in the cache but these rows. */
EXPORT(backward) int backward(int rows, int outputs) {
  int found = layout_fault(rows, outputs);
  if (found) return found;
  for (int i = 0; i < rows; i++)
    if (AT(slot, i) != i || AT(shared_from, i) + AT(shared, i) > rows) return FOREIGN_SLOT;
  head_backward(rows, outputs);
  for (int l = LAYERS - 1; l >= 0; l--) {
    feed_forward_backward(l, rows);
    attention_backward(l, rows);
  }
  embed_backward(rows);
  return FINE;
}
