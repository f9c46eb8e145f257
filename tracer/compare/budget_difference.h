// How do the differences of the parts make up that of the whole?
#pragma once

#include <optional>
#include <vector>

#include "compare/comparison.h"
#include "compare/run_figures.h"

namespace tr::compare {

// Absent unless all runs have a budget and messages. Without the rows' numbers.
std::optional<BudgetDifference> budget_difference(const RunList& a, const RunList& b, bool paired);

// Of the calls that the budget tells apart; none without one. Without the rows' numbers.
std::vector<CallRow> call_differences(const RunList& a, const RunList& b,
                                      const std::optional<BudgetDifference>& budget);

}  // namespace tr::compare
