#include "learner/ledger/ledger.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

std::string Table(const LedgerCounts& counts) {
  std::string table;
  const auto line = [&table](const std::string& name, uint64_t groups) {
    absl::StrAppendFormat(&table, "%-16s %10d\n", name, groups);
  };
  line("issued", counts.issued);
  line("  issued again", counts.reissued);
  line("generated", counts.generated);
  line("scored", counts.scored);
  line("admitted", counts.admitted);
  line("trained", counts.trained);
  line("dropped", counts.dropped());
  for (const auto& [reason, groups] : counts.dropped_by_reason) line("  " + reason, groups);
  line("open", counts.open);
  return table;
}

std::string Json(const LedgerFile& file, bool balanced) {
  const LedgerCounts& counts = file.state.counts();
  return nlohmann::ordered_json{{"issued", counts.issued},       {"reissued", counts.reissued},
                                {"generated", counts.generated}, {"scored", counts.scored},
                                {"admitted", counts.admitted},   {"trained", counts.trained},
                                {"dropped", counts.dropped()},   {"dropped_by_reason", counts.dropped_by_reason},
                                {"open", counts.open},           {"last_trained_step", file.state.last_trained_step()},
                                {"torn_bytes", file.torn_bytes}, {"balanced", balanced}}
      .dump();
}

absl::Status PrintLedger(const std::string& run_dir, bool json) {
  const std::string path = run_dir + "/ledger.jsonl";
  if (!std::filesystem::exists(path)) {
    return absl::NotFoundError(absl::StrCat(run_dir,
                                            " holds no ledger.jsonl: name the folder that maspo train was given "
                                            "as --run-dir"));
  }
  MASPO_ASSIGN_OR_RETURN(const LedgerFile file, ReadLedger(path));
  if (json) {
    const absl::Status balance = file.state.CheckBalance();
    std::puts(Json(file, balance.ok()).c_str());
    return balance;
  }
  std::fputs(Table(file.state.counts()).c_str(), stdout);
  if (file.torn_bytes > 0)
    std::printf("(%d bytes of an unfinished event at the end are not counted)\n", static_cast<int>(file.torn_bytes));
  MASPO_RETURN_IF_ERROR(file.state.CheckBalance());
  std::puts("balanced: issued = trained + dropped + open");
  return absl::OkStatus();
}

}  // namespace

void AddLedgerCommand(CLI::App& maspo, CommandBody& run) {
  CLI::App* command = maspo.add_subcommand(
      "ledger", "Print what became of every prompt group of a run; fails unless the counts balance");
  struct Flags {
    std::string run_dir;
    bool json = false;
  };
  const auto flags = std::make_shared<Flags>();
  command->add_option("RUN_DIR", flags->run_dir, "Folder of a run, finished or going on")->type_name("DIR")->required();
  command->add_flag("--json", flags->json, "One JSON object instead of the table");
  command->callback([flags, &run] { run = [flags] { return PrintLedger(flags->run_dir, flags->json); }; });
}

}  // namespace maspo
