// Who is running? All of the herd, each server and Places a process of its own; or one of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "herd/config.h"
#include "herd/server.h"

namespace servers::herd {

struct Settings {
  std::uint16_t port = 0;  // of the first server of the built-in herd
  int backlog = 0;
  std::chrono::milliseconds grace{2000};
  Limits limits;
};

// Starts all, and goes on with those that are left when one dies, until a signal has come and all
// have ended: the exit code. `ports` says whether the config has any: else the servers get
// settings.port and those that follow (any five in a row if it is 0), and Places any. Throws
// Failure.
int run_all(Config config, bool ports, const Settings& settings);

// Is one of them, or Places, until a signal has come. Throws Failure.
int run_one(const Config& config, std::string_view name, const Settings& settings);

}  // namespace servers::herd
