// Small text helpers that more than one room needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace tr {

// The parts of `text` between separators; an empty text has one empty part. Views into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

// `text` without leading and trailing white space.
std::string_view trim(std::string_view text);

// A whole decimal number, nothing before or after it; nullopt otherwise.
std::optional<std::uint64_t> parse_u64(std::string_view text);

// The whole content of a file (also of /proc and /sys files, whose size is not known beforehand).
Result<std::string> read_file(const std::string& path);

// Writes the whole content, or nothing: to a temporary file beside it, then renames it into place.
Status write_file(const std::string& path, std::string_view content);

// Whether write_file() could begin to write there now; leaves the file as it is.
Status check_writable(const std::string& path);

}  // namespace tr
