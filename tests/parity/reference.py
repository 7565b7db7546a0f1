"""What the parity tests share: the programs under test, model folders made by transformers, and tokenizers."""

import json
import os
import subprocess
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import Qwen2Config, Qwen2ForCausalLM
from transformers.utils import logging

logging.disable_progress_bar()

BIN = Path(os.environ["MASPO_BIN_DIR"])
SOURCE = Path(os.environ["MASPO_SOURCE_DIR"])
SHARED = Path(os.environ.get("MASPO_SHARED_DIR") or SOURCE / ".." / "shared")

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3_SPLIT = QWEN2_SPLIT.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
QWEN2_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} exited with {done.returncode}: {done.stderr}")


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read_jsonl(path):
    # Not splitlines(): text may hold U+2028 and its like.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def probe(model_dir, requests):
    """The library's answers to requests of parity_probe."""
    model_dir = Path(model_dir)
    write_jsonl(model_dir / "requests.jsonl", requests)
    run(BIN / "parity_probe", model_dir, model_dir / "requests.jsonl", model_dir / "results.jsonl")
    results = read_jsonl(model_dir / "results.jsonl")
    assert len(results) == len(requests)
    return results


def random_model(seed, dtype=torch.float32, **shape):
    """A Qwen2 whose every parameter is random, so that a forgotten bias or norm shows; float32 values of `dtype`."""
    torch.manual_seed(seed)
    config = Qwen2Config(**{"max_position_embeddings": 512, "bos_token_id": None, "eos_token_id": None, **shape})
    model = Qwen2ForCausalLM(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            center = 1.0 if "norm" in name else 0.0
            scale = 0.3 if parameter.dim() == 1 else 1.2 * parameter.shape[1] ** -0.5
            parameter.copy_((center + scale * torch.randn_like(parameter)).to(dtype))
    return model


def train_tokenizer(split, texts, vocab_size=1500, bos=None):
    """A byte-level BPE in the manner of Qwen2 (NFC, split regex), trained on `texts`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = QWEN2_SPECIAL + ([bos] if bos else [])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, special_tokens=special, show_progress=False),
    )
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return tokenizer


def benchmark_texts():
    """Every string of the benchmark problems; empty where the shared data is absent."""
    texts = []
    for path in sorted((SHARED / "data" / "benchmarks").glob("*.jsonl")):
        for row in read_jsonl(path):
            texts.extend(value for value in row.values() if isinstance(value, str))
    return texts


FALLBACK_TEXTS = [
    "Natalia sold 48 clips in April, and half as many in May. How many clips did she sell altogether?",
    r"Find $\sum_{k=1}^{n} \frac{1}{k(k+1)}$ as a fraction; write \boxed{\frac{n}{n+1}}.",
    "Compute 20-8+4+5-2.\n20-8=12\n12+4=16\nIt's 19, isn't it? WE'LL see.",
]
