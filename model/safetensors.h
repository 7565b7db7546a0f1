#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/torch.h"
#include "services/base/atomic_file.h"

namespace maspo {

// A safetensors file, mapped into memory. The header is untrusted: nothing is believed before it is checked against the
// file's size.
//
//   | N: uint64 LE | N bytes of JSON: name -> {dtype, shape, data_offsets} | tensor bytes, no gaps, no overlap |
//
// A constant file may be read from any thread.
class SafetensorsFile {
 public:
  // NotFound: no such file. InvalidArgument: names the file and what is wrong with its header.
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path);
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;
  ~SafetensorsFile();

  struct Entry {
    torch::Dtype dtype;
    std::vector<int64_t> shape;
    uint64_t begin = 0, end = 0;  // Bytes from the start of the file.
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }

  // A host tensor with an entry's values; valid while the file is open, and not to be written to.
  torch::Tensor Read(const Entry& entry) const;

 private:
  SafetensorsFile() = default;
  absl::Status ParseHeader();

  const char* bytes_ = nullptr;  // Mapped; null when empty or moved from.
  uint64_t size_ = 0;
  std::map<std::string, Entry> entries_;
};

// Writes a file tensor by tensor, so that they need not be there at the same time; atomically.
class SafetensorsWriter {
 public:
  struct Tensor {
    std::string name;
    torch::Dtype dtype;  // float32, bfloat16 or float16.
    std::vector<int64_t> shape;
  };
  // Errors as in AtomicFile.
  static absl::StatusOr<SafetensorsWriter> Create(const std::string& path, const std::vector<Tensor>& tensors);

  // The next tensor's values, of its dtype and number of elements, on any device.
  void Write(const torch::Tensor& values);

  // After the last. The first error of all writes.
  absl::Status Commit() { return file_.Commit(); }

 private:
  explicit SafetensorsWriter(AtomicFile file) : file_(std::move(file)) {}
  AtomicFile file_;
};

// Writes tensors in the given order, atomically.
absl::Status WriteSafetensors(const std::string& path,
                              const std::vector<std::pair<std::string, torch::Tensor>>& tensors);

}  // namespace maspo
