#pragma once

#include <memory>

#include "model/attention.h"
#include "model/decoder.h"
#include "model/model_config.h"
#include "model/parameter_set.h"
#include "model/torch.h"

namespace maspo {

// The policy network with all its weights at hand: Decoder between an embedding and a head, tied or untied. The
// learner's ShardedPolicy runs the same Decoder; only the AttentionContext differs, so their log-probabilities agree.
//
// Works on T packed tokens without padding. Shape letters: T tokens, C hidden size, V vocabulary, N selected tokens.
// LibTorch errors (shapes, memory) are thrown as c10::Error. Thread-compatible: one forward at a time.
class Transformer {
 public:
  Transformer(ModelConfig config, std::shared_ptr<ParameterSet> parameters);

  // Hidden states after the final norm. ids_T and positions_T are int64 on the parameters' device. -> [T, C]
  torch::Tensor Forward(const torch::Tensor& ids_T, const torch::Tensor& positions_T,
                        AttentionContext& attention) const;

  // Float32 logits of selected hidden states. [N, C] -> [N, V]
  torch::Tensor Logits(const torch::Tensor& hidden_NC) const;

  // Takes another version's weights; the next Forward uses them. Constant time.
  void SetParameters(std::shared_ptr<ParameterSet> parameters);

  const ModelConfig& config() const { return decoder_.config(); }
  ParameterSet& parameters() { return *parameters_; }
  const std::shared_ptr<ParameterSet>& shared_parameters() const { return parameters_; }
  torch::Device device() const;

 private:
  const Decoder decoder_;
  std::shared_ptr<ParameterSet> parameters_;
};

}  // namespace maspo
