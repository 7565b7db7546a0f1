#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/parameter_layout.h"
#include "model/safetensors.h"
#include "model/torch.h"

namespace maspo {

// The weights of a Hugging Face folder (model.safetensors, or shards named by model.safetensors.index.json), mapped,
// and read bucket by bucket. Thread-safe once open.
class WeightFolder {
 public:
  // NotFound: no weights. InvalidArgument: names the file and the tensor that is missing, truncated, of the wrong shape
  // or not part of the model.
  static absl::StatusOr<WeightFolder> Open(const std::string& folder, const ModelConfig& config);

  // Writes a bucket's parameters into `values` [bucket.num_elements], of any dtype and device. InvalidArgument: names
  // the file and the tensor that is not finite.
  absl::Status Read(const BucketSpec& bucket, torch::Tensor values) const;

  // Whether every tensor is finite; errors as above.
  absl::Status CheckFinite() const;

 private:
  struct File {
    std::string path;
    SafetensorsFile tensors;
  };
  struct Place {
    size_t file;
    SafetensorsFile::Entry entry;
  };
  absl::StatusOr<torch::Tensor> ReadFinite(const std::string& name) const;

  std::vector<File> files_;
  std::map<std::string, Place> places_;  // By Hugging Face name; all that the model has.
};

}  // namespace maspo
