#!/usr/bin/env python3
"""How many of 30 x 8 GPUs should train and how many generate, by arithmetic; docs/kubernetes.md explains each line.

  node_split.py        prints the tables of docs/kubernetes.md
"""
import dataclasses
import math

GPUS = 240
# One A100 SXM, 80 GB.
GPU_BYTES = 80e9
FLOPS = 312e12           # bfloat16, dense.
BYTES_PER_SECOND = 2.04e12
# What of these a good implementation reaches.
TRAINING_SHARE = 0.40
DECODING_SHARE = 0.60
# The run: the paper's batch, our group size, and lengths as assumed.
RESPONSES = 512 * 8
MEAN_TOKENS = 4000
PROMPT_TOKENS = 200


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    parameters: float
    layers: int
    kv_heads: int
    head_size: int = 128

    def kv_bytes(self):
        """Keys and values of one token, in bfloat16."""
        return 2 * self.layers * self.kv_heads * self.head_size * 2

    def training_bytes(self):
        """float32 weights, gradients, two moments, and the snapshot that is being broadcast."""
        return 20 * self.parameters

    def learner_gpus_for_memory(self):
        """A quarter of each GPU is left for activations and logits."""
        return math.ceil(self.training_bytes() / (0.75 * GPU_BYTES))

    def sequences(self):
        """That one worker decodes at once: what the cache holds at mean length, at most 256."""
        cache = 0.9 * GPU_BYTES - 2 * 2 * self.parameters  # Weights in use and weights being received.
        return min(256, int(cache / (self.kv_bytes() * (PROMPT_TOKENS + MEAN_TOKENS))))

    def worker_rate(self):
        """Tokens a second: each decode step reads the weights once and the cache of every sequence, half full on average."""
        read = 2 * self.parameters + self.sequences() * self.kv_bytes() * (PROMPT_TOKENS + MEAN_TOKENS / 2)
        return self.sequences() * BYTES_PER_SECOND * DECODING_SHARE / read

    def learner_rate(self):
        """Tokens a second: 2 operations a parameter for old log-probabilities, 6 for the update, 2 to compute activations again."""
        return FLOPS * TRAINING_SHARE / (10 * self.parameters)

    def split(self):
        """(learner, workers) with equal rates, so that neither waits when both work at the same time."""
        learner = GPUS * self.worker_rate() / (self.worker_rate() + self.learner_rate())
        learner = max(round(learner), self.learner_gpus_for_memory())
        return learner, GPUS - learner


MODELS = [Model("1.5B", 1.78e9, 28, 2), Model("7B", 7.62e9, 28, 4), Model("14B", 14.8e9, 48, 8)]


def memory_table():
    lines = ["| model | bytes of a token's keys and values | learner: weights, gradients, moments, snapshot | GPUs for it | worker: sequences at once |",
             "|---|---|---|---|---|"]
    for model in MODELS:
        lines.append(f"| {model.name} | {model.kv_bytes() / 1e3:.0f} KB | {model.training_bytes() / 1e9:.0f} GB | {model.learner_gpus_for_memory()} | "
                     f"{model.sequences()} |")
    return "\n".join(lines)


def split_table():
    lines = ["| model | tokens/s a learner GPU | tokens/s a worker GPU | learner : workers | a step takes |", "|---|---|---|---|---|"]
    for model in MODELS:
        learner, workers = model.split()
        step = RESPONSES * MEAN_TOKENS / min(learner * model.learner_rate(), workers * model.worker_rate())
        lines.append(f"| {model.name} | {model.learner_rate():,.0f} | {model.worker_rate():,.0f} | {learner} : {workers} | {step:.0f} s |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(memory_table(), split_table(), sep="\n\n")
