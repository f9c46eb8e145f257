#include "commands/cell_list.h"

#include <cerrno>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "report/units.h"
#include "sweep/folder.h"
#include "util/text.h"

namespace tr::commands {
namespace {

constexpr std::size_t kLongestName = 100;      // bytes: it becomes a part of a file's name
constexpr std::size_t kLongestList = 8 << 20;  // bytes

// What stands at `at`, a quote, up to its end, without the quotes; leaves `at` behind it. nullopt
// where there is no end.
std::optional<std::string> quoted(std::string_view line, std::size_t& at) {
  const char quote = line[at++];
  // POSIX, Shell Command Language, 2.2.3: what a backslash quotes between double quotes.
  constexpr std::string_view kEscapable = "$`\"\\";
  std::string text;
  for (; at < line.size(); ++at) {
    if (line[at] == quote) {
      ++at;
      return text;
    }
    if (quote == '"' && line[at] == '\\' && at + 1 < line.size() &&
        kEscapable.find(line[at + 1]) != std::string_view::npos)
      ++at;
    text += line[at];
  }
  return std::nullopt;
}

// Without what would not come back from the sweep's folder, or steer a terminal.
bool is_text(std::string_view line) {
  std::string without_tabs(line);
  for (char& c : without_tabs)
    if (c == '\t') c = ' ';
  return report::printable(without_tabs) == without_tabs;
}

// An empty one for a line without a cell.
Result<ListedCell> parse_line(std::string_view line) {
  if (!is_text(line)) return usage_error("it holds a control character, or is not UTF-8");
  auto words = split_words(line);
  if (!words) return std::move(words).error();
  ListedCell cell;
  if (words->empty()) return cell;
  cell.name = words->front();
  if (cell.name.size() < 2 || cell.name.back() != ':')
    return usage_error(fmt::format("\"{}\" is no name with a colon behind it", cell.name),
                       "write NAME: OPTIONS PROGRAM ARGUMENTS");
  cell.name.pop_back();
  if (cell.name.size() > kLongestName)
    return usage_error(fmt::format("a name has at most {} bytes", kLongestName));
  cell.words.assign(words->begin() + 1, words->end());
  if (cell.words.empty()) return usage_error(cell.name + " names no program");
  return cell;
}

}  // namespace

Error error_in_line(const std::string& file, std::size_t line, const std::string& why) {
  return usage_error(fmt::format("{}:{}: {}", file, line, why));
}

Result<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> words;
  bool within = false;  // a word
  const auto word = [&]() -> std::string& {
    if (!std::exchange(within, true)) words.emplace_back();
    return words.back();
  };
  for (std::size_t at = 0; at < line.size();) {
    const char c = line[at];
    if (c == ' ' || c == '\t') {
      within = false;
      ++at;
    } else if (c == '#' && !within) {
      break;
    } else if (c == '\'' || c == '"') {
      const auto text = quoted(line, at);
      if (!text) return usage_error(fmt::format("the quote {} is not closed in its line", c));
      word() += *text;
    } else if (c == '\\') {
      if (at + 1 == line.size())
        return usage_error("it ends with a backslash: a cell has one line");
      word() += line[at + 1];
      at += 2;
    } else {
      word() += c;
      ++at;
    }
  }
  return words;
}

Result<std::vector<ListedCell>> parse_cell_list(std::string_view text, const std::string& file) {
  std::vector<ListedCell> cells;
  std::map<std::string, std::size_t, std::less<>> lines;  // of the names
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    auto cell = parse_line(line);
    if (!cell) return error_in_line(file, number, cell.error().text());
    if (cell->name.empty()) continue;
    const auto [known, unknown] = lines.emplace(cell->name, number);
    if (!unknown)
      return error_in_line(
          file, number,
          fmt::format("the name {} stands in line {} already", cell->name, known->second));
    if (cells.size() == sweep::kMostCells)
      return error_in_line(file, number,
                           fmt::format("more than {} cells are too many", sweep::kMostCells));
    cell->line = number;
    cells.push_back(*std::move(cell));
  }
  if (cells.empty())
    return usage_error(file + ": names no cells", "write NAME: OPTIONS PROGRAM ARGUMENTS per line");
  return cells;
}

std::string list_name(const std::string& file) {
  return file == "-" ? "standard input" : file;
}

Result<std::vector<ListedCell>> read_cell_list(const std::string& file) {
  const bool standard_input = file == "-";
  std::ifstream opened;
  errno = 0;
  if (!standard_input) opened.open(file, std::ios::binary);
  std::istream& input = standard_input ? std::cin : opened;
  if (!standard_input && !opened.is_open()) {
    Error error = errno_error("open", file, "name a list of cells with --cells");
    error.failure = Failure::kUsage;
    return error;
  }
  std::string text(kLongestList + 1, '\0');
  input.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(input.gcount()));
  if (input.bad()) {
    Error error = errno_error("read", file);
    error.failure = Failure::kUsage;
    return error;
  }
  if (text.size() > kLongestList)
    return usage_error(
        fmt::format("{}: a list of cells has at most {} MiB", file, kLongestList >> 20));
  return parse_cell_list(text, list_name(file));
}

}  // namespace tr::commands
