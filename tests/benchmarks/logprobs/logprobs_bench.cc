// Seconds and peak memory of log-probabilities and entropies of N tokens, forward and backward, through the head of a
// model: what plain_logprobs.py does with plain PyTorch expressions. Prints one line of JSON; bench.sh compares.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include "absl/time/clock.h"
#include "model/logprobs.h"

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

void RestartPeakMemory() { std::ofstream("/proc/self/clear_refs") << 5; }

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  int64_t tokens = 2048, vocab = 32000, hidden_size = 896, rounds = 3;
  int64_t logits_mib = maspo::kDefaultLogitsPerChunk >> 18;
  int threads = 1;
  CLI::App app{"logprobs_bench"};
  app.add_option("--tokens", tokens);
  app.add_option("--vocab", vocab);
  app.add_option("--hidden", hidden_size);
  app.add_option("--rounds", rounds);
  app.add_option("--threads", threads);
  app.add_option("--logits-mib", logits_mib, "As learner.logits_mib");
  CLI11_PARSE(app, argc, argv);
  torch::set_num_threads(threads);
  torch::manual_seed(1);

  const torch::Tensor hidden = torch::randn({tokens, hidden_size}).requires_grad_();
  const torch::Tensor head =
      (torch::randn({vocab, hidden_size}) / std::sqrt(static_cast<double>(hidden_size))).requires_grad_();
  const torch::Tensor target = torch::randint(vocab, {tokens}, torch::TensorOptions(torch::kInt64)),
                      weight = torch::randn({tokens});
  double fastest = 1e30;
  int64_t peak = 0;
  double loss = 0;
  for (int64_t round = 0; round < rounds; ++round) {
    hidden.mutable_grad() = torch::Tensor();
    head.mutable_grad() = torch::Tensor();
    const int64_t before = maspo::MemoryBytes("VmRSS");
    maspo::RestartPeakMemory();
    const absl::Time start = absl::Now();
    const maspo::TokenLogprobs out =
        maspo::LogprobsAndEntropy(hidden, head, target, /*temperature=*/1.0, logits_mib << 18);
    const torch::Tensor total = (out.logprobs_N * weight).sum() + 0.01 * out.entropy_N.sum();
    total.backward();
    fastest = std::min(fastest, absl::ToDoubleSeconds(absl::Now() - start));
    peak = std::max(peak, maspo::MemoryBytes("VmHWM") - before);
    loss = total.item<double>();
  }
  std::printf("{\"seconds\": %.4f, \"peak_bytes\": %lld, \"loss\": %.6f, \"grad_norm\": %.6f}\n", fastest,
              static_cast<long long>(peak), loss,
              std::hypot(hidden.grad().norm().item<double>(), head.grad().norm().item<double>()));
}
