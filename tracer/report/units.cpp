#include "report/units.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

namespace tr::report {
namespace {

// Puts commas between groups of three digits of a whole number.
std::string grouped(std::string digits) {
  const std::size_t first = digits.front() == '-' ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3; at -= 3)
    digits.insert(at - 3, 1, ',');
  return digits;
}

// Three significant digits of a number of at least 0.995.
std::string three_digits(double number) {
  // The limits are where rounding would add a digit.
  if (number < 9.995) return fmt::format("{:.2f}", number);
  if (number < 99.95) return fmt::format("{:.1f}", number);
  return grouped(fmt::format("{:.0f}", number));
}

struct TimeUnit {
  double ns;
  std::string_view name;
};

// The largest in which the time is at least 1, as it is rounded.
TimeUnit unit_of(double ns) {
  constexpr std::array<TimeUnit, 3> kSmall{{{1, "ns"}, {1e3, "us"}, {1e6, "ms"}}};
  for (const TimeUnit& unit : kSmall)
    if (ns / unit.ns < 999.5) return unit;
  return {1e9, "s"};
}

constexpr double kLongestInSeconds = 119.5;

std::string long_duration(double seconds) {
  const double whole = std::round(seconds);
  const double minutes = std::floor(whole / 60);
  if (minutes < 60) return fmt::format("{:.0f} min {:.0f} s", minutes, whole - 60 * minutes);
  const double hours = std::floor(minutes / 60);
  return fmt::format("{} h {:.0f} min", grouped(fmt::format("{:.0f}", hours)),
                     minutes - 60 * hours);
}

// How many bytes the UTF-8 character at the beginning of `text` takes; 0 when it is none that may
// be shown. See RFC 3629, 4; overlong forms and surrogates are let through, which steers nothing.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  const std::size_t length = lead >= 0xf8   ? 0
                             : lead >= 0xf0 ? 4
                             : lead >= 0xe0 ? 3
                             : lead >= 0xc0 ? 2
                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  // U+0080 to U+009F are control characters too.
  if (lead == 0xc2 && byte(1) < 0xa0) return 0;
  return length;
}

}  // namespace

std::string count_text(std::uint64_t count) {
  return grouped(fmt::format("{}", count));
}

std::string whole_text(double number) {
  return grouped(fmt::format("{:.0f}", number));
}

std::string number_text(double number) {
  if (number < 0) return "-" + number_text(-number);
  if (number == 0) return "0";
  if (number < 0.001) return "<0.001";
  if (number < 0.9995) return fmt::format("{:.3f}", number);
  return three_digits(number);
}

std::string duration_text(double ns) {
  if (ns < 0) return "-" + duration_text(-ns);
  if (ns == 0) return "0 ns";
  if (ns < 0.01) return "<0.01 ns";
  const TimeUnit unit = unit_of(ns);
  const double value = ns / unit.ns;
  if (unit.name == "s" && value >= kLongestInSeconds) return long_duration(value);
  return fmt::format("{} {}", three_digits(value), unit.name);
}

std::string duration_text(double ns, double like_ns) {
  const TimeUnit unit = unit_of(like_ns);
  return fmt::format("{} {}", number_text(ns / unit.ns), unit.name);
}

std::string bytes_text(double bytes) {
  if (bytes < 1024) {
    const bool whole = bytes == std::floor(bytes);
    return (whole ? fmt::format("{:.0f}", bytes) : number_text(bytes)) + " B";
  }
  constexpr std::array<std::string_view, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
  double value = bytes / 1024;
  for (const std::string_view unit : kUnits) {
    if (value < 1023.5 || unit == kUnits.back())
      return fmt::format("{} {}", number_text(value), unit);
    value /= 1024;
  }
  return {};
}

std::string percent_text(double share) {
  const double percent = share * 100;
  if (percent < 0) return "-" + percent_text(-share);
  if (percent == 0) return "0 %";
  if (percent < 0.01) return "<0.01 %";
  if (percent < 0.995) return fmt::format("{:.2f} %", percent);
  if (percent < 9.95) return fmt::format("{:.1f} %", percent);
  return whole_text(percent) + " %";
}

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0)
      shown += '?';
    else
      shown += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return shown;
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::size_t width_of(std::string_view text) {
  std::size_t characters = 0;
  for (const char byte : text)
    if ((static_cast<unsigned char>(byte) & 0xc0U) != 0x80) ++characters;
  return characters;
}

}  // namespace tr::report
