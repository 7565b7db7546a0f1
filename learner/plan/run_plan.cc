#include "learner/plan/run_plan.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/parameter_layout.h"

namespace maspo {
namespace {

constexpr double kGib = int64_t{1} << 30;

// Elements of the whole model, and of a block.
struct Sizes {
  double all = 0, block = 0;
};

Sizes SizesOf(const ModelConfig& model) {
  const std::vector<BucketSpec> layout = ParameterLayout(model);
  return {.all = static_cast<double>(NumElements(layout)), .block = static_cast<double>(layout[1].num_elements)};
}

// Of one forward, a token: products with blocks, with the head, and attention to `context` tokens on average.
struct Flops {
  double blocks = 0, head = 0, attention = 0;
};

Flops ForwardFlops(const ModelConfig& model, const Lengths& lengths) {
  const double context = static_cast<double>(lengths.prompt) + static_cast<double>(lengths.response) / 2;
  const auto layers = static_cast<double>(model.num_layers);
  return {.blocks = 2 * layers * SizesOf(model).block,
          .head = 2.0 * static_cast<double>(model.vocab_size * model.hidden_size),
          .attention = 4 * layers * static_cast<double>(model.num_heads * model.head_dim) * context};
}

// A decode step reads the weights once and every sequence's cache, half its response on average; or is bound by
// arithmetic.
double DecodeStep(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware,
                  const Lengths& lengths, double sequences) {
  const double compute = BytesOf(config.model().dtype());
  const double weights = compute * SizesOf(model).all;
  const double kv = compute * 2 * static_cast<double>(model.num_layers * model.num_kv_heads * model.head_dim);
  const double context = static_cast<double>(lengths.prompt) + static_cast<double>(lengths.response) / 2;
  const double reading =
      (weights + sequences * kv * context) / (hardware.memory_bandwidth * hardware.decoding_efficiency);
  const Flops flops = ForwardFlops(model, lengths);
  return std::max(reading,
                  sequences * (flops.blocks + flops.head + flops.attention) / (hardware.flops * hardware.efficiency));
}

// Many workers have few sequences each, and where training waits for all of a step, for its longest response too.
double GenerationTime(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware,
                      const Lengths& lengths, int64_t workers) {
  const v1::RolloutSection& rollout = config.rollout();
  const double responses = static_cast<double>(rollout.prompts_per_step()) * rollout.group_size();
  const double waiting = responses * (1 + config.learner().max_staleness()) / static_cast<double>(workers);
  const double fit = static_cast<double>(PlanWorker(model, config, hardware, lengths).sequences);
  const double sequences = std::clamp(std::ceil(waiting), 1.0, fit);
  const double step = DecodeStep(model, config, hardware, lengths, sequences);
  const double all =
      responses * static_cast<double>(lengths.response) / (static_cast<double>(workers) * sequences) * step;
  return config.learner().max_staleness() > 0 ? all : std::max(all, rollout.max_new_tokens() * step);
}

double StepTokens(const v1::RunConfig& config, const Lengths& lengths) {
  return static_cast<double>(config.rollout().prompts_per_step()) *
         (config.rollout().group_size() * static_cast<double>(lengths.response));
}

}  // namespace

WorkerPlan PlanWorker(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware,
                      const Lengths& lengths) {
  const double compute = BytesOf(config.model().dtype()), parameters = SizesOf(model).all;
  const double weights = compute * parameters;
  WorkerPlan plan;
  plan.kv_bytes_of_token = static_cast<int64_t>(compute) * 2 * model.num_layers * model.num_kv_heads * model.head_dim;
  const auto kv = static_cast<double>(plan.kv_bytes_of_token);
  const auto cache_tokens = static_cast<double>(config.rollout().kv_cache_tokens());
  // A prefill is one forward through a block, and float32 logits of a row a sequence.
  const double prefill =
      config.rollout().prefill_tokens_per_step() * BlockPeakBytes(model, config.model()) +
      3 * BytesOf(v1::DTYPE_FLOAT32) * config.rollout().max_running_sequences() * static_cast<double>(model.vocab_size);
  plan.memory.items = {{"weights", weights},
                       {"weights being received", weights},
                       {"keys and values", kv * cache_tokens},
                       {"prefill and logits", prefill}};
  plan.cache_tokens_that_fit =
      std::max<int64_t>(0, static_cast<int64_t>((hardware.usable_bytes() - 2 * weights - prefill) / kv));
  const auto whole = static_cast<double>(lengths.prompt + lengths.response);
  plan.sequences =
      std::min<int64_t>(config.rollout().max_running_sequences(), static_cast<int64_t>(cache_tokens / whole));
  if (plan.sequences == 0) plan.sequences = 1;
  plan.tokens_per_second = static_cast<double>(plan.sequences) /
                           DecodeStep(model, config, hardware, lengths, static_cast<double>(plan.sequences));
  return plan;
}

double StepTime::learner() const { return old_logprobs + std::max(update, reduce) + publish; }

double StepTime::total() const { return overlaps ? std::max(generate, learner()) : generate + learner(); }

StepTime TimeOfStep(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware,
                    const Lengths& lengths, int64_t ranks, int64_t workers) {
  const v1::LearnerSection& learner = config.learner();
  const double tokens = StepTokens(config, lengths), rate = hardware.flops * hardware.efficiency;
  const double compute = BytesOf(config.model().dtype()), wire = BytesOf(learner.reduce_dtype());
  const double updates =
      std::ceil(static_cast<double>(config.rollout().prompts_per_step()) / learner.mini_batch_groups());
  // Ranks work in rounds, one micro-batch each; a round that is not full leaves ranks idle.
  const double microbatches = std::max<double>(
      learner.min_micro_batches(), std::ceil(tokens / updates / static_cast<double>(learner.micro_batch_tokens())));
  const double rounds = std::ceil(microbatches / static_cast<double>(ranks));
  const double tokens_of_rank = tokens / microbatches * rounds;

  const Flops flops = ForwardFlops(model, lengths);
  const double forward = flops.blocks + flops.head + flops.attention;
  const double computed_again =
      1 - static_cast<double>(KeptGraphs(model, config, ranks)) / static_cast<double>(model.num_layers);
  const double again = computed_again * (flops.blocks + flops.attention) + flops.head;  // Logits: all but one chunk.
  const bool has_old = learner.old_logprobs() == v1::OLD_LOGPROBS_RECOMPUTE;
  const bool has_reference = learner.objective().reference_kl_coef() > 0;

  const double elsewhere = static_cast<double>(ranks - 1) / static_cast<double>(ranks);
  const double all = SizesOf(model).all;
  const double gather = compute * all * elsewhere / hardware.network_bandwidth;
  const double gathers = learner.keep_gathered() ? updates : 2 * updates * rounds;
  StepTime time;
  time.generate = GenerationTime(model, config, hardware, lengths, workers);
  const double passes = (has_old ? 1 : 0) + (has_reference ? 1 : 0);
  time.old_logprobs = passes * std::max(tokens_of_rank * forward / rate, updates * rounds * gather);
  time.update = tokens_of_rank * (3 * forward + again) / rate;
  time.reduce = gathers * gather + updates * rounds * wire * all * elsewhere / hardware.network_bandwidth;
  time.publish = compute * all / hardware.network_bandwidth;
  time.overlaps = learner.max_staleness() > 0;
  return time;
}

RunPlan PlanRun(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware, const Lengths& lengths,
                LearnerKind kind) {
  RunPlan plan;
  plan.parameters = NumElements(ParameterLayout(model));
  plan.ranks = config.learner().ranks();
  plan.workers = std::max<int64_t>(config.rollout().workers(), hardware.gpus - plan.ranks);
  plan.rank = RankMemory(model, config, plan.ranks, kind);
  plan.worker = PlanWorker(model, config, hardware, lengths);
  plan.time = TimeOfStep(model, config, hardware, lengths, plan.ranks, plan.workers);
  const auto fits = [&](int64_t ranks) {
    return RankMemory(model, config, ranks, kind).total() <= hardware.usable_bytes();
  };
  for (int64_t ranks = 1; ranks <= hardware.gpus; ++ranks) {
    if (!fits(ranks)) continue;
    if (plan.fewest_ranks == 0) plan.fewest_ranks = ranks;
    const int64_t workers = hardware.gpus - ranks;
    if (workers == 0) continue;
    const StepTime time = TimeOfStep(model, config, hardware, lengths, ranks, workers);
    if (plan.best.ranks == 0 || time.total() < plan.best.time.total()) plan.best = {ranks, workers, time};
  }
  return plan;
}

absl::Status CheckFits(const RunPlan& plan, const v1::RunConfig& config, const Hardware& hardware) {
  const double usable = hardware.usable_bytes();
  if (plan.ranks >= hardware.gpus && hardware.gpus > 1) {
    return absl::InvalidArgumentError(absl::StrCat("learner.ranks is ", plan.ranks, " of ", hardware.gpus,
                                                   " GPUs, which leaves none to generate; give --gpus more, or "
                                                   "lower learner.ranks"));
  }
  if (plan.rank.total() > usable) {
    const double over = (plan.rank.total() - usable) / kGib;
    const std::string change =
        plan.fewest_ranks > plan.ranks
            ? absl::StrCat("set learner.ranks to ", plan.fewest_ranks, " or more")
            : absl::StrCat("lower learner.micro_batch_tokens (", config.learner().micro_batch_tokens(),
                           ") or rollout.max_new_tokens, and learner.activation_mib");
    return absl::InvalidArgumentError(absl::StrFormat(
        "a rank of the learner needs %.1f GiB, %.1f GiB more than the %.1f GiB that can be used of a GPU; %s",
        plan.rank.total() / kGib, over, usable / kGib, change));
  }
  if (plan.worker.memory.total() > usable) {
    const double over = (plan.worker.memory.total() - usable) / kGib;
    const std::string change =
        plan.worker.cache_tokens_that_fit > 0
            ? absl::StrCat("set rollout.kv_cache_tokens to ", plan.worker.cache_tokens_that_fit, " or less")
            : std::string(
                  "the weights alone, held twice, leave no room: set model.dtype to bfloat16, or use GPUs with "
                  "more memory");
    return absl::InvalidArgumentError(absl::StrFormat(
        "a rollout worker needs %.1f GiB, %.1f GiB more than the %.1f GiB that can be used of a GPU; %s",
        plan.worker.memory.total() / kGib, over, usable / kGib, change));
  }
  return absl::OkStatus();
}

absl::Status CheckRanksFit(const MemoryPlan& rank, const v1::RunConfig& config, int64_t ranks, double memory,
                           const std::string& place) {
  const double needed = static_cast<double>(ranks) * rank.total();
  if (!(needed > memory)) return absl::OkStatus();  // NaN: nobody knows how much there is.
  const MemoryItem& most = *std::max_element(
      rank.items.begin(), rank.items.end(), [](const MemoryItem& a, const MemoryItem& b) { return a.bytes < b.bytes; });
  const std::string who =
      ranks == 1 ? "a rank of the learner needs "
                 : absl::StrFormat("%d ranks of the learner need %.1f GiB together, each ", ranks, needed / kGib);
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s%.1f GiB (most of it: %s, %.1f GiB), but %s has %.1f GiB; lower learner.micro_batch_tokens (%d), or have more "
      "ranks on more machines or GPUs (learner.ranks is %d); `maspo plan` lists what takes how much",
      who, rank.total() / kGib, most.kind, most.bytes / kGib, place, memory / kGib,
      config.learner().micro_batch_tokens(), config.learner().ranks()));
}

}  // namespace maspo
