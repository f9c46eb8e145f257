// The tables of a comparison; comparison.cpp puts them in order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compare/comparison.h"
#include "compare/gate.h"
#include "report/model.h"

namespace tr::report {

// "+38 %", against A; where A is 0, the difference itself.
std::string change_text(const compare::Row& row);
// "+36 % to +40 %", as above; empty without an interval.
std::string interval_text(const compare::Row& row);
// The smallest change that would have been shown, as above; empty where that is not known.
std::string least_text(const compare::Row& row);
// "per_message.syscalls > +1%: the change is +0.3 %".
std::string gate_text(const compare::GateResult& gate);

std::vector<Section> figure_sections(const compare::Comparison& comparison, bool full);
// Where the time per message differs, and what that makes of the throughput.
std::optional<Section> budget_section(const compare::Comparison& comparison, bool full);
std::optional<Section> call_section(const compare::Comparison& comparison, bool full);

}  // namespace tr::report
