#include "learner/plan/run_plan.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "learner/sharded/bucket_shards.h"
#include "learner/sharded/rank_memory.h"
#include "model/parameter_layout.h"

namespace maspo {
namespace {

constexpr double kMib = 1 << 20, kGib = 1 << 30;
constexpr double kFloat = 4;

double BytesOf(v1::Dtype dtype) { return dtype == v1::DTYPE_BFLOAT16 ? 2 : 4; }

// Elements by part of the model, with what rounding to shards adds.
struct Sizes {
  double all = 0, shard = 0, embedding = 0, block = 0, head = 0, largest = 0;
};

Sizes SizesOf(const ModelConfig& model, int64_t ranks) {
  const std::vector<BucketSpec> layout = ParameterLayout(model);
  Sizes sizes;
  for (const BucketSpec& bucket : layout) {
    const BucketShards shards = BucketShards::Of(bucket.num_elements, static_cast<int>(ranks));
    sizes.all += static_cast<double>(bucket.num_elements);
    sizes.shard += static_cast<double>(shards.shard);
    sizes.largest = std::max(sizes.largest, static_cast<double>(shards.shard * ranks));
  }
  sizes.embedding = static_cast<double>(layout.front().num_elements);
  sizes.block = static_cast<double>(layout[1].num_elements);
  sizes.head = static_cast<double>(layout.back().num_elements);
  return sizes;
}

// Tokens of the largest micro-batch.
double MicrobatchTokens(const v1::RunConfig& config) {
  return std::max<double>(config.learner().micro_batch_tokens(),
                          config.data().max_prompt_tokens() + config.rollout().max_new_tokens());
}

// Blocks that keep their graphs between forward and backward.
int64_t KeptGraphs(const ModelConfig& model, const v1::RunConfig& config, int64_t ranks) {
  const bool has_all = ranks == 1 || config.learner().keep_gathered() || model.num_layers <= kGatheredBlocks;
  if (!has_all) return 0;
  return NumKeptGraphs(model, static_cast<int64_t>(MicrobatchTokens(config)),
                       static_cast<int64_t>(BytesOf(config.model().dtype())),
                       int64_t{config.learner().activation_mib()} << 20);
}

// Elements a token that live at once while one block is computed again and its gradient taken, beside its kept input.
double BlockPeakElements(const ModelConfig& model) {
  const double C = static_cast<double>(model.hidden_size), H = static_cast<double>(model.num_heads),
               K = static_cast<double>(model.num_kv_heads), D = static_cast<double>(model.head_dim),
               I = static_cast<double>(model.intermediate_size);
  // LibTorch's silu(gate) * up keeps silu(gate) too, which our own operation on CPUs does not (model/fused_ops.cc).
  const double silu = I;
  // Queries, keys, values and result once more, padded to rows (model/padded_attention.cc).
  const double padded = (H + 2 * K) * D + H * D;
  // Gradients: of the block's result and of what the second norm saw; beside them of the product, of gate and up,
  // or of the attention's result and of q, k, v, whichever is more.
  const double gradients = 2 * C + std::max(3 * I, 2 * H * D + 2 * K * D);
  return static_cast<double>(BlockGraphElements(model)) + silu + padded + gradients;
}

// Of one forward, a token: products with blocks, with the head, and attention to `context` tokens on average.
struct Flops {
  double blocks = 0, head = 0, attention = 0;
};

Flops ForwardFlops(const ModelConfig& model, const Lengths& lengths) {
  const double context = static_cast<double>(lengths.prompt) + static_cast<double>(lengths.response) / 2;
  const auto layers = static_cast<double>(model.num_layers);
  return {.blocks = 2 * layers * SizesOf(model, 1).block,
          .head = 2.0 * static_cast<double>(model.vocab_size * model.hidden_size),
          .attention = 4 * layers * static_cast<double>(model.num_heads * model.head_dim) * context};
}

// A decode step reads the weights once and every sequence's cache, half its response on average; or is bound by
// arithmetic.
double DecodeStep(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware,
                  const Lengths& lengths, double sequences) {
  const double compute = BytesOf(config.model().dtype());
  const double weights = compute * SizesOf(model, 1).all;
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

double MemoryPlan::total() const {
  double sum = 0;
  for (const MemoryItem& item : items) sum += item.bytes;
  return sum;
}

double MemoryPlan::BytesOf(const std::string& kind) const {
  for (const MemoryItem& item : items) {
    if (item.kind == kind) return item.bytes;
  }
  return 0;
}

MemoryPlan RankMemory(const ModelConfig& model, const v1::RunConfig& config, int64_t ranks) {
  const Sizes sizes = SizesOf(model, ranks);
  const double compute = BytesOf(config.model().dtype()), wire = BytesOf(config.learner().reduce_dtype());
  const double tokens = MicrobatchTokens(config);
  const auto layers = static_cast<double>(model.num_layers), width = static_cast<double>(model.hidden_size);
  const auto vocabulary = static_cast<double>(model.vocab_size);
  const bool is_shared = ranks > 1, has_own_compute = config.model().dtype() != v1::DTYPE_FLOAT32;
  const auto kept = static_cast<double>(KeptGraphs(model, config, ranks));
  const bool is_in_order = config.learner().reduction() == v1::REDUCTION_ORDERED;

  MemoryPlan plan;
  const auto add = [&plan](const char* kind, double bytes) {
    if (bytes > 0) plan.items.push_back({kind, bytes});
  };
  add("master weights", kFloat * sizes.shard);
  add("moments", 2 * kFloat * sizes.shard);
  add("gradients", kFloat * sizes.shard);
  add("compute weights", has_own_compute ? compute * sizes.shard : 0);
  const bool has_reference = config.learner().objective().reference_kl_coef() > 0;
  add("reference policy", has_reference ? compute * sizes.shard : 0);
  if (is_shared) {
    const double policies = has_reference ? 2 : 1;  // The reference gathers into buffers of its own.
    const double blocks = config.learner().keep_gathered() ? layers : std::min<double>(kGatheredBlocks, layers);
    add("gathered blocks", policies * compute * blocks * sizes.block);
    add("gathered embedding and head", policies * compute * (sizes.embedding + sizes.head));
    const double landing = is_in_order ? sizes.largest : sizes.largest / static_cast<double>(ranks);
    add("send and landing buffers", wire * kGradientsInFlight * (sizes.largest + landing));
  }
  // Of the bucket whose gradient was taken last, before it is added or sent; autograd makes it in the compute dtype.
  add("gradient of one bucket", compute * sizes.largest);
  add("kept block inputs", compute * tokens * width * layers);
  add("kept graphs", compute * tokens * kept * static_cast<double>(BlockGraphElements(model)));
  add("peak of one block", compute * tokens * BlockPeakElements(model));
  // Rows x keys, as booleans and as the bias that LibTorch makes of them.
  const double longest = config.data().max_prompt_tokens() + config.rollout().max_new_tokens();
  add("attention masks", (1 + compute) * tokens * longest);
  // Two arrays of a chunk's size: logits and log-probabilities (model/logprobs.cc); a chunk has 256 rows at least.
  const double rows = std::max(256.0, std::floor(config.learner().logits_mib() * kMib / (kFloat * vocabulary)));
  add("logits", 2 * kFloat * std::min(rows, tokens) * vocabulary);
  return plan;
}

WorkerPlan PlanWorker(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware,
                      const Lengths& lengths) {
  const double compute = BytesOf(config.model().dtype()), parameters = SizesOf(model, 1).all;
  const double weights = compute * parameters;
  WorkerPlan plan;
  plan.kv_bytes_of_token = static_cast<int64_t>(compute) * 2 * model.num_layers * model.num_kv_heads * model.head_dim;
  const auto kv = static_cast<double>(plan.kv_bytes_of_token);
  const auto cache_tokens = static_cast<double>(config.rollout().kv_cache_tokens());
  // A prefill is one forward through a block, and float32 logits of a row a sequence.
  const double prefill = compute * config.rollout().prefill_tokens_per_step() * BlockPeakElements(model) +
                         3 * kFloat * config.rollout().max_running_sequences() * static_cast<double>(model.vocab_size);
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
  const double all = SizesOf(model, ranks).all;
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

RunPlan PlanRun(const ModelConfig& model, const v1::RunConfig& config, const Hardware& hardware,
                const Lengths& lengths) {
  RunPlan plan;
  plan.parameters = NumElements(ParameterLayout(model));
  plan.ranks = config.learner().ranks();
  plan.workers = std::max<int64_t>(config.rollout().workers(), hardware.gpus - plan.ranks);
  plan.rank = RankMemory(model, config, plan.ranks);
  plan.worker = PlanWorker(model, config, hardware, lengths);
  plan.time = TimeOfStep(model, config, hardware, lengths, plan.ranks, plan.workers);
  const auto fits = [&](int64_t ranks) { return RankMemory(model, config, ranks).total() <= hardware.usable_bytes(); };
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

}  // namespace maspo
