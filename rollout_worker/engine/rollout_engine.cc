#include "rollout_worker/engine/rollout_engine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "rollout_worker/engine/paged_attention.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

using torch::Tensor;

// Logits that exist at a time: large vocabularies are sampled in chunks of rows, for each of which a GPU is waited for.
constexpr int64_t kMaxLogits = int64_t{1} << 23, kMaxGpuLogits = int64_t{1} << 26;

int64_t BlocksOf(const RolloutEngine::Options& options) {
  return (options.kv_cache_tokens + options.kv_block_tokens - 1) / options.kv_block_tokens;
}

absl::Status CheckOptions(const RolloutEngine::Options& options) {
  for (const auto& [name, value] :
       {std::pair<const char*, int64_t>{"max_running_sequences", options.max_running_sequences},
        {"kv_block_tokens", options.kv_block_tokens},
        {"kv_cache_tokens", options.kv_cache_tokens},
        {"prefill_tokens_per_step", options.prefill_tokens_per_step}}) {
    if (value < 1) return absl::InvalidArgumentError(absl::StrCat(name, " is ", value, ", but must be at least 1"));
  }
  if (BlocksOf(options) > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(absl::StrCat("kv_cache_tokens ", options.kv_cache_tokens, " is too large"));
  }
  return absl::OkStatus();
}

int64_t TokenAt(const GenerationRequest& request, const GeneratedResponse* sample, int64_t position) {
  const int64_t prompt_tokens = request.prompt_token_ids.size();
  return position < prompt_tokens ? request.prompt_token_ids[position] : sample->token_ids[position - prompt_tokens];
}

}  // namespace

absl::StatusOr<std::unique_ptr<RolloutEngine>> RolloutEngine::Create(ModelConfig config,
                                                                     std::shared_ptr<ParameterSet> parameters,
                                                                     int64_t policy_version, const Options& options) {
  MASPO_RETURN_IF_ERROR(CheckOptions(options));
  return std::unique_ptr<RolloutEngine>(
      new RolloutEngine(std::move(config), std::move(parameters), policy_version, options));
}

RolloutEngine::RolloutEngine(ModelConfig config, std::shared_ptr<ParameterSet> parameters, int64_t policy_version,
                             const Options& options)
    : transformer_(config, parameters),
      policy_version_(policy_version),
      scheduler_({.max_running_sequences = options.max_running_sequences,
                  .block_tokens = options.kv_block_tokens,
                  .num_blocks = static_cast<int>(BlocksOf(options)),
                  .prefill_tokens_per_step = options.prefill_tokens_per_step}),
      cache_(config, static_cast<int>(BlocksOf(options)), options.kv_block_tokens,
             torch::TensorOptions().dtype(parameters->dtype()).device(parameters->device())) {}

absl::Status RolloutEngine::Submit(GenerationRequest request) {
  const BlockAllocator& blocks = scheduler_.allocator();
  MASPO_RETURN_IF_ERROR(
      CheckRequest(request, transformer_.config(), int64_t{blocks.num_blocks()} * blocks.block_tokens()));
  if (!number_of_id_.emplace(request.request_id, next_number_).second) {
    return absl::AlreadyExistsError(absl::StrCat("request ", request.request_id, " is in flight already"));
  }
  scheduler_.Add(next_number_, request.prompt_token_ids.size(), request.num_samples);
  ActiveRequest active{.request = {}, .stream = RandomStream(request.stream), .samples = {}};
  active.max_response_tokens = MaxResponseTokens(request, transformer_.config());
  active.unfinished_samples = request.num_samples;
  active.is_restricted = IsRestricted({.temperature = request.sampling.temperature(),
                                       .top_p = request.sampling.top_p(),
                                       .top_k = request.sampling.top_k()});
  active.request = std::move(request);
  requests_.emplace(next_number_++, std::move(active));
  return absl::OkStatus();
}

std::vector<GeneratedResponse> RolloutEngine::Step() {
  if (!HasWork()) return {};
  const c10::InferenceMode inference_mode;
  StepPlan plan = scheduler_.Plan();
  cache_.CopyBlocks(plan.copies);
  const PagedLayout layout(std::move(plan.segments), cache_.block_tokens());
  const Tensor hidden_TC = Forward(layout);

  std::vector<SampleId> ids;
  std::vector<int64_t> predictors;  // The last token of each sampling segment.
  int64_t end = 0;
  for (const StepSegment& segment : layout.segments) {
    end += segment.length;
    if (segment.is_prefix || segment.length > 1) prompt_tokens_ += segment.length;
    if (!segment.samples) continue;
    ids.push_back(segment.id);
    predictors.push_back(end - 1);
  }
  if (ids.empty()) return {};
  const Tensor predictor_N = torch::tensor(predictors).to(hidden_TC.device());
  const DrawnTokens drawn = Draw(hidden_TC.index_select(0, predictor_N), ids);
  std::vector<GeneratedResponse> finished;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (auto response = Append(ids[i], drawn, i)) finished.push_back(*std::move(response));
  }
  return finished;
}

Tensor RolloutEngine::Forward(const PagedLayout& layout) {
  std::vector<int64_t> ids, positions;
  ids.reserve(layout.block_T.size());
  positions.reserve(layout.block_T.size());
  for (const StepSegment& segment : layout.segments) {
    const ActiveRequest& active = requests_.at(segment.id.request);
    const auto sample = active.samples.find(segment.id.sample);
    const bool has_response = !segment.is_prefix && sample != active.samples.end();
    for (int64_t p = segment.begin; p < segment.begin + segment.length; ++p) {
      ids.push_back(TokenAt(active.request, has_response ? &sample->second : nullptr, p));
      positions.push_back(p);
    }
  }
  PagedAttention attention(layout, cache_);
  const torch::Device device = transformer_.device();
  return transformer_.Forward(torch::tensor(ids).to(device), torch::tensor(positions).to(device), attention);
}

DrawnTokens RolloutEngine::Draw(const Tensor& hidden_NC, const std::vector<SampleId>& ids) const {
  std::vector<DrawParameters> rows;
  rows.reserve(ids.size());
  for (const SampleId id : ids) {
    const ActiveRequest& active = requests_.at(id.request);
    const auto sample = active.samples.find(id.sample);
    const size_t position = sample == active.samples.end() ? 0 : sample->second.token_ids.size();
    const v1::SamplingParameters& sampling = active.request.sampling;
    rows.push_back({.temperature = sampling.temperature(),
                    .top_p = sampling.top_p(),
                    .top_k = sampling.top_k(),
                    .uniform = active.stream.Uniform(id.sample, static_cast<uint32_t>(position))});
  }
  DrawnTokens drawn;
  const int64_t num_rows = rows.size();
  const int64_t most = hidden_NC.device().is_cpu() ? kMaxLogits : kMaxGpuLogits;
  const int64_t chunk = std::max<int64_t>(1, most / transformer_.config().vocab_size);
  for (int64_t begin = 0; begin < num_rows; begin += chunk) {
    const int64_t size = std::min(chunk, num_rows - begin);
    const DrawnTokens part = DrawTokens(transformer_.Logits(hidden_NC.narrow(0, begin, size)),
                                        absl::MakeConstSpan(rows).subspan(begin, size));
    drawn.token_ids.insert(drawn.token_ids.end(), part.token_ids.begin(), part.token_ids.end());
    drawn.logprobs.insert(drawn.logprobs.end(), part.logprobs.begin(), part.logprobs.end());
    drawn.policy_logprobs.insert(drawn.policy_logprobs.end(), part.policy_logprobs.begin(), part.policy_logprobs.end());
  }
  return drawn;
}

std::optional<GeneratedResponse> RolloutEngine::Append(SampleId id, const DrawnTokens& drawn, size_t row) {
  const int64_t token_id = drawn.token_ids[row];
  ActiveRequest& active = requests_.at(id.request);
  GeneratedResponse& response = active.samples[id.sample];
  if (response.token_ids.empty()) response.first_token_time = SteadyNow();
  response.token_ids.push_back(token_id);
  response.logprobs.push_back(drawn.logprobs[row]);
  if (active.is_restricted) response.policy_logprobs.push_back(drawn.policy_logprobs[row]);
  ++response_tokens_;
  if (!std::isfinite(drawn.logprobs[row])) ++not_finite_;
  if (response.version_runs.empty() || response.version_runs.back().policy_version() != policy_version_) {
    response.version_runs.emplace_back().set_policy_version(policy_version_);
  }
  response.version_runs.back().set_num_tokens(response.version_runs.back().num_tokens() + 1);

  const auto& stops = active.request.sampling.stop_token_ids();
  if (std::find(stops.begin(), stops.end(), token_id) != stops.end()) {
    response.finish_reason = v1::FINISH_REASON_STOP;
  } else if (static_cast<int64_t>(response.token_ids.size()) == active.max_response_tokens) {
    response.finish_reason = v1::FINISH_REASON_LENGTH;
  } else {
    return std::nullopt;
  }
  GeneratedResponse finished = std::move(response);
  finished.request_id = active.request.request_id;
  finished.sample_index = id.sample;
  scheduler_.Finish(id);
  active.samples.erase(id.sample);
  if (--active.unfinished_samples == 0) {
    number_of_id_.erase(finished.request_id);
    requests_.erase(id.request);
  }
  return finished;
}

void RolloutEngine::SetParameters(std::shared_ptr<ParameterSet> parameters, int64_t policy_version) {
  transformer_.SetParameters(std::move(parameters));
  policy_version_ = policy_version;
}

void RolloutEngine::Cancel(const std::string& request_id) {
  const auto found = number_of_id_.find(request_id);
  if (found == number_of_id_.end()) return;
  scheduler_.Cancel(found->second);
  requests_.erase(found->second);
  number_of_id_.erase(found);
}

RolloutEngine::Stats RolloutEngine::stats() const {
  const BlockAllocator& blocks = scheduler_.allocator();
  return {.policy_version = policy_version_,
          .prompt_tokens = prompt_tokens_,
          .response_tokens = response_tokens_,
          .not_finite = not_finite_,
          .preemptions = scheduler_.num_preemptions(),
          .running_sequences = scheduler_.num_running(),
          .waiting_sequences = scheduler_.num_waiting(),
          .kv_utilization = 1.0 - static_cast<double>(blocks.num_free()) / blocks.num_blocks()};
}

}  // namespace maspo
