// What can be planted in a server, so that it is known what makes it dearer?
//
// An act is done once per message. Its size says how much of it; what it costs on this machine is
// read by who has it done (planted_echo.cpp), with no help from a tracer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace planted {

class Act {
 public:
  Act() = default;
  Act(const Act&) = delete;
  Act& operator=(const Act&) = delete;
  virtual ~Act() = default;

  // By one thread at a time, unless the act is "none" or "spin".
  virtual void perform() = 0;
};

// The names, each with what its size is: "spin: ns of the clock".
std::vector<std::pair<std::string_view, std::string_view>> acts();

// Starts the act's thread, if it has one. Throws servers::Failure.
std::unique_ptr<Act> make_act(std::string_view name, std::uint64_t size);

}  // namespace planted
