#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "collective/device.h"
#include "learner/objectives/negative_log_likelihood.h"
#include "learner/supervised/supervised_data.h"
#include "learner/supervised/supervised_trainer.h"
#include "model/hugging_face.h"
#include "model/initialization.h"
#include "model/tokenizer.h"
#include "services/base/progress.h"
#include "services/base/spelling.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

struct SftFlags {
  std::string model, data, output, device = "cpu";
  bool init_random = false;
  int64_t steps = 0, epochs = 1, batch_size = 64, micro_batch_tokens = 4096;
  bool no_shuffle = false, json = false;
  uint64_t seed = 0;
  int threads = 1;
  double learning_rate = 1e-5, beta1 = 0.9, beta2 = 0.95, weight_decay = 0.0, max_grad_norm = 1.0, final_ratio = 0.0;
  uint64_t warmup_steps = 0;
  std::string schedule = Spelling(v1::SCHEDULE_COSINE);
};

v1::OptimizerConfig OptimizerOf(const SftFlags& flags) {
  v1::OptimizerConfig config;
  config.set_learning_rate(flags.learning_rate);
  config.set_beta1(flags.beta1);
  config.set_beta2(flags.beta2);
  config.set_weight_decay(flags.weight_decay);
  config.set_max_grad_norm(flags.max_grad_norm);
  config.set_warmup_steps(flags.warmup_steps);
  config.set_schedule(*FromSpelling<v1::Schedule>(flags.schedule));  // One of them: the flag is checked.
  config.set_final_learning_rate_ratio(flags.final_ratio);
  return config;
}

absl::StatusOr<std::shared_ptr<ParameterSet>> StartingWeights(const SftFlags& flags, const ModelConfig& config,
                                                              torch::Device device) {
  if (!flags.init_random) return LoadWeights(flags.model, config, device, torch::kFloat32);
  std::shared_ptr<ParameterSet> parameters = ParameterSet::Allocate(config, device, torch::kFloat32);
  InitializeRandomly(*parameters, config, flags.seed);
  return parameters;
}

std::string JsonLine(const SupervisedTrainer::Report& report) {
  return nlohmann::ordered_json{{"step", report.step},
                                {"loss", report.loss},
                                {"grad_norm", report.grad_norm},
                                {"learning_rate", report.learning_rate},
                                {"tokens", report.tokens}}
      .dump();
}

absl::Status RunSft(const SftFlags& flags) {
  if (std::filesystem::exists(flags.output)) {
    return absl::InvalidArgumentError(absl::StrCat("--output ", flags.output, " exists already; name a new folder"));
  }
  torch::set_num_threads(flags.threads);
  MASPO_ASSIGN_OR_RETURN(const torch::Device device, LoadDevice(flags.device));
  MASPO_ASSIGN_OR_RETURN(const ModelConfig config, ModelConfig::Load(flags.model));
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(flags.model));
  MASPO_ASSIGN_OR_RETURN(const std::vector<TrainingGroup> data,
                         LoadSupervisedData(flags.data, *tokenizer, config.max_position_embeddings));
  MASPO_ASSIGN_OR_RETURN(std::shared_ptr<ParameterSet> parameters, StartingWeights(flags, config, device));

  SupervisedTrainer::Options options;
  options.batch_size = flags.batch_size;
  options.shuffle = !flags.no_shuffle;
  options.seed = flags.seed;
  const int64_t steps_per_epoch = (static_cast<int64_t>(data.size()) + flags.batch_size - 1) / flags.batch_size;
  options.steps = flags.steps > 0 ? flags.steps : flags.epochs * steps_per_epoch;
  const v1::OptimizerConfig optimizer_config = OptimizerOf(flags);
  const LearningRateSchedule schedule(optimizer_config, options.steps);

  const std::unique_ptr<Ranks> ranks = Ranks::Alone(device);
  MASPO_ASSIGN_OR_RETURN(ShardedParameters shards, ShardedParameters::Of({.device = device}, config, *parameters));
  ShardedPolicy policy({}, config, &shards, ranks.get());
  AdamW optimizer(optimizer_config, &shards, ranks.get());
  PolicyUpdate update({.micro_batch_tokens = flags.micro_batch_tokens, .min_micro_batches = 1}, &policy, &optimizer,
                      std::make_unique<NegativeLogLikelihood>());
  SupervisedTrainer trainer(options, &update, schedule);
  Progress progress("sft", "steps", static_cast<double>(options.steps));
  const absl::Time start = SteadyNow();
  double tokens = 0;
  MASPO_RETURN_IF_ERROR(trainer.Run(data, [&](const SupervisedTrainer::Report& report) {
    tokens += static_cast<double>(report.tokens);
    if (flags.json) {
      std::cout << JsonLine(report) << std::endl;
      return;
    }
    progress.Update(static_cast<double>(report.step),
                    absl::StrFormat("loss %.4f, gradient norm %.2f, %.0f tokens/s", report.loss, report.grad_norm,
                                    tokens / absl::ToDoubleSeconds(SteadyNow() - start)));
  }));
  for (size_t i = 0; i < shards.buckets().size(); ++i) {  // The only rank's shards are whole buckets.
    torch::Tensor values = parameters->buckets()[i].values;
    values.copy_(shards.buckets()[i].compute.narrow(0, 0, values.numel()));
  }
  return SaveModel(flags.output, flags.model, config, *parameters);
}

}  // namespace

void AddSftCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<SftFlags>();
  CLI::App* app = maspo.add_subcommand("sft", "Supervised fine-tuning on JSON Lines of {prompt | messages, response}");
  app->add_option("--model", flags->model,
                  "Hugging Face folder to start from (with --init-random: config.json and tokenizer)")
      ->type_name("DIR")
      ->required();
  app->add_flag("--init-random", flags->init_random, "Start from random weights instead of the folder's");
  app->add_option("--data", flags->data, "JSON Lines file")->type_name("FILE")->required();
  app->add_option("--output", flags->output, "Folder to write, a complete Hugging Face model")
      ->type_name("DIR")
      ->required();
  app->add_option("--steps", flags->steps, "Optimizer steps; 0 = as many as --epochs needs")->capture_default_str();
  app->add_option("--epochs", flags->epochs, "Passes over the data when --steps is 0")->capture_default_str();
  app->add_option("--batch-size", flags->batch_size, "Sequences a step")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app->add_option("--micro-batch-tokens", flags->micro_batch_tokens, "Tokens of one forward and backward")
      ->capture_default_str();
  app->add_option("--learning-rate", flags->learning_rate, "Peak learning rate")->capture_default_str();
  app->add_option("--warmup-steps", flags->warmup_steps, "Steps of linear warm-up")->capture_default_str();
  app->add_option("--schedule", flags->schedule, "Of the learning rate after the warm-up")
      ->capture_default_str()
      ->check(CLI::IsMember(Spellings<v1::Schedule>()));
  app->add_option("--final-learning-rate-ratio", flags->final_ratio, "Of the peak, reached at the last step")
      ->capture_default_str();
  app->add_option("--beta1", flags->beta1, "AdamW")->capture_default_str();
  app->add_option("--beta2", flags->beta2, "AdamW")->capture_default_str();
  app->add_option("--weight-decay", flags->weight_decay, "AdamW")->capture_default_str();
  app->add_option("--max-grad-norm", flags->max_grad_norm, "Clipping by the global norm; 0 = off")
      ->capture_default_str();
  app->add_flag("--no-shuffle", flags->no_shuffle, "Keep the order of the file");
  app->add_flag("--json", flags->json, "On stdout one JSON object a step, for programs, instead of the progress");
  app->add_option("--seed", flags->seed, "Of the order and of --init-random")->capture_default_str();
  app->add_option("--device", flags->device, "cpu, cuda or cuda:N")->capture_default_str();
  app->add_option("--threads", flags->threads, "Intra-op threads")->capture_default_str()->check(CLI::PositiveNumber);
  app->callback([flags, &run] { run = [flags] { return RunSft(*flags); }; });
}

}  // namespace maspo
