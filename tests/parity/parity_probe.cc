// parity_probe MODEL_DIR REQUESTS RESULTS: one JSON line of result for each line of request, so that a Python test can
// compare what the library says with the reference.
//
//   {"op": "encode", "text": "..." | "bytes": [...], "special": bool}  -> {"ids": [...]}
//   {"op": "decode", "ids": [...], "special": bool}                    -> {"text": "..."}
//   {"op": "chat", "messages": [...], "generation_prompt": bool}       -> {"text": "..."} or {"error": "..."}
//   {"op": "logits", "ids": [...]}                                     -> {"logits": [[...], ...]}
#include <cstdio>
#include <optional>

#include "model/chat_json.h"
#include "model/hugging_face.h"
#include "model/packed_attention.h"
#include "model/tokenizer.h"
#include "model/transformer.h"
#include "services/base/atomic_file.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using nlohmann::json;
using Ids = std::vector<int64_t>;

absl::StatusOr<json> Encode(const Tokenizer& tokenizer, const json& request) {
  std::string text = request.value("text", "");
  if (request.contains("bytes")) {
    for (const int byte : request["bytes"]) text.push_back(static_cast<char>(byte));
  }
  MASPO_ASSIGN_OR_RETURN(const Ids ids, tokenizer.Encode(text, request["special"]));
  return json{{"ids", ids}};
}

absl::StatusOr<json> Decode(const Tokenizer& tokenizer, const json& request) {
  MASPO_ASSIGN_OR_RETURN(const std::string text, tokenizer.Decode(request["ids"].get<Ids>(), !request["special"]));
  return json{{"text", text}};
}

absl::StatusOr<json> Chat(const Tokenizer& tokenizer, const json& request) {
  MASPO_ASSIGN_OR_RETURN(const auto messages, MessagesField(request, "request"));
  const auto text = tokenizer.ApplyChatTemplate(messages, request["generation_prompt"]);
  if (!text.ok()) return json{{"error", std::string(text.status().message())}};
  return json{{"text", *text}};
}

json Logits(const Transformer& model, const json& request) {
  const torch::NoGradGuard no_grad;
  const PackedLayout layout = PackedLayout::Of({{.prompt = request["ids"].get<Ids>(), .responses = {}}});
  PackedAttention attention(layout, torch::kCPU);
  const torch::Tensor logits =
      model.Logits(model.Forward(torch::tensor(layout.ids_T), torch::tensor(layout.positions_T), attention))
          .contiguous();
  json rows = json::array();
  for (int64_t row = 0; row < logits.size(0); ++row) {
    const float* begin = logits.data_ptr<float>() + row * logits.size(1);
    rows.push_back(std::vector<float>(begin, begin + logits.size(1)));
  }
  return {{"logits", rows}};
}

absl::StatusOr<Transformer> LoadModel(const std::string& folder) {
  MASPO_ASSIGN_OR_RETURN(const ModelConfig config, ModelConfig::Load(folder));
  MASPO_ASSIGN_OR_RETURN(auto parameters, LoadWeights(folder, config, torch::kCPU, torch::kFloat32));
  return Transformer(config, std::move(parameters));
}

absl::Status Run(const std::string& folder, const std::string& requests, const std::string& results) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(requests));
  MASPO_ASSIGN_OR_RETURN(AtomicFile out, AtomicFile::Create(results));
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<Transformer> model;
  for (json request;;) {
    MASPO_ASSIGN_OR_RETURN(const bool more, reader.Next(request));
    if (!more) return out.Commit();
    json result;
    if (request["op"] == "logits") {
      if (!model) {
        MASPO_ASSIGN_OR_RETURN(Transformer loaded, LoadModel(folder));
        model.emplace(std::move(loaded));
      }
      result = Logits(*model, request);
    } else {
      if (tokenizer == nullptr) {
        MASPO_ASSIGN_OR_RETURN(tokenizer, Tokenizer::Load(folder));
      }
      const auto answer = request["op"] == "encode"   ? Encode(*tokenizer, request)
                          : request["op"] == "decode" ? Decode(*tokenizer, request)
                                                      : Chat(*tokenizer, request);
      MASPO_RETURN_IF_ERROR(Annotate(answer.status(), reader.where()));
      result = *answer;
    }
    out.stream() << result.dump() << '\n';
  }
}

}  // namespace
}  // namespace maspo

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: parity_probe MODEL_DIR REQUESTS RESULTS\n");
    return 2;
  }
  const absl::Status status = maspo::Run(argv[1], argv[2], argv[3]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
