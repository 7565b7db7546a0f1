"""Writes tokenizer.json, tokenizer_config.json and generation_config.json of the quick start's model:

    pip install tokenizers==0.23.3
    python3 examples/quickstart/make_tokenizer.py --output examples/quickstart/base

A Qwen2-shaped tokenizer (NFC, Qwen2's split pattern with single digits, byte-level BPE) whose merges come from the task's
own problems and solutions. They run out at 354 tokens, when each word of the task is one token; three special tokens
follow. The chat template is Qwen2's without a default system turn.
"""

import argparse
import json
import pathlib
import random

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from chain import STYLES, ask, draw_chain, solve

QWEN2_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
               r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def corpus(rng):
    for _ in range(4000):
        chain = draw_chain(rng, rng.randint(2, 6), held_out=False)
        yield from ("user\n", ask(rng, chain), "assistant\n", solve(chain, rng.choice(tuple(STYLES))))


def train_tokenizer(rng):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(rng), trainers.BpeTrainer(
        vocab_size=1000, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def tokenizer_config(tokenizer):
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    return {
        "tokenizer_class": "Qwen2TokenizerFast",
        "added_tokens_decoder": {tokenizer.token_to_id(token): {"content": token, **plain} for token in SPECIAL_TOKENS},
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
        "chat_template": CHAT_TEMPLATE,
    }


def generation_config(tokenizer):
    return {
        "do_sample": True,
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "eos_token_id": tokenizer.token_to_id("<|im_end|>"),
        "pad_token_id": tokenizer.token_to_id("<|endoftext|>"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(__file__).parent / "base", help="folder")
    arguments = parser.parse_args()

    tokenizer = train_tokenizer(random.Random(arguments.seed))
    tokenizer.save(str(arguments.output / "tokenizer.json"))
    for name, content in (("tokenizer_config.json", tokenizer_config(tokenizer)),
                          ("generation_config.json", generation_config(tokenizer))):
        (arguments.output / name).write_text(json.dumps(content, indent=2) + "\n")
    print(f"{tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
