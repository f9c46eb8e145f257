#include "common/command_line.h"

#include <charconv>
#include <climits>
#include <iostream>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/listener.h"
#include "common/log.h"

namespace servers {
namespace {

// Is the text a number, and in its range? One answer for both. (CLI::Range lets "nan" pass, and
// words that are no numbers get another message.)
template <class Number>
CLI::Validator number_between(Number low, Number high) {
  return {[low, high](std::string& text) -> std::string {
            Number value{};
            const char* const end = text.data() + text.size();
            const auto [parsed, error] = std::from_chars(text.data(), end, value);
            if (error == std::errc{} && parsed == end && value >= low && value <= high) return {};
            return fmt::format("\"{}\" is not a {} from {} to {}", text,
                               std::is_integral_v<Number> ? "whole number" : "number", low, high);
          },
          ""};
}

}  // namespace

CommandLine::CommandLine(const std::string& about, const std::string& name,
                         const std::string& footer)
    : app_(std::make_unique<CLI::App>(about, name)) {
  app_->footer(footer);
}

CommandLine::~CommandLine() = default;

CLI::Option* CommandLine::add_whole_number(const std::string& names,
                                           const std::function<void(const std::int64_t&)>& set,
                                           std::int64_t value, std::int64_t low, std::int64_t high,
                                           const std::string& type, const std::string& help) {
  return app_->add_option_function<std::int64_t>(names, set, help)
      ->check(number_between(low, high))
      ->type_name(type)
      ->default_str(std::to_string(value));
}

CLI::Option* CommandLine::add_seconds(const std::string& names, std::chrono::milliseconds& value,
                                      const std::string& help, double least) {
  const auto set = [&value](const double& seconds) {
    value = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
  };
  return app_->add_option_function<double>(names, set, help)
      ->check(number_between(least, 86400.0))
      ->type_name("SECONDS")
      ->default_str(fmt::format("{:g}", std::chrono::duration<double>(value).count()));
}

CLI::Option* CommandLine::add_text(const std::string& names, std::string& value,
                                   const std::string& type, const std::string& help) {
  return app_->add_option(names, value, help)->type_name(type)->capture_default_str();
}

CLI::Option* CommandLine::add_word(const std::string& names, std::string& value,
                                   const std::vector<std::string>& words, const std::string& type,
                                   const std::string& help) {
  return add_text(names, value, type, help)->check(CLI::IsMember(words));
}

CLI::Option* CommandLine::add_flag(const std::string& names, bool& value, const std::string& help) {
  return app_->add_flag(names, value, help);
}

void CommandLine::add_backlog(int& backlog) {
  backlog = max_backlog();
  add_number("--backlog", backlog, 1, INT_MAX, "N",
             "Connections that may wait to be accepted; the kernel\n"
             "allows no more than net.core.somaxconn, the default");
}

void CommandLine::exclude(CLI::Option* option, CLI::Option* other) {
  option->excludes(other);
}

void CommandLine::need(CLI::Option* option, CLI::Option* other) {
  option->needs(other);
}

bool CommandLine::given(const CLI::Option* option) {
  return option->count() > 0;
}

bool CommandLine::parse(int argc, char** argv, int& exit_code) {
  try {
    app_->parse(argc, argv);
    return true;
  } catch (const CLI::CallForHelp&) {
    std::cout << app_->help() << std::flush;
    exit_code = 0;
  } catch (const CLI::ParseError& error) {
    log_line(fmt::format("{}; see {} --help", error.what(), app_->get_name()));
    exit_code = 2;
  }
  return false;
}

}  // namespace servers
