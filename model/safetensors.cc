#include "model/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kLargestHeader = 100'000'000;  // As in the reference implementation.

struct DtypeName {
  const char* name;
  torch::Dtype dtype;
  uint64_t bytes;
};
constexpr DtypeName kDtypes[] = {
    {"F32", torch::kFloat32, 4}, {"BF16", torch::kBFloat16, 2}, {"F16", torch::kFloat16, 2}};

std::optional<DtypeName> StoredDtype(const json& name) {
  for (const DtypeName& known : kDtypes) {
    if (name == known.name) return known;
  }
  return std::nullopt;
}

bool IsPairOfUnsigned(const json& value) {
  return value.is_array() && value.size() == 2 && value[0].is_number_unsigned() && value[1].is_number_unsigned();
}

// One header entry; its offsets are relative to `data_begin` and must lie below `file_size`.
absl::StatusOr<SafetensorsFile::Entry> ParseEntry(const json& object, uint64_t data_begin, uint64_t file_size) {
  const auto bad = [](const auto&... parts) { return absl::InvalidArgumentError(absl::StrCat(parts...)); };
  if (!object.is_object() || !object.contains("dtype") || !object.contains("shape") ||
      !object.contains("data_offsets")) {
    return bad("needs dtype, shape and data_offsets");
  }
  const auto dtype = StoredDtype(object["dtype"]);
  if (!dtype) return bad("dtype ", object["dtype"].dump(), " is not supported (F32, BF16, F16)");
  SafetensorsFile::Entry entry{.dtype = dtype->dtype, .shape = {}};
  if (!object["shape"].is_array()) return bad("shape is not a list");
  uint64_t bytes = dtype->bytes;
  for (const json& extent : object["shape"]) {
    if (!extent.is_number_unsigned() || extent.get<uint64_t>() > INT64_MAX ||
        __builtin_mul_overflow(bytes, extent.get<uint64_t>(), &bytes)) {
      return bad("shape ", object["shape"].dump(), " is not possible");
    }
    entry.shape.push_back(extent.get<int64_t>());
  }
  const json& offsets = object["data_offsets"];
  if (!IsPairOfUnsigned(offsets)) return bad("data_offsets must be two integers");
  const uint64_t begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>(), room = file_size - data_begin;
  if (begin > end || end > room) {
    return bad("bytes ", begin, " to ", end, " lie outside the file, which holds ", room,
               " bytes of data (truncated?)");
  }
  if (end - begin != bytes) return bad("shape needs ", bytes, " bytes, data_offsets give ", end - begin);
  entry.begin = data_begin + begin;
  entry.end = data_begin + end;
  return entry;
}

// The tensors must cover the data exactly once: a file with holes or overlaps was not written by a sane program.
absl::Status CheckCoverage(const std::map<std::string, SafetensorsFile::Entry>& entries, uint64_t data_begin,
                           uint64_t file_size) {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto& [name, entry] : entries) ranges.emplace_back(entry.begin, entry.end);
  std::sort(ranges.begin(), ranges.end());
  uint64_t covered = data_begin;
  for (const auto& [begin, end] : ranges) {
    if (begin != covered) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensors ", begin < covered ? "overlap" : "leave a gap", " at byte ", std::min(begin, covered)));
    }
    covered = end;
  }
  if (covered == file_size) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(file_size - covered, " bytes behind the last tensor belong to none"));
}

}  // namespace

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  struct stat status {};
  SafetensorsFile file;
  void* mapped = MAP_FAILED;
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    mapped = ::mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  }
  ::close(descriptor);
  if (mapped != MAP_FAILED) {
    file.bytes_ = static_cast<const char*>(mapped);
    file.size_ = status.st_size;
  }
  MASPO_RETURN_IF_ERROR(Annotate(file.ParseHeader(), path));
  return file;
}

absl::Status SafetensorsFile::ParseHeader() {
  if (size_ < kLengthBytes) return absl::InvalidArgumentError("not a safetensors file: shorter than 8 bytes");
  uint64_t header_size = 0;
  std::memcpy(&header_size, bytes_, kLengthBytes);
  if (header_size > kLargestHeader || header_size > size_ - kLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat("header of ", header_size, " bytes does not fit into the file of ",
                                                   size_, " bytes (truncated, or not a safetensors file)"));
  }
  const char* header_text = bytes_ + kLengthBytes;
  const json header = json::parse(header_text, header_text + header_size, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) return absl::InvalidArgumentError("the header is not a JSON object");
  const uint64_t data_begin = kLengthBytes + header_size;
  for (const auto& [name, object] : header.items()) {
    if (name == "__metadata__") continue;
    auto entry = ParseEntry(object, data_begin, size_);
    if (!entry.ok()) return Annotate(entry.status(), absl::StrCat("tensor \"", name, "\""));
    entries_[name] = *std::move(entry);
  }
  return CheckCoverage(entries_, data_begin, size_);
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), size_(other.size_), entries_(std::move(other.entries_)) {}

SafetensorsFile::~SafetensorsFile() {
  if (bytes_ != nullptr) ::munmap(const_cast<char*>(bytes_), size_);
}

torch::Tensor SafetensorsFile::Read(const Entry& entry) const {
  char* begin = const_cast<char*>(bytes_ + entry.begin);
  const bool aligned = entry.begin % torch::elementSize(entry.dtype) == 0;
  if (aligned) return torch::from_blob(begin, entry.shape, entry.dtype);
  torch::Tensor copy = torch::empty(entry.shape, entry.dtype);
  std::memcpy(copy.data_ptr(), begin, entry.end - entry.begin);
  return copy;
}

absl::StatusOr<SafetensorsWriter> SafetensorsWriter::Create(const std::string& path,
                                                            const std::vector<Tensor>& tensors) {
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    const auto* known = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                     [&](const DtypeName& dtype) { return dtype.dtype == tensor.dtype; });
    MASPO_CHECK(known != std::end(kDtypes));
    const uint64_t bytes = c10::multiply_integers(tensor.shape) * torch::elementSize(tensor.dtype);
    header[tensor.name] = {{"dtype", known->name}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // Keeps the data aligned.
  const uint64_t header_size = text.size();
  MASPO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  file.stream().write(reinterpret_cast<const char*>(&header_size), kLengthBytes);
  file.stream() << text;
  return SafetensorsWriter(std::move(file));
}

void SafetensorsWriter::Write(const torch::Tensor& values) {
  const torch::Tensor host = values.detach().cpu().contiguous();
  file_.stream().write(static_cast<const char*>(host.data_ptr()), static_cast<std::streamsize>(host.nbytes()));
}

absl::Status WriteSafetensors(const std::string& path,
                              const std::vector<std::pair<std::string, torch::Tensor>>& tensors) {
  std::vector<SafetensorsWriter::Tensor> specs;
  for (const auto& [name, tensor] : tensors) specs.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
  MASPO_ASSIGN_OR_RETURN(SafetensorsWriter writer, SafetensorsWriter::Create(path, specs));
  for (const auto& [name, tensor] : tensors) writer.Write(tensor);
  return writer.Commit();
}

}  // namespace maspo
