#include "absl/strings/str_cat.h"
#include "model/hugging_face.h"
#include "model/weight_folder.h"
#include "services/base/status_macros.h"

namespace maspo {

absl::Status CheckWeights(const std::string& folder, const ModelConfig& config) {
  MASPO_ASSIGN_OR_RETURN(const WeightFolder weights, WeightFolder::Open(folder, config));
  return weights.CheckFinite();
}

absl::StatusOr<std::shared_ptr<ParameterSet>> LoadWeights(const std::string& folder, const ModelConfig& config,
                                                          torch::Device device, torch::Dtype dtype) {
  MASPO_ASSIGN_OR_RETURN(const WeightFolder weights, WeightFolder::Open(folder, config));
  try {
    auto parameters = ParameterSet::Allocate(config, device, dtype);
    const std::vector<BucketSpec> layout = ParameterLayout(config);
    for (size_t i = 0; i < layout.size(); ++i) {
      MASPO_RETURN_IF_ERROR(weights.Read(layout[i], parameters->buckets()[i].values));
    }
    return parameters;
  } catch (const c10::Error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat(folder, ": cannot load the weights: ", error.what_without_backtrace()));
  }
}

}  // namespace maspo
