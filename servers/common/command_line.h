// What options does a server have, and what do they say?
//
// A parser of our own: the servers' few options need little of one, and a library's would be the
// largest part of each executable.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace servers {

inline constexpr const char* kGraceHelp = "How long clients have to finish once it is told to end";

// Each option's variable must live until parse() has returned; what it holds before is the default,
// which --help shows if it is not empty. Names are "--port" or "-p,--port".
class CommandLine {
 public:
  // An option, as add_... returns it.
  using Option = std::size_t;

  CommandLine(std::string about, std::string name, std::string footer);

  // A whole number; both bounds are allowed.
  template <std::integral Number>
  Option add_number(const std::string& names, Number& value, std::type_identity_t<Number> low,
                    std::type_identity_t<Number> high, const std::string& type,
                    const std::string& help) {
    const auto set = [&value](std::int64_t number) { value = static_cast<Number>(number); };
    return add_whole_number(names, set, static_cast<std::int64_t>(value),
                            static_cast<std::int64_t>(low), static_cast<std::int64_t>(high), type,
                            help);
  }
  Option add_seconds(const std::string& names, std::chrono::milliseconds& value,
                     const std::string& help, double least = 0);
  Option add_text(const std::string& names, std::string& value, const std::string& type,
                  const std::string& help);
  // One of these words.
  Option add_word(const std::string& names, std::string& value, std::vector<std::string> words,
                  const std::string& type, const std::string& help);
  Option add_flag(const std::string& names, bool& value, const std::string& help);
  // --backlog; its default is the most that the kernel allows.
  void add_backlog(int& backlog);

  void exclude(Option option, Option other);
  void need(Option option, Option other);
  [[nodiscard]] bool given(Option option) const { return options_[option].given; }

  // False, with exit_code set, where the process should end at once: after --help, or wrong usage,
  // about which the user has been told.
  [[nodiscard]] bool parse(int argc, char** argv, int& exit_code);

 private:
  // What is wrong with a value; nothing if it has been taken.
  using Take = std::function<std::string(std::string_view)>;
  struct Known {
    std::string names;
    std::string type;  // with the default; empty: a flag
    std::string help;
    Take take;
    std::vector<Option> excludes{};
    std::vector<Option> needs{};
    bool given = false;

    [[nodiscard]] std::string_view long_name() const;
    [[nodiscard]] char letter() const;  // 0: none
  };

  Option add(const std::string& names, const std::string& type, const std::string& shown_default,
             const std::string& help, Take take);
  Option add_whole_number(const std::string& names, std::function<void(std::int64_t)> set,
                          std::int64_t value, std::int64_t low, std::int64_t high,
                          const std::string& type, const std::string& help);
  // What is wrong; nothing if all is well.
  std::string read(const std::vector<std::string_view>& words, bool& wants_help);
  std::string take(Known& option, std::string_view value);
  [[nodiscard]] std::string conflict() const;
  [[nodiscard]] std::string help() const;

  std::string about_;
  std::string name_;
  std::string footer_;
  std::vector<Known> options_;
};

}  // namespace servers
