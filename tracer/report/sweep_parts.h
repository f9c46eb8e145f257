// Parts that the report of a sweep and the pages of its servers share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/model.h"
#include "sweep/results.h"

namespace tr::report {

// Whether it is one over a list of cells, which have names, and not over a grid.
bool is_list(const sweep::Results& results);

// The server; in a list, with its arguments.
std::string program_text(const sweep::Cell& cell);

// "1,000 connections, not pinned": the load as far as it differs within the sweep; in a list, all
// of it.
std::string setting_text(const sweep::Results& results, const sweep::Cell& cell);

// What ran, and where; `servers`: which of them, or which cells of a list, in words. Runs are
// counted of `only` that server; empty: of all.
Section sweep_setting_section(const sweep::Results& results, const std::string& servers,
                              std::string_view only = {});

// The place of a cell in its ranking: "2", "1-3"; empty where it has none.
std::string place_text(const sweep::Results& results, std::size_t cell);

// A row of a table over cells.
struct CellRow {
  std::string label;
  std::size_t cell;
};

// Rates and times; `brief`: those that fit a terminal.
Table result_table(const sweep::Results& results, const std::vector<CellRow>& rows, bool brief);
// Calls, switches, messages and seconds; absent without figures.
std::optional<Table> count_table(const sweep::Results& results, const std::vector<CellRow>& rows);
// The states of a message's time, summed up by kind; absent without a budget.
std::optional<Table> state_table(const sweep::Results& results, const std::vector<CellRow>& rows);

// What there is to say of cells that have no figures, or not from all runs.
std::vector<std::string> cell_warnings(const sweep::Results& results, std::string_view server);

// The law of one server as cells of a table row; and what its columns are.
Table scaling_table();
std::vector<std::string> scaling_cells(const sweep::Scaling& scaling);
std::vector<std::string> scaling_remarks();

}  // namespace tr::report
