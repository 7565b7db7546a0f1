#include "learner/plan/memory_plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "learner/sharded/bucket_shards.h"
#include "learner/sharded/rank_memory.h"
#include "model/parameter_layout.h"

namespace maspo {
namespace {

constexpr double kMib = 1 << 20, kFloat = 4;

// Of a process with LibTorch, gRPC and its threads, before it has a tensor; measured on x86-64. A GPU's process has its
// like in main memory.
constexpr double kProcess = 160 * kMib;

// What the allocator holds besides, as a share of what it was asked for; measured likewise.
constexpr double kAllocator = 0.05;

// Whole buckets, in elements, with what rounding to shards adds.
struct Parts {
  double embedding = 0, block = 0, head = 0, all = 0, ranks = 1;

  double shard() const { return all / ranks; }
};

Parts PartsOf(const ModelConfig& model, int64_t ranks) {
  const std::vector<BucketSpec> layout = ParameterLayout(model);
  const auto whole = [ranks](const BucketSpec& bucket) {
    const BucketShards shards = BucketShards::Of(bucket.num_elements, static_cast<int>(ranks));
    return static_cast<double>(shards.shard * ranks);
  };
  Parts parts{.embedding = whole(layout.front()),
              .block = whole(layout[1]),
              .head = whole(layout.back()),
              .ranks = static_cast<double>(ranks)};
  for (const BucketSpec& bucket : layout) parts.all += whole(bucket);
  return parts;
}

bool IsOnCpu(const v1::ModelSection& section) { return absl::StartsWith(section.device(), "cpu"); }

// Tokens of the largest micro-batch: never more than the whole mini-batch.
double MicrobatchTokens(const v1::RunConfig& config) {
  const double prompt = config.data().max_prompt_tokens(), response = config.rollout().max_new_tokens();
  const double mini_batch = config.learner().mini_batch_groups() * (prompt + config.rollout().group_size() * response);
  return std::max(prompt + response, std::min<double>(config.learner().micro_batch_tokens(), mini_batch));
}

struct Widths {
  explicit Widths(const ModelConfig& model)
      : hidden(static_cast<double>(model.hidden_size)),
        queries(static_cast<double>(model.num_heads * model.head_dim)),
        keys(static_cast<double>(model.num_kv_heads * model.head_dim)),
        mlp(static_cast<double>(model.intermediate_size)),
        graph(static_cast<double>(BlockGraphElements(model))) {}
  const double hidden, queries, keys, mlp, graph;
};

// Our operators on CPUs (model/fused_ops.cc, model/packed_attention.cc). They compute in float32; in bfloat16 they
// widen what they were given and round what they give.
double BlockPeakOnCpu(const Widths& w, double compute) {
  const double widened = compute < kFloat ? kFloat : 0, wide = compute < kFloat ? kFloat + compute : kFloat;
  // In the backward of the gate: the whole graph but the product of gate and up, which the down product has given back;
  // the gradients of the block's result and of that product, and of gate and up.
  const double mlp = compute * (w.graph + w.hidden) + widened * 3 * w.mlp + wide * 2 * w.mlp;
  // In the backward of the attention: what the first half keeps; the gradients of the second norm's input, of the
  // attention's result, and of queries, keys and values.
  const double graph = w.graph - 3 * w.mlp - 2 * w.hidden, qkv = w.queries + 2 * w.keys;
  const double attention = compute * (graph + w.hidden + w.queries) + widened * (qkv + 2 * w.queries) + wide * qkv;
  return std::max(mlp, attention);
}

// LibTorch's operators, and padded attention.
double BlockPeakOnGpu(const Widths& w, double compute) {
  const double silu = w.mlp;  // silu(gate) * up keeps silu(gate) too.
  // Queries, keys, values and result once more, padded to rows (model/padded_attention.cc).
  const double padded = 2 * w.queries + 2 * w.keys;
  // Gradients: of the block's result and of what the second norm saw; beside them of the product, of gate and up,
  // or of the attention's result and of q, k, v, whichever is more.
  const double gradients = 2 * w.hidden + std::max(3 * w.mlp, 2 * w.queries + 2 * w.keys);
  return compute * (w.graph + silu + padded + gradients);
}

// Of one chunk: those that the forward leaves for the backward, and what is made of them (model/logprobs.cc).
double LogitsBytes(const ModelConfig& model, const v1::RunConfig& config, double tokens, double compute) {
  const auto vocabulary = static_cast<double>(model.vocab_size);
  const double rows =
      std::min(tokens, std::max(256.0, std::floor(config.learner().logits_mib() * kMib / (kFloat * vocabulary))));
  const double rounded = compute < kFloat ? compute : 0;     // Before they are widened; their gradient.
  const double read = IsOnCpu(config.model()) ? 0 : kFloat;  // Log-probabilities of all words.
  return rows * vocabulary * (kFloat + std::max(rounded, read));
}

using Items = std::vector<MemoryItem>;

double Sum(const Items& items) {
  double sum = 0;
  for (const MemoryItem& item : items) sum += item.bytes;
  return sum;
}

// Whatever the micro-batch is.
Items HeldAlways(const ModelConfig& model, const v1::RunConfig& config, const Parts& parts, LearnerKind kind) {
  const v1::LearnerSection& learner = config.learner();
  const double compute = BytesOf(config.model().dtype()), wire = BytesOf(learner.reduce_dtype());
  const auto layers = static_cast<double>(model.num_layers);
  const bool has_own_compute = compute < kFloat;
  const bool has_reference = learner.objective().reference_kl_coef() > 0;
  const bool is_on_cpu = IsOnCpu(config.model()), trains = kind == LearnerKind::kTrain;
  Items items = {{"process", is_on_cpu ? kProcess : 0},
                 {"master weights", kFloat * parts.shard()},
                 {"moments", 2 * kFloat * parts.shard()},
                 {"gradients", kFloat * parts.shard()},
                 {"compute weights", has_own_compute ? compute * parts.shard() : 0},
                 {"reference policy", has_reference ? compute * parts.shard() : 0},
                 // A GPU's are in main memory.
                 {"state of the last step", is_on_cpu && trains ? 3 * kFloat * parts.shard() : 0},
                 {"published weights", trains ? compute * parts.shard() : 0}};
  if (parts.ranks == 1) return items;
  const double policies = has_reference ? 2 : 1;  // The reference gathers into buffers of its own.
  const double blocks = learner.keep_gathered() ? layers : std::min<double>(kGatheredBlocks, layers);
  const double landing = learner.reduction() == v1::REDUCTION_ORDERED ? 1 : 1 / parts.ranks;
  items.push_back({"gathered blocks", policies * compute * blocks * parts.block});
  items.push_back({"gathered embedding and head", policies * compute * (parts.embedding + parts.head)});
  items.push_back({"send and landing buffers", wire * kGradientsInFlight * (1 + landing) * parts.block});
  return items;
}

}  // namespace

double BytesOf(v1::Dtype dtype) { return dtype == v1::DTYPE_BFLOAT16 ? 2 : 4; }

double MemoryPlan::total() const { return Sum(items); }

double MemoryPlan::BytesOf(const std::string& kind) const {
  const auto item = std::find_if(items.begin(), items.end(), [&](const MemoryItem& item) { return item.kind == kind; });
  return item == items.end() ? 0 : item->bytes;
}

int64_t KeptGraphs(const ModelConfig& model, const v1::RunConfig& config, int64_t ranks) {
  const bool has_all = ranks == 1 || config.learner().keep_gathered() || model.num_layers <= kGatheredBlocks;
  if (!has_all) return 0;
  return NumKeptGraphs(model, static_cast<int64_t>(MicrobatchTokens(config)),
                       static_cast<int64_t>(BytesOf(config.model().dtype())),
                       int64_t{config.learner().activation_mib()} << 20);
}

double BlockPeakBytes(const ModelConfig& model, const v1::ModelSection& section) {
  const double compute = BytesOf(section.dtype());
  return IsOnCpu(section) ? BlockPeakOnCpu(Widths(model), compute) : BlockPeakOnGpu(Widths(model), compute);
}

// Phases as in ShardedPolicy::Backward.
MemoryPlan RankMemory(const ModelConfig& model, const v1::RunConfig& config, int64_t ranks, LearnerKind kind) {
  const Parts parts = PartsOf(model, ranks);
  const Widths widths(model);
  const double compute = BytesOf(config.model().dtype()), wire = BytesOf(config.learner().reduce_dtype());
  const double tokens = MicrobatchTokens(config);
  const auto kept = static_cast<double>(KeptGraphs(model, config, ranks));
  const bool is_tied = model.tie_word_embeddings, is_in_order = config.learner().reduction() == v1::REDUCTION_ORDERED;
  const double landing = is_in_order ? 1 : 1 / parts.ranks;

  const double inputs = compute * tokens * widths.hidden * static_cast<double>(model.num_layers);
  const double graph = compute * tokens * widths.graph, graphs = kept * graph;
  const double longest = config.data().max_prompt_tokens() + config.rollout().max_new_tokens();
  // Rows x keys, as booleans and as the bias that LibTorch makes of them.
  const double masks = IsOnCpu(config.model()) ? 0 : (1 + compute) * tokens * longest;
  // The head's gradient is summed in float32. Where it is the embedding's too, it stays until that comes.
  const double words = is_tied ? parts.embedding : parts.head;
  const double head_gradient = (kFloat + (compute < kFloat ? compute : 0)) * words;
  const double waiting = is_tied ? compute * words : 0;
  // Buffers of what is larger than a block are there for as long as it takes; the head's while the first block is done.
  const auto sent = [&](double bucket) {
    return ranks == 1 || bucket <= parts.block ? 0 : wire * (1 + landing) * bucket;
  };

  const std::pair<const char*, Items> phases[] = {
      {"head",
       {{"kept block inputs", inputs},
        {"kept graphs", graphs},
        {"attention masks", masks},
        {"hidden states and their gradient", 4 * compute * tokens * widths.hidden},
        {"logits", LogitsBytes(model, config, tokens, compute)},
        {"gradient of the head", head_gradient}}},
      {"block",
       {{"kept block inputs", inputs},
        {"kept graphs", graphs},
        {"attention masks", masks},
        // That of the last block is among the kept ones, if any is.
        {"peak of one block", tokens * BlockPeakBytes(model, config.model()) - (kept > 0 ? graph : 0)},
        {"gradient of one block", compute * parts.block},
        {"gradient of the head", waiting},
        {"gradient of the head, sent", is_tied ? 0 : sent(parts.head)}}},
      {"embedding",
       {{"hidden states and their gradient", 2 * compute * tokens * widths.hidden},
        {"gradient of the embedding", compute * parts.embedding},
        {"gradient of the head", waiting},
        {"gradient of the embedding, sent", std::max(0.0, sent(parts.embedding) - waiting)}}}};
  const auto& largest = *std::max_element(std::begin(phases), std::end(phases),
                                          [](const auto& a, const auto& b) { return Sum(a.second) < Sum(b.second); });

  MemoryPlan plan{.items = HeldAlways(model, config, parts, kind), .peak = largest.first};
  plan.items.insert(plan.items.end(), largest.second.begin(), largest.second.end());
  if (IsOnCpu(config.model())) {
    plan.items.push_back({"held by the allocator", kAllocator * (plan.total() - plan.BytesOf("process"))});
  }
  std::erase_if(plan.items, [](const MemoryItem& item) { return item.bytes <= 0; });
  return plan;
}

}  // namespace maspo
