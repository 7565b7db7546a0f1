#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/run_config.pb.h"

namespace maspo {

// The life of a run's configuration:
//
//   FILE.yaml, --set a.b=c ... -> LoadConfig -> ValidateConfig, Check... -> components' Options
//                                                      '-> WriteResolvedConfig -> RUN_DIR/config.yaml (what the role
//                                                      processes
//                                           load)
//
// The schema is v1::RunConfig, read by reflection: a new field there is a new key here. Errors are one sentence that
// begins with FILE:LINE or with the flag, for instance "run.yaml:12: unknown key learner.optimiser; did you mean
// optimizer?".

// Reads a YAML file, which may hold any part of the schema; an empty path reads nothing. `overrides` are applied after
// it, in order, each "key.path=value" as given to --set. A list may be written as a single value. Relative paths become
// absolute: those of the file from its folder, those of an override from the working directory.
// NotFound: no such file. InvalidArgument: everything that is wrong inside.
absl::StatusOr<v1::RunConfig> LoadConfig(const std::string& path, const std::vector<std::string>& overrides = {});

// Whether a training run can work with this: ranges, keys that must fit together, no plaintext beyond this machine
// unless asked for. InvalidArgument or NotFound: names the key, its value and what to do.
absl::Status ValidateConfig(const v1::RunConfig& config);

// The same of the learner alone, where there are no workers.
absl::Status ValidateLearner(const v1::RunConfig& config);

// Whether the files are there, checked by the roles that read them: a reward server needs neither model nor data.
// InvalidArgument: the key is not set. NotFound: names the key and the path.
absl::Status CheckModelFolder(const v1::ModelSection& model);
absl::Status CheckDataFiles(const v1::DataSection& data);

// The configuration with every default written out. Sections whose absence means something (network.tls) stay absent.
v1::RunConfig ResolveDefaults(const v1::RunConfig& config);

// YAML of ResolveDefaults(config); LoadConfig reads exactly that message back.
std::string ResolvedYaml(const v1::RunConfig& config);

// Writes ResolvedYaml(config) to a file, all or nothing.
absl::Status WriteResolvedConfig(const v1::RunConfig& config, const std::string& path);

}  // namespace maspo
