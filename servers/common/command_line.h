// What options does a server have, and what do they say? The one door to CLI11, whose templates
// would otherwise be compiled with every model.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace servers {

inline constexpr const char* kGraceHelp = "How long clients have to finish once it is told to end";

// Each option's value must live until parse() has returned; what it is before is the default, which
// --help shows unless said otherwise. Names as in "-p,--port".
class CommandLine {
 public:
  CommandLine(const std::string& about, const std::string& name, const std::string& footer);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // A whole number; both bounds are allowed.
  template <std::integral Number>
  CLI::Option* add_number(const std::string& names, Number& value, std::type_identity_t<Number> low,
                          std::type_identity_t<Number> high, const std::string& type,
                          const std::string& help) {
    const auto set = [&value](std::int64_t number) { value = static_cast<Number>(number); };
    return add_whole_number(names, set, static_cast<std::int64_t>(value),
                            static_cast<std::int64_t>(low), static_cast<std::int64_t>(high), type,
                            help);
  }
  CLI::Option* add_seconds(const std::string& names, std::chrono::milliseconds& value,
                           const std::string& help, double least = 0);
  // Its default is not shown if it is empty.
  CLI::Option* add_text(const std::string& names, std::string& value, const std::string& type,
                        const std::string& help);
  // One of these words.
  CLI::Option* add_word(const std::string& names, std::string& value,
                        const std::vector<std::string>& words, const std::string& type,
                        const std::string& help);
  CLI::Option* add_flag(const std::string& names, bool& value, const std::string& help);
  // --backlog; its default is the most that the kernel allows.
  void add_backlog(int& backlog);

  static void exclude(CLI::Option* option, CLI::Option* other);
  static void need(CLI::Option* option, CLI::Option* other);
  [[nodiscard]] static bool given(const CLI::Option* option);

  // False, with exit_code set, where the process should end at once: after --help, or wrong usage,
  // about which the user has been told.
  [[nodiscard]] bool parse(int argc, char** argv, int& exit_code);

 private:
  CLI::Option* add_whole_number(const std::string& names,
                                const std::function<void(const std::int64_t&)>& set,
                                std::int64_t value, std::int64_t low, std::int64_t high,
                                const std::string& type, const std::string& help);

  std::unique_ptr<CLI::App> app_;
};

}  // namespace servers
