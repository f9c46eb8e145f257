#include "compare/gate.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "util/nearest.h"
#include "util/text.h"

namespace tr::compare {
namespace {

using metrics::Unit;

struct Scale {
  std::string_view suffix;
  Unit unit;
  double factor;
};

constexpr std::array<Scale, 8> kScales{{{"ns", Unit::kNs, 1},
                                        {"us", Unit::kNs, 1e3},
                                        {"ms", Unit::kNs, 1e6},
                                        {"s", Unit::kNs, 1e9},
                                        {"B", Unit::kBytes, 1},
                                        {"KiB", Unit::kBytes, 1024},
                                        {"MiB", Unit::kBytes, 1024 * 1024},
                                        {"/s", Unit::kPerSecond, 1}}};

Error wrong(std::string_view text, const std::string& why) {
  return usage_error(fmt::format("--fail-if \"{}\": {}", text, why),
                     "write it like 'per_message.syscalls > +1%' or "
                     "'throughput.messages_per_second < -2%'");
}

const char* name_of(Unit unit) {
  switch (unit) {
    case Unit::kPerSecond:
      return "a rate";
    case Unit::kNs:
      return "a time";
    case Unit::kBytes:
      return "a number of bytes";
    case Unit::kCount:
      break;
  }
  return "a count";
}

// Splits off the digits; what follows them is the unit.
std::optional<double> take_number(std::string_view& text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

Result<Gate> parse_gate(std::string_view text) {
  const std::size_t at = text.find_first_of("<>");
  if (at == std::string_view::npos) return wrong(text, "it has neither > nor <");
  Gate gate;
  gate.text = trim(text);
  gate.figure = trim(text.substr(0, at));
  gate.rises = text[at] == '>';
  if (gate.figure.empty()) return wrong(text, "it names no figure");
  std::string_view bound = trim(text.substr(at + 1));
  const char sign = gate.rises ? '+' : '-';
  if (bound.empty() || bound.front() != sign)
    return wrong(text, fmt::format("a bound behind {} begins with {}: it is a change from A to B",
                                   text[at], sign));
  bound.remove_prefix(1);
  if (bound.empty() || bound.front() < '0' || bound.front() > '9')
    return wrong(text, "the bound is not a number");
  const auto number = take_number(bound);
  if (!number) return wrong(text, "the bound is not a number");
  gate.bound = gate.rises ? *number : -*number;
  const std::string_view unit = trim(bound);
  if (unit == "%") {
    gate.relative = true;
    gate.bound /= 100;
    return gate;
  }
  if (unit.empty()) return gate;
  for (const Scale& scale : kScales)
    if (unit == scale.suffix) {
      gate.unit = scale.unit;
      gate.bound *= scale.factor;
      return gate;
    }
  return wrong(text,
               fmt::format("\"{}\" is no unit: %, ns, us, ms, s, B, KiB, MiB, /s or none", unit));
}

Result<std::vector<GateResult>> judge_gates(const std::vector<Gate>& gates,
                                            const Comparison& comparison) {
  std::vector<GateResult> results;
  for (const Gate& gate : gates) {
    const Row* const row = comparison.find(gate.figure);
    if (row == nullptr) {
      std::vector<std::string> names;
      for (const Row& known : comparison.rows)
        names.push_back(known.name);
      const auto near = nearest_names(gate.figure, names);
      return usage_error(
          fmt::format("--fail-if: no figure \"{}\" was measured on both sides", gate.figure),
          near.empty() ? "trace-run compare --json - lists them, under figures"
                       : fmt::format("did you mean {}?", fmt::join(near, " or ")));
    }
    // A bare number is a count, or a change in whatever the figure's own unit is called: refused
    // where that could be several.
    if (!gate.relative && gate.unit.value_or(Unit::kCount) != row->unit)
      return usage_error(fmt::format("--fail-if \"{}\": {} is {}, the bound is not", gate.text,
                                     gate.figure, name_of(row->unit)),
                         "give the bound in its unit, or in %");
    if (comparison.one_run())
      return usage_error(fmt::format("--fail-if \"{}\": one run on a side shows no difference that "
                                     "could not be chance",
                                     gate.text),
                         "give two runs or more of each");
    GateResult result{.gate = gate, .change = row->b - row->a, .failed = false};
    if (gate.relative)
      // From nothing to something is beyond every share.
      result.change = row->a != 0 ? result.change / std::abs(row->a)
                      : row->b == 0
                          ? 0
                          : std::copysign(std::numeric_limits<double>::infinity(), row->b);
    const bool beyond = gate.rises ? result.change > gate.bound : result.change < gate.bound;
    result.failed = beyond && row->standing == Standing::kShown;
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace tr::compare
