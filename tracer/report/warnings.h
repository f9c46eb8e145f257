// What is said about a doubt?
#pragma once

#include <string>
#include <string_view>

#include "metrics/doubts.h"
#include "report/judged_run.h"

namespace tr::report {

// For programs: "messages_disagree". Never renamed.
std::string_view warning_kind(metrics::Doubt::Kind kind);

// For people, in a few words: "server ended".
std::string doubt_name(metrics::Doubt::Kind kind);

// What makes a run unfit, in the same words, with commas; empty if nothing does.
std::string unfit_text(const metrics::Verdict& verdict);

// In one line: whether the run may be held against others, and if not, why not.
std::string verdict_text(const JudgedRun& run);

// For people: what is doubtful, with its figures, and what it means for the reader.
std::string warning_text(const metrics::Doubt& doubt, const JudgedRun& run);

}  // namespace tr::report
