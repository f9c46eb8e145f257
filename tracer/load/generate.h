// What does the server do under this load?
//
// The whole of one run: limits, connections, warm-up, window, drain. Everything the load generator
// does on its own; who started it is told about the window and may end it early through hooks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "load/protocol.h"
#include "load/settings.h"
#include "load/window.h"
#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::load {

// Something that may end the run before its time.
struct Stop {
  int fd;  // readable, or its other end closed: now
  // Asked then: the CLOCK_MONOTONIC time at which the window is to close, by now or soon.
  std::function<std::uint64_t()> close_ns;
};

struct Hooks {
  // Called once when all connections are established, before the window opens; an error ends the
  // run with it. May be empty.
  std::function<Status(const Window&)> window_planned;
  // Called when the window, if it ever opened, has closed and what was under way is answered, with
  // the connections still open; an error ends the run with it. May be empty.
  std::function<Status()> window_over;
  std::vector<Stop> stops;
  std::string root;  // where /proc is; "": here
};

// How a run went, as far as there was something to measure.
struct Outcome {
  Window window;             // as it was in the end
  bool interrupted = false;  // closed early through a Stop
  LoadResult result;
  AnswerBins after;  // Settings::after_ns: answers from the window's close on
};

// Runs the load to its end. The calling thread and those it starts are pinned to settings.pin; they
// should block the signals that a Stop watches. An error when nothing was measured: no connection,
// a limit, all connections broken or a stop before the window opened. Otherwise an outcome, which
// check() judges.
Result<Outcome> generate(const Settings& settings, const Protocol& protocol, const Hooks& hooks);

// Whether the result may be used: an error for a wrong answer, for the loss of all connections and
// when no answer came at all. `target` names the server in the text.
Status check(const LoadResult& result, const std::string& target);

}  // namespace tr::load
