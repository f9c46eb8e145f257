// What did the doctor find about one thing?
#pragma once

#include <string>

namespace tr::capture {

enum class Standing {
  kOk,
  kLimited,  // trace-run works, with less
  kMissing,  // what needs it does not work
};

struct Finding {
  std::string id;       // stable, for programs: "tracepoint.sched_switch"
  std::string subject;  // for people: "tracepoint sched_switch"
  Standing standing = Standing::kOk;
  std::string value;      // as found: "5.10.0-28-amd64"
  std::string meaning;    // for what it is needed, or what is lost
  std::string remedy;     // what to do about it; empty when there is nothing to do
  bool required = false;  // when missing, servers cannot be traced at all
};

}  // namespace tr::capture
