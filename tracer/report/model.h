// What does a report say, before it is decided how it looks?
//
// Filled once from the figures (content.h), then rendered as text or Markdown: the two cannot
// differ in what they say. All text in it is for people, already in units, and safe to show.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tr::report {

struct Column {
  // kPoint: numbers, one below the other at their decimal points, the unit behind.
  enum class Align { kLeft, kPoint };
  std::string heading;
  Align align = Align::kLeft;
};

struct Row {
  std::vector<std::string> cells;  // at most as many as there are columns
  unsigned depth = 0;              // a part of the row above that has a smaller depth
};

struct Table {
  std::vector<Column> columns;
  std::vector<Row> rows;
};

// "Machine: Linux 6.18, ...": each line a statement of its own.
struct Fact {
  std::string label;
  std::vector<std::string> lines;
};

// In this order: facts, the table, remarks.
struct Section {
  std::string title;
  std::vector<Fact> facts;
  std::optional<Table> table;
  std::vector<std::string> remarks;  // what a reader of the table must know
};

struct Report {
  std::string headline;  // the one sentence to remember
  std::vector<Section> sections;
  std::vector<std::string> warnings;  // why the figures may mislead, gravest first
  std::vector<std::string> notes;
};

}  // namespace tr::report
