// How is a plan changed for an experiment?
#pragma once

#include "commands/measure/plan.h"
#include "explain/cause.h"
#include "util/result.h"

namespace tr::commands {

// The plan with that one thing changed; an error where it cannot be, in words for a note.
Result<Plan> changed(Plan plan, explain::Change change);

}  // namespace tr::commands
