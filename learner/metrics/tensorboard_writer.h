#pragma once

#include <cstdint>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/metrics/metrics_log.h"

namespace maspo {

// Writes scalars as a TensorBoard event file: length-framed records with masked CRC-32C checksums.
//
// A run that goes on after `first_step - 1` starts a new file whose first event tells TensorBoard to forget later steps
// of older files. Flushes every row. Not thread-safe.
class TensorBoardWriter {
 public:
  // Makes `folder` and a new event file in it. Unavailable: names the path and the reason.
  static absl::StatusOr<TensorBoardWriter> Create(const std::string& folder, uint64_t first_step);

  // Values that are not finite are left out.
  absl::Status Append(const StepMetrics& row);

  const std::string& path() const { return path_; }

 private:
  TensorBoardWriter(std::string path, std::ofstream out) : path_(std::move(path)), out_(std::move(out)) {}
  absl::Status WriteRecord(const std::string& data);

  std::string path_;
  std::ofstream out_;
};

}  // namespace maspo
