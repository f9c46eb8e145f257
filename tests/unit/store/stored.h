// A folder for a store, and runs to put into it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "store/store.h"

namespace tr::store {

// `calls` system calls of different names: of a size that can be chosen.
inline Snapshot run_of(const std::string& server, int calls = 50) {
  Snapshot run;
  run.environment.tool_version = "0.1.0";
  run.environment.date = "2026-11-21T10:32:00Z";
  run.environment.kernel = "6.18.0";
  run.config.server = server;
  run.window_close_ns = 1'000'000'000;
  // Numbers that do not compress to nothing.
  std::uint64_t random = 88'172'645'463'325'252;
  for (int i = 0; i < calls; ++i) {
    SyscallStats& call = run.total.syscalls.emplace_back();
    call.number = i;
    call.name = "call" + std::to_string(i);
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    call.calls = random;
  }
  return run;
}

class StoreFolder : public testing::Test {
 protected:
  StoreFolder() {
    // In memory where that is to be had: a disk makes each transaction wait.
    for (std::string pattern : {std::string("/dev/shm/"), testing::TempDir()}) {
      pattern += "store_test.XXXXXX";
      if (mkdtemp(pattern.data()) == nullptr) continue;
      folder_ = pattern;
      return;
    }
    std::abort();
  }
  ~StoreFolder() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  [[nodiscard]] std::string path() const { return folder_ + "/runs.db"; }

  [[nodiscard]] Store open(Access access = Access::kWrite) const {
    auto store = Store::open(path(), access);
    if (!store) throw std::runtime_error(store.error().text());
    return *std::move(store);
  }

  // The number of a run that is added.
  static RunId add(Store& store, const std::string& server, std::optional<RunId> group = {},
                   std::uint64_t limit_bytes = kNoLimit) {
    const Snapshot run = run_of(server);
    const auto added = store.add({.snapshot = run,
                                  .configuration = {},
                                  .messages_per_second = {},
                                  .cpu_ns_per_message = {},
                                  .verdict = {},
                                  .group = group},
                                 limit_bytes);
    if (!added) throw std::runtime_error(added.error().text());
    return added->id;
  }

  static std::vector<RunId> ids(const Result<std::vector<RunRecord>>& runs) {
    std::vector<RunId> numbers;
    if (!runs) throw std::runtime_error(runs.error().text());
    for (const RunRecord& run : *runs)
      numbers.push_back(run.id);
    return numbers;
  }

  // Of what has failed, as it must.
  template <class Outcome>
  static std::string why(const Outcome& outcome) {
    return outcome.ok() ? "it did not fail" : outcome.error().text();
  }

  [[nodiscard]] std::string content() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(std::string_view content) const { std::ofstream(path(), std::ios::binary) << content; }

  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }

 private:
  std::string folder_;
};

}  // namespace tr::store
