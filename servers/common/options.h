// What did the user ask for on the command line?
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "models/model.h"

namespace servers {

struct Options {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one; set by parse_options
  int backlog = 0;         // set by parse_options
  std::chrono::milliseconds grace{2000};
};

// Also fills in the model's and the protocol's own options. Where the process should end at once
// instead (--help, or wrong usage, about which the user has been told), sets exit_code and returns
// nothing.
[[nodiscard]] std::optional<Options> parse_options(int argc, char** argv, const std::string& name,
                                                   Model& model, Protocol& protocol,
                                                   int& exit_code);

}  // namespace servers
