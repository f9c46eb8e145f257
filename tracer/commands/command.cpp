#include "commands/command.h"

#include <cstdio>
#include <string>

#include <fmt/format.h>

namespace tr::commands {

int report(const Error& error) {
  fmt::print(stderr, "trace-run: {}\n", error.text());
  return static_cast<int>(error.failure);
}

int report(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  std::string command = "trace-run";
  for (const CLI::App* sub : app.get_subcommands())
    command += " " + sub->get_name();
  // Values that we refuse ourselves come with their remedy.
  const bool has_remedy = dynamic_cast<const CLI::ValidationError*>(&error) != nullptr;
  return report(usage_error(error.what(), has_remedy ? "" : "see " + command + " --help"));
}

Status print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return errno_error("write to", "standard output");
  return {};
}

}  // namespace tr::commands
