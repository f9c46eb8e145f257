// Which way did the messages take through the server, and what did each leg of it take?
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "snapshot/bucket_list.h"

namespace tr {

// A leg of the way, by its name in kLegNames of capture/collect_message_path.cpp.
struct PathLeg {
  std::string name;
  BucketList times;  // in kKernelBuckets; messages that spent no time on it are left out

  friend bool operator==(const PathLeg&, const PathLeg&) = default;
};

// The messages whose whole way took times in one bucket.
struct PathBucket {
  std::uint64_t bucket = 0;  // in kKernelBuckets
  std::uint64_t messages = 0;
  std::map<std::string, std::uint64_t> legs_ns;  // summed over them; legs of 0 are left out

  friend bool operator==(const PathBucket&, const PathBucket&) = default;
};

// Of the messages whose answers left inside the window.
struct MessagePath {
  // All are of this size, and told apart by their place in the stream. 0: a message is what came in
  // between two answers.
  std::uint64_t message_size = 0;
  std::vector<PathLeg> legs;                   // all, in the order in which they are taken
  std::vector<PathBucket> buckets;             // ascending
  std::map<std::string, std::uint64_t> notes;  // what is not as it should be; every one, also at 0

  friend bool operator==(const MessagePath&, const MessagePath&) = default;
};

}  // namespace tr
