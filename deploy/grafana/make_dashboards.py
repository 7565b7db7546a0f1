#!/usr/bin/env python3
"""Writes the Grafana dashboards. They are generated so that units, descriptions and variables are the same everywhere;
tests/deploy/dashboards_test.py runs every query of theirs against a live run.

  make_dashboards.py [FOLDER]      training.json, system.json and fleet.json; default: dashboards/ beside this file
"""
import json
import pathlib
import sys

from panels import GREEN, RED, YELLOW, Panel, annotation, dashboard, row, variable

# Units that Grafana has no name for.
NATS, FACTOR, TOKENS, GROUPS, VERSIONS = "suffix:nats", "suffix:x", "suffix:tokens", "suffix:groups", "suffix:versions"
TOKENS_PER_SECOND, GROUPS_PER_SECOND, ANSWERS_PER_SECOND = "suffix:tokens/s", "suffix:groups/s", "suffix:answers/s"

RUN = 'run=~"$run"'
PROCESS = 'run=~"$run", role=~"$role", name=~"$instance"'


def learner(name):
    """A gauge of the training step (docs/metrics.md), by its Prometheus name."""
    return f"maspo_learner_{name}{{{RUN}}}"


def both_sides(low, high):
    """Colours of a quantity that is fine between two bounds."""
    return ((None, YELLOW), (low, GREEN), (high, YELLOW))


def up_to(warning, critical):
    return ((None, GREEN), (warning, YELLOW), (critical, RED))


def quantiles(metric, labels, by):
    grouped = f"sum by (le, {by}) (rate({metric}_bucket{{{labels}}}[$__rate_interval]))"
    return [(f"histogram_quantile({q}, {grouped})", f"{{{{{by}}}}} p{round(100 * q)}") for q in (0.5, 0.99)]


TRAINING = [
    row("Now",
        Panel("Step", "suffix:steps", "Finished training steps, and how many are planned.",
              [(learner("step"), "{{run}}"), (learner("planned_steps"), "{{run}} planned")], kind="stat", width=6),
        Panel("Reward", "suffix:reward", "Mean reward of the last step's responses.", [(learner("reward_mean"), "{{run}}")],
              ((None, RED), (-0.5, YELLOW), (0, GREEN)), kind="stat", width=6),
        Panel("Held-out Avg@k", "percentunit", "Accuracy on the held-out problems at the last evaluation.",
              [(learner("eval_avg_at_k"), "{{run}}")], kind="stat", width=6),
        Panel("Since the last step", "s", "Half an hour, or three steps if these take longer, raise MaspoNoUpdate.",
              [(learner("seconds_since_step"), "{{run}}")], up_to(600, 1800), kind="stat", width=6)),
    row("Does it learn",
        Panel("Reward", "suffix:reward", "Mean over the step's responses, and one standard deviation of them.",
              [(learner("reward_mean"), "{{run}} mean"), (learner("reward_std"), "{{run}} deviation")]),
        Panel("Verdicts", "percentunit", "Share of each verdict among the answers verified in five minutes. timeout and crashed are the "
              "verifier's failures: such answers are judged again, and above 1 % MaspoVerifierFails fires.",
              [('maspo:verdict_share:rate5m{run=~"$run"}', "{{run}} {{verdict}}")], stacked=True),
        Panel("Held-out accuracy", "percentunit", "Avg@k over the held-out problems, and unbiased Pass@k for the largest k.",
              [(learner("eval_avg_at_k"), "{{run}} Avg@k"), (learner("eval_pass_at_k"), "{{run}} Pass@k")]),
        Panel("Entropy", NATS, "Nats a token, before the step's updates. At 5 % of its highest value MaspoEntropyCollapse fires.",
              [(learner("policy_entropy"), "{{run}}")]),
        Panel("Response length", TOKENS, "Tokens, mean and longest of the step.",
              [(learner("response_length_mean"), "{{run}} mean"), (learner("response_length_max"), "{{run}} longest")]),
        Panel("Cut off", "percentunit", "Responses that reached max_new_tokens. Above a tenth the limit shapes what is learnt.",
              [(learner("response_truncated_fraction"), "{{run}}")], up_to(0.1, 0.3)),
        Panel("Groups without variance", "percentunit", "Groups whose responses all got the same reward: they teach nothing.",
              [(learner("group_zero_variance_fraction"), "{{run}}")], up_to(0.5, 0.8))),
    row("Is it healthy",
        Panel("Gate", FACTOR, "Mean of the objective's factor on ratio times advantage; 1 = open. Lower: updates move far from the policy "
              "that sampled.", [(learner("policy_gate_mean"), "{{run}}")], ((None, YELLOW), (0.8, GREEN))),
        Panel("Gate by sign", FACTOR, "The same over tokens of good and of bad responses. Far apart: one side of the objective does the work.",
              [(learner("policy_gate_mean_positive"), "{{run}} A > 0"), (learner("policy_gate_mean_negative"), "{{run}} A < 0")],
              ((None, YELLOW), (0.8, GREEN))),
        Panel("Gated tokens", "percentunit", "Share of tokens on which the gate or clip acts, of all and by the advantage's sign. A soft gate acts on "
              "about half of them, mostly by very little.",
              [(learner("policy_gated_fraction"), "{{run}} all"), (learner("policy_gated_fraction_positive"), "{{run}} A > 0"),
               (learner("policy_gated_fraction_negative"), "{{run}} A < 0")], up_to(0.8, 0.95)),
        Panel("Clipped tokens", "percentunit", "Share of tokens outside the clip range on the side that their advantage pushes to, of those beyond the "
              "dual clip, and of those that have no gradient.",
              [(learner("policy_clip_fraction"), "{{run}} outside the clip range"), (learner("policy_clip_fraction_lower"), "{{run}} dual clip"),
               (learner("policy_zero_gradient_fraction"), "{{run}} no gradient")], up_to(0.3, 0.6)),
        Panel("Ratio", FACTOR, "Quantiles of current to old probability over the step's tokens; the logarithm is limited to 20.",
              [(learner("policy_ratio_p1"), "{{run}} 1 %"), (learner("policy_ratio_p50"), "{{run}} median"),
               (learner("policy_ratio_p99"), "{{run}} 99 %"), (learner("policy_ratio_max"), "{{run}} largest")],
              ((None, YELLOW), (0.1, GREEN), (10, YELLOW), (1000, RED)), log=True),
        Panel("Effective samples", "percentunit", "(sum of ratios)^2 / (tokens * sum of squared ratios). Low: few tokens decide the update.",
              [(learner("policy_effective_sample_share"), "{{run}}")], ((None, RED), (0.3, YELLOW), (0.7, GREEN))),
        Panel("KL to the old policy", NATS, "Nats a token, within the step's updates.",
              [(learner("policy_kl_old"), "{{run}} KL"), (learner("policy_abs_kl"), "{{run}} mean |difference|")], up_to(0.05, 0.2)),
        Panel("Gradient norm", "short", "Before clipping, mean and largest of the step's updates.",
              [(learner("optim_grad_norm"), "{{run}} mean"), (learner("optim_grad_norm_max"), "{{run}} largest")]),
        Panel("Loss", "short", "Mean loss of the step's updates. Its level means little; jumps do.", [(learner("optim_loss"), "{{run}}")]),
        Panel("Skipped updates", "suffix:updates", "Updates whose loss or gradient was not finite, since the run began. Any raises MaspoSkippedUpdates.",
              [(learner("optim_skipped_updates"), "{{run}}")], up_to(1, 2)),
        Panel("Learning rate", "sci", "Of the step.", [(learner("optim_learning_rate"), "{{run}}")]),
        Panel("Sampler against learner", NATS, "Mean |difference| of their log-probabilities of the same tokens. On-policy and in float32 it is "
              "rounding, 1e-5; a version of staleness adds some hundredths; above 0.1 MaspoMismatch fires.",
              [(learner("mismatch_logprob_abs_mean"), "{{run}}")], up_to(0.05, 0.1)),
        Panel("Largest mismatch", NATS, "The same of the token where they differ most.", [(learner("mismatch_logprob_abs_max"), "{{run}}")]),
        Panel("Staleness", VERSIONS, "Versions between sampling and training, over the step's tokens.",
              [(learner("rollout_staleness_mean"), "{{run}} mean"), (learner("rollout_staleness_max"), "{{run}} oldest")]),
        Panel("Groups by staleness", GROUPS_PER_SECOND, "Groups a second taken for training, by how many versions their oldest token was behind.",
              [('sum by (run, versions_behind) (rate(maspo_learner_taken_groups_total{run=~"$run"}[$__rate_interval]))',
                "{{run}} {{versions_behind}} behind")], stacked=True)),
]

SYSTEM = [
    row("Throughput",
        Panel("Response tokens", TOKENS_PER_SECOND, "Tokens a second that the workers sample, all together and each.",
              [('sum by (run) (maspo:rollout_tokens:rate1m{run=~"$run"})', "{{run}} all"),
               ('maspo:rollout_tokens:rate1m{run=~"$run", name=~"$instance"}', "{{name}}")]),
        Panel("Tokens trained on", TOKENS_PER_SECOND, "Response tokens of the step by its time.",
              [(learner("throughput_response_tokens_per_s"), "{{run}}")]),
        Panel("Answers verified", ANSWERS_PER_SECOND, "A second, by reward server.",
              [('sum by (run, name) (rate(maspo_reward_verdicts_total{run=~"$run"}[$__rate_interval]))', "{{name}}")]),
        Panel("Step time by phase", "s", "Seconds of the last step. rollout_wait: the learner had too few groups. Evaluation and checkpoints "
              "come on top.",
              [(learner(f"time_{phase}_s"), f"{{{{run}}}} {phase}") for phase in ("rollout_wait", "old_logprobs", "update", "publish")],
              stacked=True),
        Panel("Phase", "bool_yes_no", "What the learner is doing; 1 for the phase it is in.", [(learner("phase") + " > 0", "{{run}} {{phase}}")],
              stacked=True),
        Panel("Prefill", TOKENS_PER_SECOND, "Prompt tokens a second, those computed again after a preemption included.",
              [('sum by (run) (rate(maspo_rollout_prompt_tokens_total{run=~"$run"}[$__rate_interval]))', "{{run}}")]),
        Panel("KV cache in use", "percentunit", "Share of the workers' blocks: the fullest worker and the mean. Near 1 sequences are preempted.",
              [('max by (run) (maspo_rollout_kv_utilization_ratio{run=~"$run"})', "{{run}} fullest"),
               ('avg by (run) (maspo_rollout_kv_utilization_ratio{run=~"$run"})', "{{run}} mean")], up_to(0.9, 0.99)),
        Panel("Preemptions", "suffix:sequences/s", "Sequences whose cache was taken away, to be computed again later: the cache is too small for "
              "max_running_sequences.",
              [('sum by (run) (rate(maspo_rollout_preemptions_total{run=~"$run"}[$__rate_interval]))', "{{run}}")], up_to(0.1, 1))),
    row("Queues",
        Panel("Groups waiting for the learner", GROUPS, "Scored groups in the buffer.", [(learner("buffered_groups"), "{{run}}")]),
        Panel("Oldest of them", "s", "How long the oldest scored group has waited. Old groups are evicted when they exceed max_staleness.",
              [(learner("buffer_oldest_seconds"), "{{run}}")], up_to(600, 1800)),
        Panel("Leases", GROUPS, "Groups held by workers, and those that came back and wait to be issued again.",
              [(learner("leased_groups"), "{{run}} leased"), (learner("returned_groups"), "{{run}} returned"),
               (learner("evaluation_waiting_groups"), "{{run}} held-out, waiting")]),
        Panel("Groups refused", GROUPS_PER_SECOND, "A second, by reason.",
              [('sum by (run, reason) (rate(maspo_learner_refused_groups_total{run=~"$run"}[$__rate_interval]))', "{{run}} {{reason}}")], up_to(0.1, 1)),
        Panel("Answers waiting", "suffix:answers", "Accepted by a reward server and not yet verified.",
              [(f"maspo_reward_waiting_items{{{PROCESS}}}", "{{name}}")]),
        Panel("Time to verify an answer", "s", "Quantiles over all reward servers.",
              quantiles("maspo_reward_answer_seconds", RUN, "run"), up_to(0.02, 0.2)),
        Panel("Known pairs", "percentunit", "Share of the answers whose comparison with the gold answer was known from an equal pair before.",
              [('sum by (run) (rate(maspo_reward_cache_lookups_total{run=~"$run", result="hit"}[$__rate_interval]))'
                ' / sum by (run) (rate(maspo_reward_cache_lookups_total{run=~"$run"}[$__rate_interval]))', "{{run}}")]),
        Panel("Answers a batch", "suffix:answers", "Median of the batches that workers send.",
              [('histogram_quantile(0.5, sum by (le, run) (rate(maspo_reward_batch_items_bucket{run=~"$run"}[$__rate_interval])))', "{{run}}")]),
        Panel("Ledger", GROUPS_PER_SECOND, "Groups a second that reach each stage. reissued and dropped should stay near 0.",
              [('rate(maspo_ledger_groups_total{run=~"$run"}[$__rate_interval])', "{{run}} {{stage}}")]),
        Panel("Open groups", GROUPS, "Neither trained nor dropped: bounded by (max_staleness + 1) * prompts_per_step.",
              [('maspo_ledger_open_groups{run=~"$run"}', "{{run}}")])),
    row("Weights",
        Panel("Push", "s", "From publishing to the slowest worker's acknowledgement. Above a minute MaspoPushSlow fires.",
              [(learner("weights_push_s"), "{{run}}")], up_to(30, 60)),
        Panel("Bytes sent", "Bps", "Weights, counted once a receiver.",
              [('rate(maspo_learner_push_bytes_total{run=~"$run"}[$__rate_interval])', "{{run}}")]),
        Panel("Receivers and failures", "short", "Workers that took the version, and broadcasts that failed since the learner started.",
              [(learner("weights_receivers"), "{{run}} receivers"), (learner("weights_failed_epochs"), "{{run}} failed")])),
    row("Calls",
        Panel("Latency by method", "s", "From a call's arrival to its answer. Lease, Join and Heartbeat wait by design: for prompts, "
              "weights and the end of the run.", quantiles("maspo_rpc_seconds", RUN, "method"), width=12),
        Panel("Calls by method and code", "reqps", "A second. Codes other than OK have meanings; see the contract in proto/.",
              [('sum by (method, code) (rate(maspo_rpc_calls_total{run=~"$run"}[$__rate_interval]))', "{{method}} {{code}}")], width=12),
        Panel("Failed calls", "percentunit", "Share of calls that ended with a code that no process expects.",
              [('maspo:rpc_failed_share:rate5m{run=~"$run"}', "{{method}}")], up_to(0.01, 0.05))),
    row("Processes",
        Panel("CPU", "suffix:cores", "Cores in use.", [(f"rate(process_cpu_seconds_total{{{PROCESS}}}[$__rate_interval])", "{{name}}")]),
        Panel("Memory", "bytes", "Held in RAM, by process.", [(f"process_resident_memory_bytes{{{PROCESS}}}", "{{name}}")]),
        Panel("Threads and open files", "short", "A steady rise is a leak.",
              [(f"process_threads{{{PROCESS}}}", "{{name}} threads"), (f"process_open_fds{{{PROCESS}}}", "{{name}} files")]),
        Panel("Free space of the run's folder", "bytes", "Below 20 GB MaspoDiskLow fires.",
              [(learner("run_dir_free_bytes"), "{{run}}")], ((None, RED), (20e9, YELLOW), (100e9, GREEN)))),
    row("GPUs, of processes that use one",
        Panel("GPU busy", "percentunit", "Share of the time in which a kernel ran. Low: the process waits for the host or for others.",
              [(f"maspo_gpu_utilization_ratio{{{PROCESS}}}", "{{name}} GPU {{gpu}}")], ((None, YELLOW), (0.5, GREEN))),
        Panel("GPU memory", "percentunit", "In use by everybody, of all there is.",
              [(f"maspo_gpu_memory_used_bytes{{{PROCESS}}} / maspo_gpu_memory_total_bytes{{{PROCESS}}}", "{{name}} GPU {{gpu}}")], up_to(0.9, 0.97)),
        Panel("GPU memory of the process", "bytes", "For tensors now, the most so far, and what is reserved. Far more reserved than the most: "
              "the memory is fragmented.",
              [(f"maspo_gpu_memory_{kind}_bytes{{{PROCESS}}}", f"{{{{name}}}} {kind}") for kind in ("allocated", "peak", "reserved")]),
        Panel("GPU power", "watt", "Drawn now. At the card's limit its clock falls.", [(f"maspo_gpu_power_watts{{{PROCESS}}}", "{{name}} GPU {{gpu}}")]),
        Panel("GPU temperature", "celsius", "Clocks fall when it is too hot.",
              [(f"maspo_gpu_temperature_celsius{{{PROCESS}}}", "{{name}} GPU {{gpu}}")], up_to(80, 87)),
        Panel("GPU clock", "hertz", "Of the multiprocessors. Low under load: throttled by power or heat.",
              [(f"maspo_gpu_sm_clock_hertz{{{PROCESS}}}", "{{name}} GPU {{gpu}}")])),
]

FLEET = [
    row("Overview",
        Panel("Workers", "suffix:workers", "Registered rollout workers.", [(learner("workers"), "{{run}}")], kind="stat", width=6),
        Panel("Processes that answer", "suffix:processes", "Of those that Prometheus knows.", [('sum(up{job=~"maspo.*"})', "up"),
              ('count(up{job=~"maspo.*"})', "known")], kind="stat", width=6),
        Panel("Slowest heartbeat", "s", "A worker that is silent for network.heartbeat_timeout_seconds loses its leases.",
              [('max by (run) (maspo_learner_worker_heartbeat_age_seconds{run=~"$run"})', "{{run}}")], up_to(3, 6), kind="stat", width=6),
        Panel("Versions in use", VERSIONS, "Different policy versions that workers serve at the same time.",
              [('count(count_values("version", maspo_rollout_policy_version{run=~"$run"}))', "versions")], up_to(3, 5), kind="stat", width=6)),
    row("Workers",
        Panel("Tokens a second, by worker", TOKENS_PER_SECOND, "A row a worker; a pale row among dark ones is a straggler.",
              [('maspo:rollout_tokens:rate1m{run=~"$run", name=~"$instance"}', "{{name}}")],
              ((None, "#f7fbff"), (1, "#c6dbef"), (500, "#6baed6"), (2000, "#2171b5"), (8000, "#08306b")), kind="status-history", width=24),
        Panel("KV cache in use, by worker", "percentunit", "Above 90 % sequences are preempted.",
              [(f"maspo_rollout_kv_utilization_ratio{{{PROCESS}}}", "{{name}}")],
              ((None, "#f7fbff"), (0.25, "#c6dbef"), (0.5, "#6baed6"), (0.75, "#2171b5"), (0.9, RED)), kind="status-history", width=24),
        Panel("Stragglers", FACTOR, "Tokens a second of each worker by the median of all; below one half it is slow.",
              [('maspo:rollout_tokens:rate1m{run=~"$run", name=~"$instance"} / on (run) group_left quantile by (run) (0.5, '
                'maspo:rollout_tokens:rate1m{run=~"$run"})', "{{name}}")], ((None, RED), (0.5, YELLOW), (0.8, GREEN)), width=12),
        Panel("Versions behind", VERSIONS, "Learner's version minus the worker's. More than max_staleness: its groups will be refused.",
              [('max by (run) (maspo_learner_step{run=~"$run"}) - on (run) group_right maspo_rollout_policy_version{run=~"$run"}', "{{name}}")],
              up_to(2, 4), width=12),
        Panel("Sequences", "suffix:sequences", "Being decoded, and waiting for a slot or for cache blocks.",
              [(f"maspo_rollout_running_sequences{{{PROCESS}}}", "{{name}} running"),
               (f"maspo_rollout_waiting_sequences{{{PROCESS}}}", "{{name}} waiting")], width=12),
        Panel("Time to generate a group", "s", "From its first forward to its last response. The gap between median and 99 % is what "
              "long responses cost.", quantiles("maspo_rollout_group_generate_seconds", RUN, "run"), width=12),
        Panel("Time to receive weights", "s", "From the plan of a broadcast to verified weights; decoding goes on meanwhile.",
              quantiles("maspo_rollout_weights_receive_seconds", RUN, "run"), up_to(30, 60), width=12),
        Panel("Groups finished", GROUPS_PER_SECOND, "A second, by worker.",
              [('sum by (run, name) (rate(maspo_rollout_groups_total{run=~"$run", name=~"$instance"}[$__rate_interval]))', "{{name}}")], width=12)),
    row("Leases and restarts",
        Panel("Groups held", GROUPS, "By worker, as the learner knows it.",
              [('maspo_learner_worker_leased_groups{run=~"$run"}', "{{worker}}")], width=12),
        Panel("Groups held, by the worker's word", GROUPS, "Leased and not yet submitted.",
              [(f"maspo_rollout_held_groups{{{PROCESS}}}", "{{name}}")], width=12),
        Panel("Heartbeats", "s", "Age of each worker's last one.",
              [('maspo_learner_worker_heartbeat_age_seconds{run=~"$run"}', "{{worker}}")], up_to(3, 6), width=12),
        Panel("Restarts", "suffix:starts", "Starts of each process within the last hour. More than two in half an hour raise MaspoRestarts.",
              [(f"changes(process_start_time_seconds{{{PROCESS}}}[1h])", "{{name}}")], up_to(1, 3), width=12),
        Panel("Builds", "suffix:processes", "Processes by the version that they were built from. One colour, unless an upgrade is under way.",
              [(f"count by (version, commit, role) (maspo_build_info{{{PROCESS}}})", "{{role}} {{version}} {{commit}}")], width=12,
              stacked=True)),
]


def dashboards():
    variables = [variable("run", "maspo_build_info", "run"), variable("role", 'maspo_build_info{run=~"$run"}', "role"),
                 variable("instance", 'maspo_build_info{run=~"$run", role=~"$role"}', "name")]
    annotations = [
        # Every step has one, so it is off until somebody wants to know.
        annotation("Version", f"changes(maspo_learner_step{{{RUN}}}[1m]) > 0", "{{run}}: {{value}} new versions", "blue", False),
        annotation("Checkpoint", f"changes(maspo_learner_checkpoint_step{{{RUN}}}[1m]) > 0", "{{run}}", "green", True),
        annotation("Restart", f"changes(process_start_time_seconds{{{RUN}}}[1m]) > 0", "{{name}}", "red", True),
    ]
    make = lambda name, title, description, rows: (f"{name}.json", dashboard(f"maspo-{name}", title, description, rows, variables, annotations))
    return dict([
        make("training", "maspo: training", "Does it learn, and is it healthy?", TRAINING),
        make("system", "maspo: system", "Is it fast, and what does it wait for?", SYSTEM),
        make("fleet", "maspo: fleet", "Which worker is slow, silent or new?", FLEET),
    ])


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "dashboards"
    folder.mkdir(exist_ok=True)
    for name, content in dashboards().items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
