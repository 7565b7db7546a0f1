"""Times TRL's GRPO trainer on the quick start: the same checkpoint, problems and step shape as deploy/configs/quickstart.yaml.

A step is 16 prompts x 16 responses of at most 72 tokens, then 8 updates of 32 responses. Prints one JSON object with the
seconds and the mean response length of each step, the first ones included; compare.py drops those.

Set for speed on a CPU: float32 (bfloat16, TRL's default, took more than twice the processor time; --bf16 shows it), no
gradient checkpointing (also a default, and more work), no reference model (beta 0), no checkpoints or reports.
"""

import argparse
import json
import os
import re
import tempfile
import time

PROMPTS, GROUP_SIZE, UPDATES = 16, 16, 8


def last_boxed_integer(text):
    found = re.findall(r"\\boxed\{\s*([+-]?\d+)\s*\}", text)
    return int(found[-1]) if found else None


def reward(completions, answer, **_):
    return [1.0 if last_boxed_integer(completion[0]["content"]) == int(gold) else -1.0
            for completion, gold in zip(completions, answer)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="Hugging Face folder")
    parser.add_argument("--data", required=True, help="JSONL of {id, problem, answer}")
    parser.add_argument("--steps", type=int, default=20, help="of 256 responses")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true")
    arguments = parser.parse_args()

    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)  # Before torch is imported.
    os.environ["HF_HUB_OFFLINE"] = "1"
    import datasets
    import torch
    import transformers
    import trl

    torch.set_num_threads(arguments.threads)
    datasets.disable_progress_bars()

    class StepClock(transformers.TrainerCallback):
        """Ends a step after its last update; the generation that opens a step belongs to it."""

        def __init__(self):
            self.seconds, self.lengths, self.rewards, self.last = [], [], [], None

        def on_train_begin(self, *_, **__):
            self.last = time.perf_counter()

        def on_step_end(self, _, state, *__, **___):
            if state.global_step % UPDATES == 0:
                now = time.perf_counter()
                self.seconds.append(round(now - self.last, 4))
                self.last = now

        def on_log(self, _, state, control, logs=None, **__):
            if logs and "reward" in logs:  # Once a step: logging_steps is UPDATES.
                self.lengths.append(round(logs["completions/mean_length"], 2))
                self.rewards.append(round(logs["reward"], 3))

    with open(arguments.data) as lines:
        rows = [json.loads(line) for line in lines]
    dataset = datasets.Dataset.from_list(
        [{"prompt": [{"role": "user", "content": row["problem"]}], "answer": row["answer"]} for row in rows])

    clock = StepClock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = trl.GRPOTrainer(
            model=transformers.AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32),
            processing_class=transformers.AutoTokenizer.from_pretrained(arguments.model),
            reward_funcs=reward,
            train_dataset=dataset,
            callbacks=[clock],
            args=trl.GRPOConfig(
                output_dir=folder, use_cpu=True, bf16=arguments.bf16, activation_checkpointing=False,
                max_steps=arguments.steps * UPDATES,
                per_device_train_batch_size=PROMPTS * GROUP_SIZE // UPDATES, steps_per_generation=UPDATES,
                gradient_accumulation_steps=1, num_iterations=1, num_generations=GROUP_SIZE,
                max_completion_length=72, temperature=1.0, beta=0.0, loss_type="dapo",
                learning_rate=4e-5, adam_beta2=0.99, weight_decay=0.0, max_grad_norm=1.0,
                warmup_steps=5 * UPDATES, lr_scheduler_type="linear",
                logging_steps=UPDATES, save_strategy="no", report_to="none", disable_tqdm=True, seed=0))
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()

    print(json.dumps({
        "versions": {module.__name__: module.__version__ for module in (trl, transformers, torch)},
        "threads": arguments.threads, "bf16": arguments.bf16,
        "step_seconds": clock.seconds, "response_length": clock.lengths, "reward": clock.rewards}))


if __name__ == "__main__":
    main()
