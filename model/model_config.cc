#include "model/model_config.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using nlohmann::json;

// Reads fields of one config.json. The first error wins and is kept; later reads return their default.
class ConfigReader {
 public:
  ConfigReader(const json& object, std::string path) : object_(object), path_(std::move(path)) {}

  bool Has(const char* name) const { return object_.contains(name) && !object_[name].is_null(); }

  int64_t Integer(const char* name, int64_t fallback) {
    // The bound keeps every product of two sizes inside int64.
    constexpr int64_t kLargest = int64_t{1} << 30;
    if (!Has(name)) return fallback;
    const json& value = object_[name];
    if (!value.is_number_integer() || value < 1 || value > kLargest) Fail(name, value, "an integer of at least 1");
    return status_.ok() ? value.get<int64_t>() : fallback;
  }
  int64_t Integer(const char* name) {
    if (!Has(name)) Fail(absl::StrCat("field \"", name, "\" is missing"));
    return Integer(name, 1);
  }
  double Positive(const char* name, double fallback) {
    if (!Has(name)) return fallback;
    const json& value = object_[name];
    if (!value.is_number() || value.get<double>() <= 0) Fail(name, value, "a number above 0");
    return status_.ok() ? value.get<double>() : fallback;
  }
  bool Boolean(const char* name, bool fallback) {
    if (!Has(name)) return fallback;
    const json& value = object_[name];
    if (!value.is_boolean()) Fail(name, value, "true or false");
    return status_.ok() ? value.get<bool>() : fallback;
  }
  std::string Text(const char* name, const std::string& fallback) {
    if (!Has(name)) return fallback;
    const json& value = object_[name];
    if (!value.is_string()) Fail(name, value, "a string");
    return status_.ok() ? value.get<std::string>() : fallback;
  }

  void Require(bool condition, const std::string& message) {
    if (!condition) Fail(message);
  }
  const json& object() const { return object_; }
  const absl::Status& status() const { return status_; }

 private:
  void Fail(const char* name, const json& value, const char* wanted) {
    Fail(absl::StrCat("field \"", name, "\" must be ", wanted, ", not ", value.dump().substr(0, 80)));
  }
  void Fail(const std::string& message) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(absl::StrCat(path_, ": ", message));
  }

  const json& object_;
  const std::string path_;
  absl::Status status_;
};

// RoPE as written by transformers 5 ("rope_parameters") or before ("rope_theta", "rope_scaling").
double RopeTheta(ConfigReader& in, const std::string& path) {
  for (const char* name : {"rope_parameters", "rope_scaling"}) {
    if (!in.Has(name)) continue;
    const json& rope = in.object()[name];
    in.Require(rope.is_object(), absl::StrCat("field \"", name, "\" must be an object or null"));
    if (!in.status().ok()) return 1;
    ConfigReader fields(rope, absl::StrCat(path, ": ", name));
    const std::string type = fields.Text("rope_type", fields.Text("type", "default"));
    in.Require(type == "default", absl::StrCat("RoPE scaling \"", type, "\" is not supported (only \"default\")"));
    const double theta = fields.Positive("rope_theta", 0);
    in.Require(fields.status().ok(), std::string(fields.status().message()));
    if (theta > 0) return theta;
  }
  return in.Positive("rope_theta", 10000.0);
}

void RefuseUnsupported(ConfigReader& in) {
  const std::string model_type = in.Text("model_type", "");
  in.Require(model_type == "qwen2",
             absl::StrCat("model_type \"", model_type, "\" is not supported (only \"qwen2\": Qwen2 and Qwen2.5)"));
  const std::string activation = in.Text("hidden_act", "silu");
  in.Require(activation == "silu", absl::StrCat("hidden_act \"", activation, "\" is not supported (only \"silu\")"));
  in.Require(!in.Boolean("use_sliding_window", false), "use_sliding_window: true is not supported");
  in.Require(!in.Has("quantization_config"), "quantization_config: quantized weights are not supported");
  if (!in.Has("layer_types")) return;
  const json& types = in.object()["layer_types"];
  in.Require(types.is_array(), "field \"layer_types\" must be a list");
  if (!in.status().ok()) return;
  for (const json& type : types) {
    in.Require(type == "full_attention",
               absl::StrCat("layer_types: ", type.dump(), " is not supported (only \"full_attention\")"));
  }
}

// In floating point, so that an absurd file cannot overflow it.
double NumParameters(const ModelConfig& config) {
  const double heads = static_cast<double>(config.num_heads) + 2.0 * static_cast<double>(config.num_kv_heads);
  const double rows = heads * config.head_dim + static_cast<double>(config.num_heads) * config.head_dim +
                      3.0 * static_cast<double>(config.intermediate_size);
  return config.hidden_size * (rows * config.num_layers + 2.0 * static_cast<double>(config.vocab_size));
}

constexpr double kMostParameters = 1e13;

}  // namespace

absl::StatusOr<ModelConfig> ModelConfig::Load(const std::string& folder) {
  return LoadFile(absl::StrCat(folder, "/config.json"));
}

absl::StatusOr<ModelConfig> ModelConfig::LoadFile(const std::string& path) {
  MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::InvalidArgumentError(absl::StrCat(path, ": not a JSON object"));
  ConfigReader in(object, path);
  RefuseUnsupported(in);
  ModelConfig config;
  config.hidden_size = in.Integer("hidden_size");
  config.num_layers = in.Integer("num_hidden_layers");
  config.num_heads = in.Integer("num_attention_heads");
  config.num_kv_heads = in.Integer("num_key_value_heads", config.num_heads);
  config.intermediate_size = in.Integer("intermediate_size");
  config.vocab_size = in.Integer("vocab_size");
  config.max_position_embeddings = in.Integer("max_position_embeddings");
  config.head_dim = in.Integer("head_dim", std::max<int64_t>(1, config.hidden_size / config.num_heads));
  config.rope_theta = RopeTheta(in, path);
  config.rms_norm_eps = in.Positive("rms_norm_eps", 1e-6);
  config.tie_word_embeddings = in.Boolean("tie_word_embeddings", false);
  config.dtype = in.Text("dtype", in.Text("torch_dtype", "float32"));
  in.Require(in.Has("head_dim") || config.hidden_size % config.num_heads == 0,
             absl::StrCat("hidden_size ", config.hidden_size, " is not a multiple of num_attention_heads ",
                          config.num_heads, ", and there is no head_dim"));
  in.Require(config.num_heads % config.num_kv_heads == 0,
             absl::StrCat("num_attention_heads ", config.num_heads, " is not a multiple of num_key_value_heads ",
                          config.num_kv_heads));
  in.Require(config.head_dim % 2 == 0, absl::StrCat("head dimension ", config.head_dim, " is odd; RoPE needs pairs"));
  in.Require(config.dtype == "float32" || config.dtype == "bfloat16" || config.dtype == "float16",
             absl::StrCat("dtype \"", config.dtype, "\" is not supported (float32, bfloat16, float16)"));
  in.Require(NumParameters(config) < kMostParameters,
             absl::StrCat("describes ", NumParameters(config), " parameters, more than any machine holds"));
  MASPO_RETURN_IF_ERROR(in.status());
  return config;
}

}  // namespace maspo
