// What options does a command have, and which were given? The one door to CLI11: that is all
// headers, and would compile the whole of itself again with each command.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "util/result.h"

namespace CLI {
class App;
class Formatter;
class Option;
}  // namespace CLI

namespace tr::commands {

class App;

// Names an option of an App, as long as that has it. Each setting returns the option itself.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  const Option* operator->() const { return this; }
  bool operator==(const Option&) const = default;

  Option type_name(const std::string& name) const;
  Option default_str(const std::string& text) const;
  // What the variable holds now.
  Option capture_default_str() const;
  // Both are allowed; `shown` in the help.
  template <std::integral Number>
  Option range(Number least, std::type_identity_t<Number> most, bool shown = true) const {
    if constexpr (std::signed_integral<Number>)
      return signed_range(least, most, shown);
    else
      return unsigned_range(least, most, shown);
  }
  Option group(const std::string& name) const;
  Option required() const;
  Option delimiter(char between) const;
  // Takes one value each time it is given.
  Option one_at_a_time() const;
  Option needs(Option other) const;
  Option excludes(Option other) const;
  Option excludes(const std::string& name) const;

  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] std::vector<std::string> results() const;
  // Without dashes; empty if it has none.
  [[nodiscard]] std::string long_name() const;
  [[nodiscard]] bool is_flag() const;
  // Of a flag: whether this name sets it to false.
  [[nodiscard]] bool negates(const std::string& name) const;

 private:
  friend class App;
  Option signed_range(std::int64_t least, std::int64_t most, bool shown) const;
  Option unsigned_range(std::uint64_t least, std::uint64_t most, bool shown) const;

  CLI::Option* option_;
};

// A command line, or a subcommand of one: as long as the command line is there. Copies are the same
// one. Variables given to it must outlive the parsing.
class App {
 public:
  // One that no user sees.
  App();
  App(const std::string& description, const std::string& name);
  App* operator->() { return this; }
  const App* operator->() const { return this; }

  Option add_option(const std::string& names, std::string& value, const std::string& description);
  Option add_option(const std::string& names, std::vector<std::string>& value,
                    const std::string& description);
  Option add_option(const std::string& names, std::uint64_t& value, const std::string& description);
  Option add_option(const std::string& names, int& value, const std::string& description);
  // `take` returns what is wrong with the text; nothing if it takes it.
  Option add_option(const std::string& names, std::function<std::string(const std::string&)> take,
                    const std::string& description);
  // Only to be asked for afterwards.
  Option add_option(const std::string& names, const std::string& description);
  Option add_flag(const std::string& names, bool& value, const std::string& description);
  // "--flag" sets "true", "--flag=text" sets "text".
  Option add_flag(const std::string& names, std::string& value, const std::string& description);
  Option add_flag(const std::string& names, const std::string& description);
  void remove_option(Option option);
  [[nodiscard]] Option get_option(const std::string& name) const;
  // --help is not among them.
  [[nodiscard]] std::vector<Option> options() const;

  App add_subcommand(const std::string& name, const std::string& description);
  void at_most_one_subcommand();
  [[nodiscard]] bool has_given_subcommand() const;
  // Called when it was given.
  void callback(std::function<void()> call);
  void footer(const std::string& text);
  void formatter(std::shared_ptr<CLI::Formatter> formatter);
  void version(const std::string& text);
  void no_help();
  // The first word that is none of its own ends its options: all from there on are remaining().
  void prefix_command();
  [[nodiscard]] std::vector<std::string> remaining() const;
  [[nodiscard]] std::string name() const;

  // In the order of the command line; an error when they are wrong.
  Status parse(std::vector<std::string> words);
  // The same for the program's own: what is wrong, help and version are printed. Whether to go on;
  // else `exit_code` is set.
  [[nodiscard]] bool parse_or_tell(std::vector<std::string> words, int& exit_code);

 private:
  explicit App(CLI::App* app);

  std::shared_ptr<CLI::App> app_;
};

}  // namespace tr::commands
