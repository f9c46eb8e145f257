// How is a figure written for people: which unit, how many digits, which separators?
//
// Three significant digits, thousands separated by commas, ASCII only. None of these depends on the
// locale. A value that is not 0 is never written as 0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tr::report {

// 1523400 -> "1,523,400".
std::string count_text(std::uint64_t count);

// A whole number that is kept as a double: 1523400.0 -> "1,523,400".
std::string whole_text(double number);

// A number without a unit: 0 -> "0", 0.0004 -> "<0.001", 0.0123 -> "0.012", 2 -> "2.00",
// 152340.4 -> "152,340".
std::string number_text(double number);

// Nanoseconds: 107 -> "107 ns", 6312 -> "6.31 us", 1.5e9 -> "1.50 s", 200e9 -> "3 min 20 s".
std::string duration_text(double ns);

// Nanoseconds in the unit that `like_ns` is written in, so that the parts of a time can be compared
// with the whole at a glance: 750 beside 6450 -> "0.750 us".
std::string duration_text(double ns, double like_ns);

// Bytes: 64 -> "64 B", 65536 -> "64.0 KiB".
std::string bytes_text(double bytes);

// A share of 1: 0.0312 -> "3.1 %", 0.62 -> "62 %", 0.00001 -> "<0.01 %".
std::string percent_text(double share);

// Text from outside (names of threads, arguments) without what would steer a terminal: control
// characters and broken UTF-8 become '?'.
std::string printable(std::string_view text);

// "a, b, c".
std::string joined(const std::vector<std::string>& parts, std::string_view separator = ", ");

// How many characters a UTF-8 text has.
std::size_t width_of(std::string_view text);

}  // namespace tr::report
