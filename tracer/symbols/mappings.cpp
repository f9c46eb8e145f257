#include "symbols/mappings.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "util/text.h"

namespace tr::symbols {
namespace {

constexpr std::size_t kMostMappings = 1 << 18;  // vm.max_map_count is 65530 by default

std::optional<std::uint64_t> take_hex(std::string_view& text, char end) {
  std::uint64_t value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || at == text.data() + text.size() || *at != end) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(at - text.data()) + 1);
  return value;
}

std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

// "7f01c000-7f02d000 r-xp 00002000 fe:00 131    /usr/lib/libc.so.6"
std::optional<Mapping> parse_line(std::string_view line) {
  Mapping mapping;
  const auto start = take_hex(line, '-');
  const auto end = start ? take_hex(line, ' ') : std::nullopt;
  if (!end || *end <= *start) return std::nullopt;
  const std::string_view rights = take_word(line);
  const auto offset = take_hex(line, ' ');
  if (!offset || rights.size() != 4) return std::nullopt;
  mapping.start = *start;
  mapping.end = *end;
  mapping.offset = *offset;
  mapping.executable = rights[2] == 'x';
  mapping.device = take_word(line);
  const auto inode = parse_u64(take_word(line));
  if (!inode) return std::nullopt;
  mapping.inode = *inode;
  mapping.path = trim(line);
  return mapping;
}

}  // namespace

Mappings parse_mappings(std::string_view maps) {
  Mappings mappings;
  while (!maps.empty() && mappings.size() < kMostMappings) {
    const std::size_t end = std::min(maps.find('\n'), maps.size());
    if (auto mapping = parse_line(maps.substr(0, end))) mappings.push_back(*std::move(mapping));
    maps.remove_prefix(std::min(end + 1, maps.size()));
  }
  std::ranges::sort(mappings, {}, &Mapping::start);
  return mappings;
}

Mappings merge(Mappings now, const Mappings& before) {
  Mappings all = now;
  const auto keep = [&all](Mapping part, std::uint64_t start, std::uint64_t end) {
    if (start >= end || all.size() >= kMostMappings) return;
    part.offset += start - part.start;
    part.start = start;
    part.end = end;
    all.push_back(std::move(part));
  };
  for (const Mapping& old : before) {
    std::uint64_t free_from = old.start;
    auto taken = std::ranges::upper_bound(now, old.start, {}, &Mapping::start);
    if (taken != now.begin()) --taken;
    for (; taken != now.end() && taken->start < old.end; ++taken) {
      keep(old, free_from, taken->start);
      free_from = std::max(free_from, taken->end);
    }
    keep(old, free_from, old.end);
  }
  std::ranges::sort(all, {}, &Mapping::start);
  return all;
}

const Mapping* find(const Mappings& mappings, std::uint64_t address) {
  const auto next = std::ranges::upper_bound(mappings, address, {}, &Mapping::start);
  if (next == mappings.begin()) return nullptr;
  const Mapping& mapping = *std::prev(next);
  return mapping.contains(address) ? &mapping : nullptr;
}

}  // namespace tr::symbols
