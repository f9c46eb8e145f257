// What is a figure of metrics/figures.h called, and how is its value written?
#pragma once

#include <string>
#include <string_view>

#include "metrics/figures.h"

namespace tr::report {

struct FigureName {
  enum class Group { kResult, kCost, kTime, kOther };
  Group group = Group::kOther;
  std::string text;          // "CPU time"
  unsigned depth = 0;        // a part of the figure before it that has a smaller depth
  bool minor = false;        // told only where everything is
  bool one_of_many = false;  // a system call, a state
  bool of_calls = false;     // of system calls: such figures stand together, behind the others
};

// Of any name, also one that is not known: that is its own text then.
FigureName figure_name(std::string_view name);

// Its value, in its unit; times and bytes in the unit that `like` is written in.
std::string figure_text(double value, metrics::Unit unit, double like);
std::string figure_text(double value, metrics::Unit unit);

}  // namespace tr::report
