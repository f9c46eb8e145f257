// Explanations whose reports are pinned down: of made-up runs, with experiments that were made up
// too.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "explain/explain.h"
#include "explain/factorial.h"

namespace tr::golden {

struct MadeExplanation {
  explain::Explanation explanation;
  std::vector<std::string> notes;
  std::optional<explain::Factorial> factorial;
};

// B maps memory, polls and locks: experiments confirm the first, refute the second and do not
// decide the third.
MadeExplanation explanation_of_two();
// A server that starves connections at the limit of its CPUs; two changes of it that interact.
MadeExplanation explanation_of_one();
// Of single runs.
MadeExplanation explanation_of_single_runs();

}  // namespace tr::golden
