#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace maspo {

// What a run writes into metrics.jsonl and evaluations.jsonl, for programs that follow it:
//
//   {"event":"evaluation","step":0,"eval/avg_at_k":0.19,...}
//   {"event":"step","step":1,"reward/mean":-0.4,...}
//
// Each row once and whole; after --resume those of the earlier steps come first. Not thread-safe.
class RowStream {
 public:
  explicit RowStream(const std::string& run_dir);

  // The rows since the last call; none while the files are not there.
  std::vector<std::string> Poll();

 private:
  struct File {
    std::string path, event;
    int64_t read_bytes = 0;
  };
  std::vector<File> files_;
};

}  // namespace maspo
