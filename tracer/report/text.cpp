#include "report/text.h"

#include <algorithm>
#include <string_view>

#include "report/units.h"
#include "util/text.h"

namespace tr::report {
namespace {

constexpr std::size_t kLabelWidth = 12;  // of facts, the gap behind the label included
constexpr std::size_t kIndent = 2;       // per depth of a table's row
constexpr std::string_view kGap = "  ";  // between columns

enum class Paint { kPlain, kBold, kDim, kWarning };

// How far a cell reaches before its decimal point, and from there on.
struct Extent {
  std::size_t before = 0;
  std::size_t after = 0;
};

// The point is behind the last digit of the whole part of the first number: "6|.31 us", "12|,",
// "1,234|", "<0|.001". A cell that does not begin with a number ends at the point.
Extent extent_of(const std::string& cell) {
  std::size_t at = 0;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  while (at < cell.size() && (cell[at] == '<' || cell[at] == '-' || cell[at] == '+'))
    ++at;
  if (at == cell.size() || !is_digit(cell[at])) return {width_of(cell), 0};
  while (at < cell.size() && (is_digit(cell[at]) || cell[at] == ','))
    ++at;
  return {at, width_of(cell) - at};
}

std::string spaces(std::size_t count) {
  return std::string(count, ' ');
}

// Breaks at spaces into lines of at most `width` characters; a longer word has a line of its own.
std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines{""};
  for (const std::string_view word : split(text, ' ')) {
    std::string& line = lines.back();
    if (line.empty())
      line = word;
    else if (width_of(line) + 1 + width_of(word) <= width)
      (line += ' ') += word;
    else
      lines.emplace_back(word);
  }
  return lines;
}

class TextRenderer {
 public:
  explicit TextRenderer(const TextStyle& style) : style_(style) {}

  std::string render(const Report& report) {
    for (const std::string& line : wrap(report.headline, style_.width))
      line_of(painted(line, Paint::kBold));
    for (const Section& section : report.sections)
      put(section);
    if (!report.notes.empty()) line_of("");
    for (const std::string& note : report.notes)
      put_labelled("Note", {note}, Paint::kPlain);
    if (!report.warnings.empty()) line_of("");
    for (const std::string& warning : report.warnings)
      put_labelled("WARNING", {warning}, Paint::kWarning);
    return std::move(out_);
  }

 private:
  void put(const Section& section) {
    line_of("");
    put_title(section);
    for (const Fact& fact : section.facts)
      put_labelled(fact.label, fact.lines, Paint::kPlain);
    if (section.table) put(*section.table, section.title);
    for (const std::string& remark : section.remarks)
      for (const std::string& line : wrap(remark, style_.width - kIndent))
        line_of(spaces(kIndent) + painted(line, Paint::kDim));
  }

  // Facts have labels enough; a table with headings carries the title in its first column's place.
  void put_title(const Section& section) {
    const bool in_table = section.table && takes_title(*section.table);
    if (section.facts.empty() && !in_table) line_of(painted(section.title, Paint::kBold));
  }

  static bool takes_title(const Table& table) {
    return table.columns.front().heading.empty() &&
           std::any_of(table.columns.begin(), table.columns.end(),
                       [](const Column& column) { return !column.heading.empty(); });
  }

  void put_labelled(const std::string& label, const std::vector<std::string>& lines, Paint paint) {
    std::string head = painted(label, paint == Paint::kPlain ? Paint::kBold : paint);
    std::size_t head_width = width_of(label);
    for (const std::string& text : lines)
      for (const std::string& line : wrap(text, style_.width - kLabelWidth)) {
        const std::size_t gap = head_width < kLabelWidth ? kLabelWidth - head_width : 1;
        head += spaces(gap);
        line_of(head += line);
        head.clear();
        head_width = 0;
      }
  }

  void put(const Table& table, const std::string& title) {
    const std::size_t columns = table.columns.size();
    std::vector<Extent> extents(columns);
    std::vector<std::size_t> widths(columns);
    const bool title_in_heading = takes_title(table);
    std::vector<std::string> headings;
    for (std::size_t c = 0; c < columns; ++c)
      headings.push_back(c == 0 && title_in_heading ? title : table.columns[c].heading);
    for (const Row& row : table.rows)
      for (std::size_t c = 0; c < row.cells.size(); ++c) {
        const Extent extent = extent_of(row.cells[c]);
        extents[c].before = std::max(extents[c].before, extent.before);
        extents[c].after = std::max(extents[c].after, extent.after);
        if (table.columns[c].align == Column::Align::kLeft)
          widths[c] = std::max(widths[c], width_of(row.cells[c]) + (c == 0 ? indent(row) : 0));
      }
    for (std::size_t c = 0; c < columns; ++c) {
      if (table.columns[c].align == Column::Align::kPoint)
        widths[c] = extents[c].before + extents[c].after;
      widths[c] = std::max(widths[c], width_of(headings[c]));
    }
    put_headings(table, headings, widths);
    for (const Row& row : table.rows)
      put_row(table, row, extents, widths);
  }

  static std::size_t indent(const Row& row) { return kIndent * (row.depth + 1); }

  void put_headings(const Table& table, const std::vector<std::string>& headings,
                    const std::vector<std::size_t>& widths) {
    if (std::all_of(headings.begin(), headings.end(),
                    [](const auto& text) { return text.empty(); }))
      return;
    std::string line;
    for (std::size_t c = 0; c < headings.size(); ++c) {
      if (c > 0) line += kGap;
      const std::string padding = spaces(widths[c] - width_of(headings[c]));
      const bool left = table.columns[c].align == Column::Align::kLeft;
      if (!left) line += padding;
      line += painted(headings[c], c == 0 ? Paint::kBold : Paint::kDim);
      if (left && c + 1 < headings.size()) line += padding;
    }
    line_of(line);
  }

  void put_row(const Table& table, const Row& row, const std::vector<Extent>& extents,
               const std::vector<std::size_t>& widths) {
    std::string line;
    std::size_t at = 0;  // characters in the line, without paint
    for (std::size_t c = 0; c < row.cells.size(); ++c) {
      if (c > 0) {
        line += kGap;
        at += kGap.size();
      }
      const std::string& cell = row.cells[c];
      if (table.columns[c].align == Column::Align::kPoint) {
        const Extent own = extent_of(cell);
        // Numbers stand to the right below a wide heading.
        const std::size_t slack = widths[c] - extents[c].before - extents[c].after;
        line += spaces(slack + extents[c].before - own.before) + cell;
        line += spaces(extents[c].after - own.after);
        at += widths[c];
        continue;
      }
      const std::size_t margin = c == 0 ? indent(row) : 0;
      if (c > 0 && c + 1 == table.columns.size()) {
        put_last(cell, line, at);
        return;
      }
      line += spaces(margin) + cell + spaces(widths[c] - margin - width_of(cell));
      at += widths[c];
    }
    line_of(line);
  }

  // The last column, of words: goes on below itself.
  void put_last(const std::string& cell, std::string line, std::size_t at) {
    constexpr std::size_t kNarrowest = 20;
    const std::size_t room = at + kNarrowest < style_.width ? style_.width - at : kNarrowest;
    for (const std::string& part : wrap(cell, room)) {
      line_of(line + painted(part, Paint::kDim));
      line = spaces(at);
    }
  }

  [[nodiscard]] std::string painted(const std::string& text, Paint paint) const {
    if (!style_.colour || text.empty() || paint == Paint::kPlain) return text;
    const std::string_view start = paint == Paint::kBold  ? "\x1b[1m"
                                   : paint == Paint::kDim ? "\x1b[2m"
                                                          : "\x1b[1;33m";
    return std::string(start) + text + "\x1b[0m";
  }

  void line_of(const std::string& line) {
    const std::size_t end = line.find_last_not_of(' ');
    out_ += line.substr(0, end == std::string::npos ? 0 : end + 1);
    out_ += '\n';
  }

  TextStyle style_;
  std::string out_;
};

}  // namespace

std::string render_text(const Report& report, const TextStyle& style) {
  return TextRenderer(style).render(report);
}

}  // namespace tr::report
