// objective_goldens DIR: checks every reference case of schema objectives/1 in DIR whose objective is implemented.
// Prints one line a case and "N passed, N failed, N unknown"; exits 0 when none failed, 1 when one did, 2 when DIR
// cannot be read.
#include <cstdio>
#include <iostream>
#include <string>

#include "tests/goldens/golden_runner.h"

int main(int argc, char** argv) {
  const std::string argument = argc == 2 ? argv[1] : "";
  if (argc != 2 || argument == "--help" || argument == "-h") {
    std::fprintf(argc == 2 ? stdout : stderr,
                 "usage: objective_goldens DIR\nChecks the objectives against the reference cases (JSON of schema "
                 "objectives/1) in DIR.\n");
    return argc == 2 ? 0 : 2;
  }
  const absl::StatusOr<maspo::GoldenTally> tally = maspo::RunGoldens(argument, std::cout);
  if (!tally.ok()) {
    std::fprintf(stderr, "objective_goldens: %s\n", std::string(tally.status().message()).c_str());
    return 2;
  }
  return tally->failed == 0 ? 0 : 1;
}
