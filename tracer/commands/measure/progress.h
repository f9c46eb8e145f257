// What is trace-run doing just now? One line that is rewritten, on a terminal only.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace tr::commands {

class Progress {
 public:
  // Silent unless `enabled` and stderr is a terminal.
  explicit Progress(bool enabled);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Clears the line.
  ~Progress() { clear(); }

  // What stands before all that is shown from now on: "run 3 of 10: ".
  void lead(std::string text) { lead_ = std::move(text); }
  void show(const std::string& text);
  // The same, with how much of an interval has passed; all in CLOCK_MONOTONIC ns. An end of
  // UINT64_MAX is open.
  void show_passing(const std::string& text, std::uint64_t from, std::uint64_t to);
  void clear();

 private:
  bool enabled_;
  bool shown_ = false;
  std::string lead_;
};

}  // namespace tr::commands
