#include "commands/help.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "commands/command.h"
#include "commands/parser.h"

namespace tr::commands {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kDescriptionColumn = 27;

// App::usage() came with CLI11 2.3; Debian 12 has 2.1, so the usage line is the formatter's.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kDescriptionColumn); }

  // With one empty line where CLI11 puts two, and none at the end.
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
    for (auto at = help.find("\n\n\n"); at != std::string::npos; at = help.find("\n\n\n", at))
      help.erase(at, 1);
    while (help.ends_with("\n\n"))
      help.pop_back();
    return help;
  }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    if (app->get_parent() != nullptr) return "\n" + CLI::Formatter::make_usage(app, name);
    return "\nUsage: " + name + " [OPTIONS] PROGRAM [ARGUMENTS...]\n       " + name +
           " [OPTIONS] --pid PID\n       " + name + " SUBCOMMAND\n";
  }

  // Positionals are named by what they are, as in "trace-run load [OPTIONS] HOST:PORT".
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    return positional ? option->get_type_name() : CLI::Formatter::make_option_name(option, false);
  }
  std::string make_option_usage(const CLI::Option* option) const override {
    return option->get_type_name();
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    const bool named = option->get_type_size() != 0 && !option->get_positional();
    return named ? " " + option->get_type_name() : "";
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::vector<std::string> conditions;
    if (!option->get_default_str().empty())
      conditions.push_back("default " + option->get_default_str());
    for (const CLI::Option* needed : option->get_needs())
      conditions.push_back("with " + needed->get_name());
    std::string description = option->get_description();
    if (!conditions.empty()) description += fmt::format(" ({})", fmt::join(conditions, "; "));
    std::string lines = wrapped("", description, kWidth - kDescriptionColumn);
    lines.pop_back();
    return lines;
  }
};

}  // namespace

void set_help_format(App& app) {
  app.formatter(std::make_shared<HelpFormatter>());
}

}  // namespace tr::commands
