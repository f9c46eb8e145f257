#include "load/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "util/text.h"

namespace tr::load {
namespace {

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

// The longest first: format_duration takes the first that divides.
constexpr std::array kTimeUnits = {
    Unit{"h", 3'600'000'000'000}, Unit{"m", 60'000'000'000}, Unit{"s", 1'000'000'000},
    Unit{"ms", 1'000'000},        Unit{"us", 1'000},         Unit{"ns", 1},
};
constexpr std::array kSizeUnits = {
    Unit{"B", 1},         Unit{"K", 1 << 10}, Unit{"KiB", 1 << 10}, Unit{"M", 1 << 20},
    Unit{"MiB", 1 << 20}, Unit{"G", 1 << 30}, Unit{"GiB", 1 << 30},
};
constexpr double kLongest = 365.0 * 24 * 3600 * 1e9;

// A decimal number at the start of the text, and what follows it. from_chars also reads "inf",
// "nan" and signs, which are no quantities.
std::optional<std::pair<double, std::string_view>> leading_number(std::string_view text) {
  if (text.empty() || ((text[0] < '0' || text[0] > '9') && text[0] != '.')) return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{}) return std::nullopt;
  return std::pair(value, text.substr(static_cast<std::size_t>(end - text.data())));
}

template <std::size_t N>
std::optional<std::uint64_t> factor_of(const std::array<Unit, N>& units, std::string_view suffix) {
  for (const Unit& unit : units)
    if (unit.suffix == suffix) return unit.factor;
  return std::nullopt;
}

}  // namespace

Result<std::uint64_t> parse_duration(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return usage_error(fmt::format("\"{}\" is {}", text, why), "write it as 10, 10s, 500ms or 2m");
  };
  const auto number = leading_number(text);
  if (!number) return bad("not a duration");
  const auto [value, suffix] = *number;
  const auto factor = factor_of(kTimeUnits, suffix.empty() ? "s" : suffix);
  if (!factor) return bad("not a duration");
  const double ns = value * static_cast<double>(*factor);
  if (ns > kLongest) return bad("longer than a year");
  return static_cast<std::uint64_t>(std::llround(ns));
}

std::string format_duration(std::uint64_t ns) {
  if (ns == 0) return "0s";
  for (const Unit& unit : kTimeUnits)
    if (ns % unit.factor == 0) return fmt::format("{}{}", ns / unit.factor, unit.suffix);
  return fmt::format("{}ns", ns);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto bad = [&] {
    return usage_error(fmt::format("\"{}\" is not a size", text), "write it as 64, 1KiB or 1M");
  };
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto value = parse_u64(text.substr(0, digits));
  const std::string_view suffix = text.substr(digits);
  const auto factor = factor_of(kSizeUnits, suffix.empty() ? "B" : suffix);
  if (!value || !factor || *value > UINT64_MAX / *factor) return bad();
  return *value * *factor;
}

Result<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most) {
  const auto value = parse_u64(text);
  if (!value || *value < least || *value > most)
    return usage_error(
        fmt::format("\"{}\" is not a whole number from {} to {}", text, least, most));
  return *value;
}

Result<double> parse_rate(std::string_view text) {
  const auto number = leading_number(text);
  if (!number || !number->second.empty() || number->first <= 0 || number->first > 1e9)
    return usage_error(fmt::format("\"{}\" is not a number of messages per second", text),
                       "write it as 5000");
  return number->first;
}

}  // namespace tr::load
