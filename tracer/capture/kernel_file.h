// What does this small file under /proc or /sys say?
//
// Everything here takes the directory that stands for "/", so that tests can put a tree of their
// own in its place and assert exact values; "" is the machine itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tr::capture {

// The file's content without surrounding white space; nullopt when it is absent or unreadable.
std::optional<std::string> kernel_text(const std::string& root, std::string_view path);

// The file's content as one decimal number; nullopt also when it is none.
std::optional<std::int64_t> kernel_number(const std::string& root, std::string_view path);

// The value in the first line "KEY: value" of a file such as /proc/cpuinfo or /proc/self/status,
// without surrounding white space. A view into `content`.
std::optional<std::string_view> field_of(std::string_view content, std::string_view key);

}  // namespace tr::capture
