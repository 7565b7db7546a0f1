"""The plain PyTorch expression for what logprobs_bench does, with the same random numbers. Prints one line of JSON."""

import argparse
import json
import math
import pathlib
import time

import torch


def memory_bytes(name, device):
    """Of this process; on a GPU what tensors take, VmHWM being the peak."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated() if name == "VmHWM" else torch.cuda.memory_allocated()

    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return 1024 * int(line.split()[1])
    raise KeyError(name)


def plain(hidden, head, target):
    logprobs = (hidden @ head.t()).log_softmax(-1)
    return logprobs.gather(-1, target.unsqueeze(-1)).squeeze(-1), -(logprobs.exp() * logprobs).sum(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--vocab", type=int, default=32000)
    parser.add_argument("--hidden", type=int, default=896)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    torch.manual_seed(1)

    hidden = torch.randn(flags.tokens, flags.hidden).to(flags.device).requires_grad_()
    head = (torch.randn(flags.vocab, flags.hidden) / math.sqrt(flags.hidden)).to(flags.device).requires_grad_()
    target, weight = torch.randint(flags.vocab, (flags.tokens,)).to(flags.device), torch.randn(flags.tokens).to(flags.device)
    fastest, peak = math.inf, 0
    for _ in range(flags.rounds):
        hidden.grad = head.grad = None
        before = memory_bytes("VmRSS", flags.device)
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        start = time.perf_counter()
        logprobs, entropy = plain(hidden, head, target)
        loss = (logprobs * weight).sum() + 0.01 * entropy.sum()
        loss.backward()
        loss, _ = loss.item(), head.grad[0, 0].item()  # Waits for the device.
        fastest = min(fastest, time.perf_counter() - start)
        peak = max(peak, memory_bytes("VmHWM", flags.device) - before)
        del logprobs, entropy
    grad_norm = math.hypot(hidden.grad.norm().item(), head.grad.norm().item())
    print(json.dumps({"seconds": fastest, "peak_bytes": peak, "loss": loss, "grad_norm": grad_norm}))


if __name__ == "__main__":
    main()
