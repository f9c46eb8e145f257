#include "report/markdown.h"

#include <string_view>

namespace tr::report {
namespace {

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Text that Markdown shall show as it is. Within a word an underscore is only that: epoll_wait
// stays readable in the source too.
std::string escaped(std::string_view text) {
  constexpr std::string_view kSpecial = "\\`*[]<>|~&";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool inside =
        i > 0 && i + 1 < text.size() && is_word(text[i - 1]) && is_word(text[i + 1]);
    if (kSpecial.find(c) != std::string_view::npos || (c == '_' && !inside)) out += '\\';
    out += c;
  }
  return out;
}

std::string cell_text(const std::vector<std::string>& cells, std::size_t column) {
  return column < cells.size() ? escaped(cells[column]) : std::string();
}

void put(const Table& table, std::string& out) {
  const std::size_t columns = table.columns.size();
  out += '|';
  for (const Column& column : table.columns)
    out += ' ' + escaped(column.heading) + " |";
  out += "\n|";
  for (const Column& column : table.columns)
    out += column.align == Column::Align::kPoint ? " ---: |" : " --- |";
  out += '\n';
  for (const Row& row : table.rows) {
    out += '|';
    for (std::size_t c = 0; c < columns; ++c) {
      out += ' ';
      // An indentation that the table's cells do not swallow.
      for (unsigned depth = 0; c == 0 && depth < row.depth; ++depth)
        out += "&emsp;";
      out += cell_text(row.cells, c) + " |";
    }
    out += '\n';
  }
  out += '\n';
}

void put(const Section& section, std::string& out) {
  out += "## " + escaped(section.title) + "\n\n";
  for (const Fact& fact : section.facts) {
    out += "- **" + escaped(fact.label) + ":** ";
    for (std::size_t i = 0; i < fact.lines.size(); ++i)
      out += (i == 0 ? "" : "; ") + escaped(fact.lines[i]);
    out += '\n';
  }
  if (!section.facts.empty()) out += '\n';
  if (section.table) put(*section.table, out);
  for (const std::string& remark : section.remarks)
    out += escaped(remark) + "\n\n";
}

}  // namespace

std::string render_markdown(const Report& report) {
  std::string out = "# " + escaped(report.headline) + "\n\n";
  for (const std::string& warning : report.warnings)
    out += "> **Warning:** " + escaped(warning) + "\n\n";
  for (const Section& section : report.sections)
    put(section, out);
  if (!report.notes.empty()) {
    out += "## Notes\n\n";
    for (const std::string& note : report.notes)
      out += "- " + escaped(note) + '\n';
  }
  while (out.size() > 1 && out[out.size() - 2] == '\n')
    out.pop_back();
  return out;
}

}  // namespace tr::report
