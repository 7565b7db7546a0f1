#include "learner/metrics/sample_log.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "services/base/status_macros.h"
#include "services/reward/verdict_name.h"

namespace maspo {
namespace {

absl::StatusOr<std::string> TextOf(const Tokenizer& tokenizer,
                                   const google::protobuf::RepeatedField<uint32_t>& token_ids) {
  return tokenizer.Decode(std::vector<int64_t>(token_ids.begin(), token_ids.end()), /*skip_special_tokens=*/true);
}

}  // namespace

absl::StatusOr<SampleLog> SampleLog::Open(const Options& options, const Tokenizer* tokenizer) {
  MASPO_ASSIGN_OR_RETURN(MetricsLog rows, MetricsLog::Open(options.path));
  MASPO_RETURN_IF_ERROR(rows.TruncateAfter(options.resume_step));
  return SampleLog(std::move(rows), options.interval, tokenizer);
}

absl::Status SampleLog::Record(uint64_t step, const v1::TrajectoryGroup& group) {
  if (interval_ == 0 || (step - 1) % interval_ != 0) return absl::OkStatus();
  nlohmann::ordered_json row;
  row["step"] = step;
  row["group"] = group.group_id();
  MASPO_ASSIGN_OR_RETURN(row["prompt"], TextOf(*tokenizer_, group.prompt_token_ids()));
  row["responses"] = nlohmann::ordered_json::array();
  for (const v1::Trajectory& trajectory : group.trajectories()) {
    nlohmann::ordered_json response;
    MASPO_ASSIGN_OR_RETURN(response["text"], TextOf(*tokenizer_, trajectory.token_ids()));
    response["verdict"] = VerdictName(trajectory.verdict());
    response["reward"] = trajectory.reward();
    response["answer"] = trajectory.answer();
    response["tokens"] = trajectory.token_ids_size();
    row["responses"].push_back(std::move(response));
  }
  return rows_.AppendObject(step, row.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace maspo
