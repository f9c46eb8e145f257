// What did servers of the tree tell each other because of clients' messages, and how long did it
// take to get there?
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "snapshot/bucket_list.h"

namespace tr {

// One distribution, by its name in kTimeNames of capture/collect_message_hops.cpp.
struct HopTime {
  std::string name;
  std::uint64_t ns = 0;  // summed
  BucketList times;      // in kKernelBuckets

  friend bool operator==(const HopTime&, const HopTime&) = default;
};

// What was sent and received so many connections away from the client's.
struct MessageHop {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::vector<HopTime> times;  // of what was received

  friend bool operator==(const MessageHop&, const MessageHop&) = default;
};

// Inside the window, where servers of the tree are connected with each other.
struct MessageHops {
  std::vector<MessageHop> hops;  // from the first on; deeper ones than the last are part of it
  MessageHop uncertain;          // sent for one of several messages, or because of what was
  // From the arrival of a client's message until the last receive of what was sent because of it,
  // of each message of which something was, if all of that is certain.
  HopTime spread;
  std::map<std::string, std::uint64_t> notes;  // what is not as it should be; every one, also at 0

  friend bool operator==(const MessageHops&, const MessageHops&) = default;
};

}  // namespace tr
