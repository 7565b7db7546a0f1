#!/usr/bin/env python3
"""How many of 30 x 8 GPUs should train and how many generate, by arithmetic; docs/kubernetes.md explains each line.

  node_split.py        prints the tables of docs/kubernetes.md: memory, and time as the programs are and as they could be
"""
import dataclasses
import math

GPUS = 240
# One A100 SXM, 80 GB; a tenth is left to the CUDA libraries and fragmentation.
USABLE_BYTES = 0.9 * 80e9
BYTES_PER_SECOND = 2.04e12
DECODING_SHARE = 0.60    # What of it a good implementation reaches.
# The run: the paper's batch, our group size, and lengths as assumed.
RESPONSES = 512 * 8
MEAN_TOKENS = 4000
PROMPT_TOKENS = 200


@dataclasses.dataclass(frozen=True)
class Arithmetic:
    """What weights, keys, values and activations are computed in."""
    number_bytes: int
    flops: float             # Matrix products, dense.
    share: float             # What of them a good implementation reaches.
    operations: int          # A parameter and trained token: 2 old log-probabilities, 6 update, 2 if activations are computed again.
    learner_gpus: int | None # None: as many as are best.


FLOAT32 = Arithmetic(number_bytes=4, flops=19.5e12, share=0.60, operations=8, learner_gpus=1)
BFLOAT16 = Arithmetic(number_bytes=2, flops=312e12, share=0.40, operations=10, learner_gpus=None)


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    parameters: float
    layers: int
    width: int
    mlp_width: int
    kv_heads: int
    head_size: int = 128

    def kv_bytes(self, arithmetic):
        """Keys and values of one token."""
        return 2 * self.layers * self.kv_heads * self.head_size * arithmetic.number_bytes

    def training_bytes(self):
        """float32 weights, gradients, two moments, and the snapshot that is being broadcast."""
        return 20 * self.parameters

    def activation_bytes(self):
        """What model/transformer.cc keeps of one token for the backward pass, float32: per layer seven of the width (inputs
        of both norms and what comes out of them, queries, attention's result padded and packed), keys, values, and four of
        the MLP's width (gate, up, silu of the gate, their product)."""
        return 4 * self.layers * (7 * self.width + 2 * self.kv_heads * self.head_size + 4 * self.mlp_width)

    def longest_trained(self):
        """Tokens of prompt and response that one GPU trains on at once; 0 if not even the parameters fit."""
        return max(0, int((USABLE_BYTES - self.training_bytes()) / self.activation_bytes()))

    def learner_gpus_for_memory(self):
        """A quarter of each GPU is left for activations that are computed again, and logits."""
        return math.ceil(self.training_bytes() / (0.75 * 80e9))

    def sequences(self, arithmetic):
        """That one worker decodes at once: what the cache holds at mean length, at most 256."""
        cache = USABLE_BYTES - 2 * arithmetic.number_bytes * self.parameters  # Weights in use and weights being received.
        return max(0, min(256, int(cache / (self.kv_bytes(arithmetic) * (PROMPT_TOKENS + MEAN_TOKENS)))))

    def worker_rate(self, arithmetic):
        """Tokens a second: each decode step reads the weights once and the cache of every sequence, half full on average, and
        takes 2 operations a parameter and token; the slower of both."""
        sequences = self.sequences(arithmetic)
        read = arithmetic.number_bytes * self.parameters + sequences * self.kv_bytes(arithmetic) * (PROMPT_TOKENS + MEAN_TOKENS / 2)
        return min(sequences * BYTES_PER_SECOND * DECODING_SHARE / read, arithmetic.flops * arithmetic.share / (2 * self.parameters))

    def learner_rate(self, arithmetic):
        """Tokens a second of one GPU."""
        return arithmetic.flops * arithmetic.share / (arithmetic.operations * self.parameters)

    def split(self, arithmetic):
        """(learner, workers): as many workers as the learner's GPUs need, or all GPUs with equal rates of both sides."""
        learner, worker = self.learner_rate(arithmetic), self.worker_rate(arithmetic)
        if arithmetic.learner_gpus:
            return arithmetic.learner_gpus, math.ceil(arithmetic.learner_gpus * learner / worker)
        trained = max(round(GPUS * worker / (worker + learner)), self.learner_gpus_for_memory())
        return trained, GPUS - trained


MODELS = [Model("1.5B", 1.78e9, 28, 1536, 8960, 2), Model("7B", 7.62e9, 28, 3584, 18944, 4), Model("14B", 14.8e9, 48, 5120, 13824, 8)]


def table(head, rows):
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head)] + [f"| {' | '.join(row)} |" for row in rows])


def memory_table():
    head = ["model", "learner: weights, gradients, moments, snapshot", "activations of a token", "longest that one GPU trains on",
            "keys and values of a token", "worker: sequences at once"]
    return table(head, [[m.name, f"{m.training_bytes() / 1e9:.0f} GB", f"{m.activation_bytes() / 1e6:.1f} MB", f"{m.longest_trained():,} tokens",
                         f"{m.kv_bytes(FLOAT32) / 1e3:.0f} KB", f"{m.sequences(FLOAT32)}"] for m in MODELS])


def split_table(arithmetic, models):
    rows = []
    for m in models:
        learner, workers = m.split(arithmetic)
        seconds = RESPONSES * MEAN_TOKENS / min(learner * m.learner_rate(arithmetic), workers * m.worker_rate(arithmetic))
        rows.append([m.name, f"{m.learner_rate(arithmetic):,.0f}", f"{m.worker_rate(arithmetic):,.0f}", f"{learner} : {workers}",
                     f"{seconds / 3600:.1f} h" if seconds > 3600 else f"{seconds:.0f} s"])
    return table(["model", "tokens/s a learner GPU", "tokens/s a worker GPU", "learner : workers", "a step takes"], rows)


if __name__ == "__main__":
    print(memory_table(), split_table(FLOAT32, [m for m in MODELS if m.longest_trained()]), split_table(BFLOAT16, MODELS), sep="\n\n")
