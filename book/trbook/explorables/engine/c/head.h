#pragma once

/* log_probs [outputs, columns]: logits -> log-probabilities over the vocabulary; chosen[i] = log p(target[i]). */
void log_softmax(int outputs);
