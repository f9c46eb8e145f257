#include "commands/command.h"

#include <cstdio>
#include <string>

#include <fmt/format.h>

#include "util/text.h"

namespace tr::commands {

int report(const Error& error) {
  fmt::print(stderr, "trace-run: {}\n", error.text());
  return static_cast<int>(error.failure);
}

Status print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return errno_error("write to", "standard output");
  return {};
}

std::string wrapped(std::string lead, std::string_view text, std::size_t width) {
  const std::size_t indent = lead.size();
  std::string lines = std::move(lead);
  std::size_t column = indent;
  for (const std::string_view word : split(text, ' ')) {
    if (column > indent && column + 1 + word.size() > width) {
      lines += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
  }
  return lines + '\n';
}

}  // namespace tr::commands
