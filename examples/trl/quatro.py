"""QUATRO: every completion is pulled to the log-ratio that is optimal within its group's region."""

from run import train

from trlib.bridges.trl import QuatroTrainer


class QUATRO(QuatroTrainer):
    delta_kl = 0.1  # nats per completion


if __name__ == "__main__":
    # The sampler's log-probs are in the ratio, so TRL must not correct for them as well.
    train(QUATRO, loss_type="luspo", vllm_importance_sampling_correction=False)
