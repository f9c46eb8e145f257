#include "capture/kernel_file.h"

#include <charconv>

#include "util/text.h"

namespace tr::capture {

std::optional<std::string> kernel_text(const std::string& root, std::string_view path) {
  const auto content = read_file(root + std::string(path));
  if (!content) return std::nullopt;
  return std::string(trim(*content));
}

std::optional<std::int64_t> kernel_number(const std::string& root, std::string_view path) {
  const auto text = kernel_text(root, path);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

std::optional<std::string_view> field_of(std::string_view content, std::string_view key) {
  for (const std::string_view line : split(content, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && trim(line.substr(0, colon)) == key)
      return trim(line.substr(colon + 1));
  }
  return std::nullopt;
}

}  // namespace tr::capture
