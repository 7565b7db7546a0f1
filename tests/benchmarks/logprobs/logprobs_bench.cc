// Seconds and peak memory of log-probabilities and entropies of N tokens, forward and backward, through the head of a
// model: what plain_logprobs.py does with plain PyTorch expressions. Prints one line of JSON; bench.sh compares.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include "collective/device.h"
#include "model/logprobs.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

// A line of /proc/self/status in bytes, for instance VmRSS.
int64_t MemoryBytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(name + ":", 0) == 0) return 1024 * std::stoll(line.substr(name.size() + 1));
  }
  return 0;
}

// Of this process on one device: on a GPU what tensors take, whose peak cannot be started anew.
class Memory {
 public:
  explicit Memory(torch::Device device) : device_(device) {}

  int64_t Now() const { return device_.is_cpu() ? MemoryBytes("VmRSS") : static_cast<int64_t>(Use().allocated_bytes); }
  int64_t Peak() const {
    return device_.is_cpu() ? MemoryBytes("VmHWM") : static_cast<int64_t>(Use().peak_allocated_bytes);
  }
  void RestartPeak() const { std::ofstream("/proc/self/clear_refs") << 5; }

 private:
  GpuUse Use() const { return LoadedCudaLibrary()->gpu_use(device_.index()); }

  const torch::Device device_;
};

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  int64_t tokens = 2048, vocab = 32000, hidden_size = 896, rounds = 3;
  int64_t logits_mib = maspo::kDefaultLogitsPerChunk >> 18;
  int threads = 1;
  std::string device_name = "cpu";
  CLI::App app{"logprobs_bench"};
  app.add_option("--tokens", tokens);
  app.add_option("--vocab", vocab);
  app.add_option("--hidden", hidden_size);
  app.add_option("--rounds", rounds);
  app.add_option("--threads", threads);
  app.add_option("--device", device_name);
  app.add_option("--logits-mib", logits_mib, "As learner.logits_mib");
  CLI11_PARSE(app, argc, argv);
  const auto loaded = maspo::LoadDevice(device_name);
  if (!loaded.ok()) {
    std::fprintf(stderr, "logprobs_bench: %s\n", std::string(loaded.status().message()).c_str());
    return 1;
  }
  const torch::Device device = *loaded;
  torch::set_num_threads(threads);
  torch::manual_seed(1);
  const maspo::Memory memory(device);
  const torch::Tensor hidden = torch::randn({tokens, hidden_size}).to(device).requires_grad_();
  const torch::Tensor head =
      (torch::randn({vocab, hidden_size}) / std::sqrt(static_cast<double>(hidden_size))).to(device).requires_grad_();
  const torch::Tensor target = torch::randint(vocab, {tokens}, torch::TensorOptions(torch::kInt64)).to(device),
                      weight = torch::randn({tokens}).to(device);
  double fastest = 1e30;
  int64_t peak = 0;
  double loss = 0;
  for (int64_t round = 0; round < rounds; ++round) {
    hidden.mutable_grad() = torch::Tensor();
    head.mutable_grad() = torch::Tensor();
    const int64_t before = memory.Now();
    memory.RestartPeak();
    const absl::Time start = maspo::SteadyNow();
    const maspo::TokenLogprobs out =
        maspo::LogprobsAndEntropy(hidden, head, target, /*temperature=*/1.0, logits_mib << 18);
    const torch::Tensor total = (out.logprobs_N * weight).sum() + 0.01 * out.entropy_N.sum();
    total.backward();
    loss = total.item<double>();
    head.grad()[0][0].item<float>();  // Waits for the device.
    fastest = std::min(fastest, absl::ToDoubleSeconds(maspo::SteadyNow() - start));
    peak = std::max(peak, memory.Peak() - before);
  }
  std::printf("{\"seconds\": %.4f, \"peak_bytes\": %lld, \"loss\": %.6f, \"grad_norm\": %.6f}\n", fastest,
              static_cast<long long>(peak), loss,
              std::hypot(hidden.grad().norm().item<double>(), head.grad().norm().item<double>()));
}
