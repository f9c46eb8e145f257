#include "commands/parser.h"

#include <algorithm>
#include <utility>

#include <CLI/CLI.hpp>

#include "commands/command.h"

namespace tr::commands {
namespace {

template <class Number>
CLI::Range between(Number least, Number most, bool shown) {
  CLI::Range range(least, most);
  if (!shown) range.description("");
  return range;
}

// Help and version on stdout (0), wrong usage as one line on stderr (2).
int tell(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  std::string command = "trace-run";
  for (const CLI::App* sub : app.get_subcommands())
    command += " " + sub->get_name();
  // Values that we refuse ourselves come with their remedy.
  const bool has_remedy = dynamic_cast<const CLI::ValidationError*>(&error) != nullptr;
  return report(usage_error(error.what(), has_remedy ? "" : "see " + command + " --help"));
}

void parse_words(CLI::App& app, std::vector<std::string> words) {
  std::ranges::reverse(words);  // as CLI11 takes them
  app.parse(std::move(words));
}

}  // namespace

Option Option::type_name(const std::string& name) const {
  return Option(option_->type_name(name));
}
Option Option::default_str(const std::string& text) const {
  return Option(option_->default_str(text));
}
Option Option::capture_default_str() const {
  return Option(option_->capture_default_str());
}
Option Option::signed_range(std::int64_t least, std::int64_t most, bool shown) const {
  return Option(option_->check(between(least, most, shown)));
}
Option Option::unsigned_range(std::uint64_t least, std::uint64_t most, bool shown) const {
  return Option(option_->check(between(least, most, shown)));
}
Option Option::group(const std::string& name) const {
  return Option(option_->group(name));
}
Option Option::required() const {
  return Option(option_->required());
}
Option Option::delimiter(char between) const {
  return Option(option_->delimiter(between));
}
Option Option::one_at_a_time() const {
  return Option(option_->allow_extra_args(false));
}
Option Option::needs(Option other) const {
  return Option(option_->needs(other.option_));
}
Option Option::excludes(Option other) const {
  return Option(option_->excludes(other.option_));
}
Option Option::excludes(const std::string& name) const {
  return Option(option_->excludes<CLI::App>(name));
}

std::size_t Option::count() const {
  return option_->count();
}
std::vector<std::string> Option::results() const {
  return option_->results();
}
std::string Option::long_name() const {
  return option_->get_lnames().empty() ? std::string() : option_->get_lnames().front();
}
bool Option::is_flag() const {
  return option_->get_expected_max() == 0;
}
bool Option::negates(const std::string& name) const {
  return is_flag() && option_->check_fname(name);
}

App::App() : app_(std::make_shared<CLI::App>()) {}
App::App(const std::string& description, const std::string& name)
    : app_(std::make_shared<CLI::App>(description, name)) {}
// Owned by the command line, whose callbacks hold such an App.
App::App(CLI::App* app) : app_(std::shared_ptr<CLI::App>(), app) {}

Option App::add_option(const std::string& names, std::string& value,
                       const std::string& description) {
  return Option(app_->add_option(names, value, description));
}
Option App::add_option(const std::string& names, std::vector<std::string>& value,
                       const std::string& description) {
  return Option(app_->add_option(names, value, description));
}
Option App::add_option(const std::string& names, std::uint64_t& value,
                       const std::string& description) {
  return Option(app_->add_option(names, value, description));
}
Option App::add_option(const std::string& names, int& value, const std::string& description) {
  return Option(app_->add_option(names, value, description));
}
Option App::add_option(const std::string& names,
                       std::function<std::string(const std::string&)> take,
                       const std::string& description) {
  return Option(app_->add_option_function<std::string>(
      names,
      [take = std::move(take)](const std::string& text) {
        if (const std::string wrong = take(text); !wrong.empty()) throw CLI::ValidationError(wrong);
      },
      description));
}
Option App::add_option(const std::string& names, const std::string& description) {
  return Option(app_->add_option(names, description));
}
Option App::add_flag(const std::string& names, bool& value, const std::string& description) {
  return Option(app_->add_flag(names, value, description));
}
Option App::add_flag(const std::string& names, std::string& value, const std::string& description) {
  return Option(app_->add_flag(names, value, description));
}
Option App::add_flag(const std::string& names, const std::string& description) {
  return Option(app_->add_flag(names, description));
}
void App::remove_option(Option option) {
  app_->remove_option(option.option_);
}
Option App::get_option(const std::string& name) const {
  return Option(app_->get_option(name));
}
std::vector<Option> App::options() const {
  std::vector<Option> options;
  for (CLI::Option* const option : app_->get_options())
    if (option != app_->get_help_ptr()) options.emplace_back(option);
  return options;
}

App App::add_subcommand(const std::string& name, const std::string& description) {
  return App(app_->add_subcommand(name, description));
}
void App::at_most_one_subcommand() {
  app_->require_subcommand(0, 1);
}
bool App::has_given_subcommand() const {
  return !app_->get_subcommands().empty();
}
void App::callback(std::function<void()> call) {
  app_->callback(std::move(call));
}
void App::footer(const std::string& text) {
  app_->footer(text);
}
void App::formatter(std::shared_ptr<CLI::Formatter> formatter) {
  app_->formatter(std::move(formatter));
}
void App::version(const std::string& text) {
  app_->set_version_flag("--version", text);
}
void App::no_help() {
  app_->set_help_flag();
}
void App::prefix_command() {
  app_->prefix_command();
}
std::vector<std::string> App::remaining() const {
  return app_->remaining();
}
std::string App::name() const {
  return app_->get_name();
}

Status App::parse(std::vector<std::string> words) try {
  parse_words(*app_, std::move(words));
  return {};
} catch (const CLI::ParseError& error) {
  return usage_error(error.what());
}

bool App::parse_or_tell(std::vector<std::string> words, int& exit_code) try {
  parse_words(*app_, std::move(words));
  return true;
} catch (const CLI::ParseError& error) {
  exit_code = tell(*app_, error);
  return false;
}

}  // namespace tr::commands
