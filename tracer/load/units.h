// What does a user mean by "10s", "500ms" or "1KiB"?
//
// Every error is one of usage and says how to write the value; the caller adds the option's name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "util/result.h"

namespace tr::load {

// "10" (seconds), "1.5s", "500ms", "20us", "100ns", "2m", "1h" -> nanoseconds; at most 365 days.
Result<std::uint64_t> parse_duration(std::string_view text);

// The shortest text that parse_duration reads back to exactly this: "10s", "1500ms".
std::string format_duration(std::uint64_t ns);

// "64", "64B", "1K" = "1KiB" = 1024, "1M" = "1MiB", "1G" = "1GiB" -> bytes.
Result<std::uint64_t> parse_size(std::string_view text);

// A whole number between two bounds, both allowed.
Result<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most);

// Messages per second: above 0, at most 1e9 (one per nanosecond), fractions allowed.
Result<double> parse_rate(std::string_view text);

}  // namespace tr::load
