#include "herd/table.h"

namespace servers::herd {

bool Table::put(At at, int from) {
  auto entry = records_.find(at.client());
  if (entry != records_.end()) {
    if (!at.newer_than(entry->second.at)) return false;
    unlink(entry);
    entry->second = {.at = std::move(at), .from = from, .number = ++last_number_};
  } else {
    if (forgotten_ && std::is_lteq(compare_decimals(at.time(), *forgotten_))) return false;
    std::string client(at.client());
    entry = records_
                .emplace(std::move(client),
                         Record{.at = std::move(at), .from = from, .number = ++last_number_})
                .first;
  }
  link(entry);
  const std::uint64_t number = last_number_;
  bool kept = true;
  while (bytes_ > max_bytes_) {
    const Record& oldest = **by_age_.begin();
    kept = kept && oldest.number != number;
    forgotten_ = oldest.at.time();
    const auto forgotten = changes_.at(oldest.number);
    unlink(forgotten);
    records_.erase(forgotten);
  }
  return kept;
}

const Table::Record* Table::find(std::string_view client) const {
  const auto entry = records_.find(client);
  return entry == records_.end() ? nullptr : &entry->second;
}

const Table::Record* Table::after(std::uint64_t number) const {
  const auto change = changes_.upper_bound(number);
  return change == changes_.end() ? nullptr : &change->second->second;
}

void Table::link(Records::iterator entry) {
  changes_.emplace_hint(changes_.end(), entry->second.number, entry);
  by_age_.insert(&entry->second);
  bytes_ += cost(entry->second);
}

void Table::unlink(Records::iterator entry) {
  changes_.erase(entry->second.number);
  by_age_.erase(&entry->second);
  bytes_ -= cost(entry->second);
}

std::size_t Table::cost(const Record& record) {
  // The nodes of three trees, and the heap's own share.
  constexpr std::size_t kNodes = 400;
  return record.at.line().size() + record.at.client().size() + kNodes;
}

const At* Feed::next() {
  while (const Table::Record* const record = table_.after(told_)) {
    told_ = record->number;
    // Who told us knows, unless that was in another life.
    if (record->from != neighbour_ || record->number <= begun_at_) return &record->at;
  }
  return nullptr;
}

}  // namespace servers::herd
