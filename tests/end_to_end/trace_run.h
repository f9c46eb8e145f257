// What every end-to-end test stands on: trace-run, a folder for its files, and the certainty that
// nothing is left behind.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "command.h"

namespace tr::end_to_end {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

// `trace-run` with these arguments.
Words trace_run(Words arguments);

// The words of a short run, then more words.
Words short_run(Words more);

// Of a command that has ended.
struct Ended {
  int code = 0;  // or minus the signal
  std::string out;
  std::string err;
};

Ended run(Words argv, const Command::Setup& setup = {});

// A machine may be so busy that nothing is answered in a short window: then there is nothing to
// tell, and that is said.
bool nothing_answered(const Ended& ended);

Json read_json(const std::string& file);

// Becomes nobody, without any privilege.
void drop_privileges();

// One line, as errors are to be: MATCHER must hold for it.
MATCHER_P(OneLine, matcher, "") {
  const bool one =
      !arg.empty() && arg.back() == '\n' && std::count(arg.begin(), arg.end(), '\n') == 1;
  return one && testing::ExplainMatchResult(matcher, arg, result_listener);
}

// For what needs no privilege. After each test, nothing that was started may still run.
class WithoutPrivilege : public testing::Test {
 protected:
  WithoutPrivilege();
  ~WithoutPrivilege() override;
  void TearDown() override;

  // A file in this test's own folder. Runs are stored in data/trace-run/runs.db.
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }

  // Processes that this test has started, directly or not.
  [[nodiscard]] std::vector<pid_t> started() const;

 private:
  std::filesystem::path folder_;
  std::string mark_;  // in the environment of whatever is started
};

// Skips, visibly, where trace-run may not trace.
class EndToEnd : public WithoutPrivilege {
 protected:
  void SetUp() override;

  // Runs trace-run, which must succeed; its JSON report.
  Json measure(const Words& arguments);
};

// Expects what must hold in every report: each nanosecond of each thread's life in exactly one
// state, nothing lost, and sums that are the sums of their parts.
void expect_sound(const Json& report);

// How often a call was made; 0 if never.
std::uint64_t calls(const Json& report, const std::string& name);

}  // namespace tr::end_to_end
