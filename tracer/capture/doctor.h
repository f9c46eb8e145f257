// What does this machine allow trace-run to do, and what would allow more?
#pragma once

#include <string>
#include <vector>

#include "capture/finding.h"
#include "capture/kernel_probe.h"
#include "capture/perf_kernel.h"
#include "util/result.h"

namespace tr::capture {

struct Diagnosis {
  std::vector<Finding> findings;
  bool only_requirements = false;  // of diagnose_requirements()

  // Success when servers can be traced here; else, in one line, the first reason against it and
  // what to do: "cannot trace: needs CAP_BPF and CAP_PERFMON (or root); run it with sudo". The
  // failure is kNotAllowed.
  [[nodiscard]] Status verdict() const;
};

// Looks at everything, and loads the probes group by group: takes a second of CPU time. `root`
// stands for "/" ("" for the machine itself); what no file tells is tried on `probe` and `perf`.
Diagnosis diagnose(const std::string& root = "", KernelProbe& probe = machine_probe(),
                   PerfKernel& perf = machine_perf());

// Looks only at what tracing cannot do without. Takes some 15 ms, mostly for reading the kernel's
// BTF.
Diagnosis diagnose_requirements(const std::string& root = "", KernelProbe& probe = machine_probe());
// Its verdict, for the commands that trace.
Status require_tracing(const std::string& root = "", KernelProbe& probe = machine_probe());

}  // namespace tr::capture
