// How large a server and a load does this machine bear, and how steady are figures from it?
#pragma once

#include <string>
#include <vector>

#include "capture/finding.h"

namespace tr::capture {

// Limits on files, threads, ports and queues; clock, CPUs and cgroups. None of them is required.
std::vector<Finding> limit_findings(const std::string& root);

}  // namespace tr::capture
