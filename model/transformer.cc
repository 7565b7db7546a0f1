#include "model/transformer.h"

#include "services/base/status_macros.h"

namespace maspo {

using torch::Tensor;

Transformer::Transformer(ModelConfig config, std::shared_ptr<ParameterSet> parameters)
    : decoder_(config, parameters->device()) {
  SetParameters(std::move(parameters));
}

void Transformer::SetParameters(std::shared_ptr<ParameterSet> parameters) {
  MASPO_CHECK(parameters->buckets().size() == static_cast<size_t>(config().num_layers) + 2);
  parameters_ = std::move(parameters);
}

torch::Device Transformer::device() const { return parameters_->device(); }

Tensor Transformer::Forward(const Tensor& ids_T, const Tensor& positions_T, AttentionContext& attention) const {
  const RotaryAngles angles = decoder_.AnglesAt(positions_T, parameters_->dtype());
  Tensor x_TC = torch::embedding(parameters_->embedding(), ids_T);
  for (int layer = 0; layer < config().num_layers; ++layer) {
    x_TC = decoder_.Block(layer, parameters_->block(layer), angles, attention, x_TC);
  }
  return decoder_.Norm(parameters_->final_norm(), x_TC);
}

Tensor Transformer::Logits(const Tensor& hidden_NC) const {
  return torch::linear(hidden_NC, parameters_->head()).to(torch::kFloat32);
}

}  // namespace maspo
