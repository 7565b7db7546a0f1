"""What model_bench does, with transformers' generate and a plain PyTorch update. Prints one line of JSON.

The update is that of a policy gradient: each response with its prompt in a row of its own, log-probabilities by log_softmax,
AdamW fused; micro-batches of whole rows."""

import argparse
import json
import time

import torch
import transformers


def model_of(flags, trainable):
    config = transformers.AutoConfig.from_pretrained(flags.model)
    config.dtype = torch.float32
    with torch.device(flags.device):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="sdpa")
    return model.requires_grad_(trainable).train(trainable)


def rollout(flags):
    model = model_of(flags, trainable=False)

    def generate():
        prompts = torch.randint(32000, (flags.groups, flags.prompt_tokens), device=flags.device)
        rows = prompts.repeat_interleave(flags.group_size, 0)
        out = model.generate(rows, attention_mask=torch.ones_like(rows), do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
                             min_new_tokens=flags.response_tokens, max_new_tokens=flags.response_tokens, pad_token_id=0)
        assert out.shape[1] == flags.prompt_tokens + flags.response_tokens

    return generate


def learner(flags):
    model = model_of(flags, trainable=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-7, fused=True)
    rows = flags.groups * flags.group_size
    length = flags.prompt_tokens + flags.response_tokens
    ids = torch.randint(32000, (rows, length), device=flags.device)
    advantages = torch.where(torch.arange(rows, device=flags.device) % 2 == 0, 1.0, -1.0)
    rows_at_once = max(1, flags.micro_batch_tokens // length)

    def update():
        for begin in range(0, rows, rows_at_once):
            part = ids[begin:begin + rows_at_once]
            logits = model(part, logits_to_keep=flags.response_tokens + 1).logits[:, :-1]
            target = part[:, flags.prompt_tokens:]
            logprobs = logits.log_softmax(-1).gather(-1, target.unsqueeze(-1)).squeeze(-1)
            ratio = (logprobs - logprobs.detach()).exp()
            loss = -(ratio * advantages[begin:begin + rows_at_once, None]).sum() / (rows * flags.response_tokens)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return update


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["rollout", "learner"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--device", default="cpu")
    for name, default in (("groups", 2), ("group-size", 8), ("prompt-tokens", 128), ("response-tokens", 512),
                          ("micro-batch-tokens", 16384), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--tf32", action="store_true")
    flags = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = flags.tf32
    torch.manual_seed(1)
    one_round = rollout(flags) if flags.part == "rollout" else learner(flags)
    cuda = flags.device != "cpu"
    fastest = float("inf")
    with torch.inference_mode(flags.part == "rollout"):
        for i in range(flags.rounds + 1):  # The first warms up.
            start = time.perf_counter()
            one_round()
            if cuda:
                torch.cuda.synchronize()
            if i > 0:
                fastest = min(fastest, time.perf_counter() - start)
    tokens = flags.groups * flags.group_size * flags.response_tokens
    print(json.dumps({"seconds": fastest, "tokens_per_second": tokens / fastest,
                      "reserved_bytes": torch.cuda.max_memory_reserved() if cuda else 0}))


if __name__ == "__main__":
    main()
