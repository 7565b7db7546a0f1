#include "cli/train/row_stream.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace maspo {

RowStream::RowStream(const std::string& run_dir)
    : files_{{run_dir + "/evaluations.jsonl", "evaluation"}, {run_dir + "/metrics.jsonl", "step"}} {}

std::vector<std::string> RowStream::Poll() {
  std::vector<std::string> rows;
  for (File& file : files_) {
    std::ifstream in(file.path);
    in.seekg(file.read_bytes);
    std::string line;
    // A line without its end is still being written: the next call reads it.
    while (std::getline(in, line) && !in.eof()) {
      file.read_bytes += static_cast<int64_t>(line.size()) + 1;
      const auto row = nlohmann::ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!row.is_object()) continue;
      nlohmann::ordered_json event = {{"event", file.event}};
      event.update(row);
      rows.push_back(event.dump());
    }
  }
  return rows;
}

}  // namespace maspo
