#include "model/hugging_face_names.h"

#include "absl/strings/str_cat.h"

namespace maspo {

std::map<std::string, torch::Tensor> HuggingFaceViews(const ModelConfig& config, const ParameterSet& parameters) {
  const int64_t query_rows = config.num_heads * config.head_dim, kv_rows = config.num_kv_heads * config.head_dim;
  std::map<std::string, torch::Tensor> views;
  views["model.embed_tokens.weight"] = parameters.embedding().detach();
  views["model.norm.weight"] = parameters.final_norm().detach();
  if (!config.tie_word_embeddings) views["lm_head.weight"] = parameters.head().detach();
  for (int layer = 0; layer < config.num_layers; ++layer) {
    const std::string prefix = absl::StrCat("model.layers.", layer, ".");
    const auto whole = [&](BlockParameter which) { return parameters.block(layer, which).detach(); };
    const auto rows = [&](BlockParameter which, int64_t begin, int64_t count) {
      return whole(which).narrow(0, begin, count);
    };
    views[prefix + "input_layernorm.weight"] = whole(kInputNorm);
    for (const auto& [which, suffix] : {std::pair{kQkvWeight, ".weight"}, std::pair{kQkvBias, ".bias"}}) {
      views[prefix + "self_attn.q_proj" + suffix] = rows(which, 0, query_rows);
      views[prefix + "self_attn.k_proj" + suffix] = rows(which, query_rows, kv_rows);
      views[prefix + "self_attn.v_proj" + suffix] = rows(which, query_rows + kv_rows, kv_rows);
    }
    views[prefix + "self_attn.o_proj.weight"] = whole(kOutWeight);
    views[prefix + "post_attention_layernorm.weight"] = whole(kPostNorm);
    views[prefix + "mlp.gate_proj.weight"] = rows(kGateUpWeight, 0, config.intermediate_size);
    views[prefix + "mlp.up_proj.weight"] = rows(kGateUpWeight, config.intermediate_size, config.intermediate_size);
    views[prefix + "mlp.down_proj.weight"] = whole(kDownWeight);
  }
  return views;
}

}  // namespace maspo
