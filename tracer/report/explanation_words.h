// The words that the sections of an explanation share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "explain/explain.h"
#include "explain/factorial.h"
#include "report/model.h"

namespace tr::report {

// "+5.20 us", in the unit of `like_ns`.
std::string signed_duration(double ns, double like_ns);
// " (95 %: +5.2 us to +5.8 us)"; empty without an interval.
std::string interval_words(const std::optional<statistics::Interval>& interval, double like_ns);
// The same of a time that is no difference: " (95 %: 5.2 us to 5.8 us)".
std::string range_words(const std::optional<statistics::Interval>& interval, double like_ns);
// "1.25 times".
std::string times_text(double ratio);
// "A (some_echo)"; alone, the server's name.
std::string side_name(const explain::Explanation& explanation, bool b);
// "on one CPU, with one worker".
std::string changes_words(const std::vector<explain::Change>& changes);

// What the changes do together.
Section factorial_section(const explain::Explanation& explanation,
                          const explain::Factorial& factorial);

}  // namespace tr::report
