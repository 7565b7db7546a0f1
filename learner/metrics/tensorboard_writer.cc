#include "learner/metrics/tensorboard_writer.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "learner/metrics/tensorboard_event.pb.h"
#include "model/tokenizer/crc32c.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

double WallTime() { return absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()); }

std::string LittleEndian(uint64_t value, int num_bytes) {
  std::string bytes;
  for (int i = 0; i < num_bytes; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

// TFRecord stores checksums rotated and shifted, so that a checksum of data with checksums in it stays a good one.
std::string MaskedCrc(const std::string& data) {
  const uint32_t crc = Crc32c(data);
  return LittleEndian(((crc >> 15) | (crc << 17)) + 0xa282ead8u, 4);
}

// "events.out.tfevents.<seconds>.<host>.<pid>.<first step>": TensorBoard reads the files of a folder in order of name.
std::string FileName(uint64_t first_step) {
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return absl::StrFormat("events.out.tfevents.%010d.%s.%d.%d", absl::ToUnixSeconds(absl::Now()), host, getpid(),
                         first_step);
}

}  // namespace

absl::StatusOr<TensorBoardWriter> TensorBoardWriter::Create(const std::string& folder, uint64_t first_step) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot make the folder ", folder, ": ", error.message()));
  const std::string path = absl::StrCat(folder, "/", FileName(first_step));
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (!out) return absl::UnavailableError(absl::StrCat("cannot create ", path));
  TensorBoardWriter writer(path, std::move(out));
  tensorboard::Event header;
  header.set_wall_time(WallTime());
  header.set_file_version("brain.Event:2");
  MASPO_RETURN_IF_ERROR(writer.WriteRecord(header.SerializeAsString()));
  tensorboard::Event start;
  start.set_wall_time(WallTime());
  start.set_step(static_cast<int64_t>(first_step));
  start.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  MASPO_RETURN_IF_ERROR(writer.WriteRecord(start.SerializeAsString()));
  return writer;
}

absl::Status TensorBoardWriter::Append(const StepMetrics& row) {
  tensorboard::Event event;
  event.set_wall_time(WallTime());
  event.set_step(static_cast<int64_t>(row.step));
  for (const auto& [name, value] : row.values) {
    if (!std::isfinite(value)) continue;
    tensorboard::Summary::Value& scalar = *event.mutable_summary()->add_value();
    scalar.set_tag(name);
    scalar.set_simple_value(static_cast<float>(value));
  }
  return WriteRecord(event.SerializeAsString());
}

//   length (8 bytes) | masked CRC-32C of it (4) | data | masked CRC-32C of it (4)        all little-endian
absl::Status TensorBoardWriter::WriteRecord(const std::string& data) {
  const std::string length = LittleEndian(data.size(), 8);
  out_ << length << MaskedCrc(length) << data << MaskedCrc(data) << std::flush;
  return out_ ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("cannot write ", path_));
}

}  // namespace maspo
