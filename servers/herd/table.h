// Where is each client, and what has a neighbour not been told of it yet?
//
// Every change gets the next number. A neighbour is told whatever has a greater number than what it
// was told last, in that order: so nothing is queued for one that does not read or is not there (it
// gets the newest of each client later), and one that comes back is told everything by starting
// again at 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "herd/message.h"

namespace servers::herd {

class Table {
 public:
  // From whom it was heard: a neighbour's index, or a client.
  static constexpr int kClient = -1;
  struct Record {
    At at;
    int from;
    std::uint64_t number;  // of its change
  };
  // Normal clients take some 700 bytes: these are enough for 100,000.
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

  // Holds the clients with the newest times, of so many bytes in all.
  explicit Table(std::size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Keeps this if it is newer than what is known: true, and it is to be passed on.
  //
  // When memory is full the clients with the oldest times go, and none with such a time is taken in
  // ever again: what was forgotten and is heard once more must not be taken for news, or a flood
  // would go round for ever. All servers come to forget the same ones.
  bool put(At at, int from);

  // Until the next put().
  [[nodiscard]] const Record* find(std::string_view client) const;
  // The first change after this one; none if that was the last.
  [[nodiscard]] const Record* after(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t last_number() const { return last_number_; }
  [[nodiscard]] std::size_t clients() const { return records_.size(); }

 private:
  // By client.
  using Records = std::map<std::string, Record, std::less<>>;
  struct Older {
    bool operator()(const Record* a, const Record* b) const {
      const auto order = compare_decimals(a->at.time(), b->at.time());
      return std::is_neq(order) ? std::is_lt(order) : a->number < b->number;
    }
  };

  void link(Records::iterator entry);
  void unlink(Records::iterator entry);
  [[nodiscard]] static std::size_t cost(const Record& record);

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
  Records records_;
  std::map<std::uint64_t, Records::iterator> changes_;
  std::set<const Record*, Older> by_age_;
  std::optional<std::string> forgotten_;  // the newest time of those that were
};

// What is there to tell one neighbour?
class Feed {
 public:
  Feed(const Table& table, int neighbour) : table_(table), neighbour_(neighbour) {}

  // Its link has come up: it may know nothing, not even what it once said itself.
  void begin() {
    told_ = 0;
    begun_at_ = table_.last_number();
  }
  // The next line to be told, which now counts as told; none until the table changes.
  [[nodiscard]] const At* next();

 private:
  const Table& table_;
  int neighbour_;
  std::uint64_t told_ = 0;
  std::uint64_t begun_at_ = 0;
};

}  // namespace servers::herd
