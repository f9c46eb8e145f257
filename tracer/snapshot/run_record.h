// What is known of a stored run without reading all of it: what lists show and selectors find.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tr {

using RunId = std::int64_t;  // from 1 on, never given again

struct RunRecord {
  RunId id = 0;
  // The id of the first run of its group: the repeats of one command share a group.
  RunId group = 0;
  std::string date;           // when it was measured: UTC, ISO 8601
  std::string server;         // as the user named it, without "servers/"
  std::string configuration;  // load, connections, size, pin, for people
  std::string tool_version;
  std::string kernel;
  std::optional<double> messages_per_second;
  std::optional<double> cpu_ns_per_message;
  std::optional<std::string> verdict;  // why it is not fit to be compared; absent: nothing is known
  std::vector<std::string> tags;       // by name
  std::uint64_t stored_bytes = 0;      // what it takes in the store

  friend bool operator==(const RunRecord&, const RunRecord&) = default;
};

}  // namespace tr
