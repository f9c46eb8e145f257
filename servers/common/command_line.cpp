#include "common/command_line.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/listener.h"
#include "common/log.h"

namespace servers {
namespace {

constexpr std::size_t kHelpColumn = 30;

// Is the text a number, and in its range? One answer for both.
template <class Number>
std::string read_number(std::string_view text, Number low, Number high, Number& value) {
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc{} && parsed == end && value >= low && value <= high) return {};
  return fmt::format("\"{}\" is not a {} from {} to {}", text,
                     std::is_integral_v<Number> ? "whole number" : "number", low, high);
}

}  // namespace

std::string_view CommandLine::Known::long_name() const {
  return std::string_view(names).substr(names.find("--"));
}

char CommandLine::Known::letter() const {
  return names[1] == '-' ? '\0' : names[1];
}

CommandLine::CommandLine(std::string about, std::string name, std::string footer)
    : about_(std::move(about)), name_(std::move(name)), footer_(std::move(footer)) {}

CommandLine::Option CommandLine::add(const std::string& names, const std::string& type,
                                     const std::string& shown_default, const std::string& help,
                                     Take take) {
  options_.push_back({.names = names,
                      .type = shown_default.empty() ? type : type + "=" + shown_default,
                      .help = help,
                      .take = std::move(take)});
  return options_.size() - 1;
}

CommandLine::Option CommandLine::add_whole_number(const std::string& names,
                                                  std::function<void(std::int64_t)> set,
                                                  std::int64_t value, std::int64_t low,
                                                  std::int64_t high, const std::string& type,
                                                  const std::string& help) {
  return add(names, type, std::to_string(value), help,
             [set = std::move(set), low, high](std::string_view text) {
               std::int64_t number = 0;
               std::string wrong = read_number(text, low, high, number);
               if (wrong.empty()) set(number);
               return wrong;
             });
}

CommandLine::Option CommandLine::add_seconds(const std::string& names,
                                             std::chrono::milliseconds& value,
                                             const std::string& help, double least) {
  using Seconds = std::chrono::duration<double>;
  return add(names, "SECONDS", fmt::format("{:g}", Seconds(value).count()), help,
             [&value, least](std::string_view text) {
               double seconds = 0;
               std::string wrong = read_number(text, least, 86400.0, seconds);
               if (wrong.empty())
                 value = std::chrono::ceil<std::chrono::milliseconds>(Seconds(seconds));
               return wrong;
             });
}

CommandLine::Option CommandLine::add_text(const std::string& names, std::string& value,
                                          const std::string& type, const std::string& help) {
  return add(names, type, value, help, [&value](std::string_view text) {
    value = text;
    return std::string();
  });
}

CommandLine::Option CommandLine::add_word(const std::string& names, std::string& value,
                                          std::vector<std::string> words, const std::string& type,
                                          const std::string& help) {
  const std::string all = fmt::format("{{{}}}", fmt::join(words, ","));
  return add(names, type + ":" + all, value, help,
             [&value, all, words = std::move(words)](std::string_view text) {
               if (std::ranges::find(words, text) == words.end())
                 return fmt::format("{} not in {}", text, all);
               value = text;
               return std::string();
             });
}

CommandLine::Option CommandLine::add_flag(const std::string& names, bool& value,
                                          const std::string& help) {
  return add(names, "", "", help, [&value](std::string_view) {
    value = true;
    return std::string();
  });
}

void CommandLine::add_backlog(int& backlog) {
  backlog = max_backlog();
  add_number("--backlog", backlog, 1, INT_MAX, "N",
             "Connections that may wait to be accepted; the kernel\n"
             "allows no more than net.core.somaxconn, the default");
}

void CommandLine::exclude(Option option, Option other) {
  options_[option].excludes.push_back(other);
  options_[other].excludes.push_back(option);
}

void CommandLine::need(Option option, Option other) {
  options_[option].needs.push_back(other);
}

std::string CommandLine::take(Known& option, std::string_view value) {
  if (std::exchange(option.given, true)) return fmt::format("{}: given twice", option.long_name());
  const std::string wrong = option.take(value);
  return wrong.empty() ? wrong : fmt::format("{}: {}", option.long_name(), wrong);
}

std::string CommandLine::read(const std::vector<std::string_view>& words, bool& wants_help) {
  // The value, if none stands in the same word, is the next one.
  const auto take_with_value = [&](Known& option, std::optional<std::string_view> value,
                                   std::size_t& at) {
    if (!value && at + 1 == words.size())
      return fmt::format("{}: the value is missing", option.long_name());
    return take(option, value ? *value : words[++at]);
  };
  std::string wrong;
  for (std::size_t at = 0; at < words.size() && wrong.empty() && !wants_help; ++at) {
    const std::string_view word = words[at];
    if (word.starts_with("--")) {
      const std::size_t equals = word.find('=');
      const std::string_view name = word.substr(0, equals);
      const auto option = std::ranges::find(options_, name, &Known::long_name);
      if (name == "--help")
        wants_help = true;
      else if (option == options_.end())
        wrong = fmt::format("{} was not expected", word);
      else if (!option->type.empty())
        wrong = take_with_value(*option,
                                equals == std::string_view::npos
                                    ? std::nullopt
                                    : std::optional(word.substr(equals + 1)),
                                at);
      else
        wrong = name == word ? take(*option, {}) : fmt::format("{}: takes no value", name);
      continue;
    }
    if (word.size() < 2 || word[0] != '-') return fmt::format("{} was not expected", word);
    // -vd5 is -v -d 5.
    for (std::size_t letter = 1; letter < word.size() && wrong.empty() && !wants_help; ++letter) {
      const auto option = std::ranges::find(options_, word[letter], &Known::letter);
      if (word[letter] == 'h') {
        wants_help = true;
      } else if (option == options_.end()) {
        wrong = fmt::format("{} was not expected", word);
      } else if (option->type.empty()) {
        wrong = take(*option, {});
      } else {
        const std::string_view rest = word.substr(letter + 1);
        wrong = take_with_value(*option, rest.empty() ? std::nullopt : std::optional(rest), at);
        break;
      }
    }
  }
  return wrong;
}

std::string CommandLine::conflict() const {
  for (const Known& option : options_) {
    if (!option.given) continue;
    for (const Option other : option.excludes)
      if (given(other))
        return fmt::format("{} excludes {}", option.long_name(), options_[other].long_name());
    for (const Option other : option.needs)
      if (!given(other))
        return fmt::format("{} requires {}", option.long_name(), options_[other].long_name());
  }
  return {};
}

std::string CommandLine::help() const {
  std::string text = fmt::format("{}\nUsage: {} [OPTIONS]\n\nOptions:\n", about_, name_);
  const auto describe = [&](const std::string& option, std::string_view what) {
    text += fmt::format("  {:<{}}", option, kHelpColumn - 2);
    if (option.size() + 3 > kHelpColumn) text += fmt::format("\n{:{}}", "", kHelpColumn);
    for (const char c : what)
      text += c == '\n' ? fmt::format("\n{:{}}", "", kHelpColumn) : std::string(1, c);
    text += '\n';
  };
  describe("-h,--help", "Print this help message and exit");
  for (const Known& known : options_) {
    std::string option = known.names;
    if (!known.type.empty()) option += " " + known.type;
    for (const Option other : known.needs)
      option += fmt::format(" Needs: {}", options_[other].long_name());
    for (const Option other : known.excludes)
      option += fmt::format(" Excludes: {}", options_[other].long_name());
    describe(option, known.help);
  }
  return text + "\n" + footer_ + "\n";
}

bool CommandLine::parse(int argc, char** argv, int& exit_code) {
  bool wants_help = false;
  std::string wrong = read({argv + std::min(argc, 1), argv + argc}, wants_help);
  if (wants_help) {
    fmt::print("{}", help());
    std::fflush(stdout);
    exit_code = 0;
    return false;
  }
  if (wrong.empty()) wrong = conflict();
  if (wrong.empty()) return true;
  log_line(fmt::format("{}; see {} --help", wrong, name_));
  exit_code = 2;
  return false;
}

}  // namespace servers
