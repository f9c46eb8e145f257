#include "run_hops.h"

#include <string>

namespace tr::golden {
namespace {

HopTime about(const std::string& name, std::uint64_t ns, std::uint64_t count) {
  Histogram values(kKernelBuckets);
  values.record(ns * 7, count / 50);
  values.record(ns * 2, count / 8);
  values.record(ns, count - count / 50 - count / 8);
  return {name, values.sum(), values.buckets()};
}

MessageHop hop(std::uint64_t received, std::uint64_t whole_ns, std::uint64_t since_ns) {
  MessageHop hop{.sent = received + 2, .received = received, .times = {}};
  hop.times = {about("transit", whole_ns / 4, received),
               about("unread", whole_ns - whole_ns / 4, received),
               about("whole", whole_ns, received)};
  hop.times.push_back(since_ns == 0 ? HopTime{"since_client", 0, {}}
                                    : about("since_client", since_ns, received));
  return hop;
}

}  // namespace

MessageHops some_hops(std::uint64_t messages) {
  MessageHops hops;
  hops.hops = {hop(2 * messages, 31'000, 52'000), hop(3 * messages, 44'000, 117'000),
               hop(messages / 4, 48'000, 160'000)};
  hops.uncertain = hop(messages / 10, 61'000, 0);
  hops.spread = about("spread", 131'000, messages - messages / 20);
  hops.notes = {{"for_nobody", 8}, {"doubtful", messages / 20},
                {"no_room", 3},    {"no_memory", 0},
                {"no_send", 0},    {"unknown", 3},
                {"late", 0}};
  return hops;
}

}  // namespace tr::golden
