// Would the kernel let this process trace? Only trying tells: a security module, a seccomp filter
// or a container may refuse what the capabilities promise.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>

#include "util/result.h"

namespace tr::capture {

struct ProbeGroup;

// Each try leaves nothing behind; an Error carries the kernel's errno.
class KernelProbe {
 public:
  KernelProbe() = default;
  virtual ~KernelProbe() = default;
  KernelProbe(const KernelProbe&) = delete;
  KernelProbe& operator=(const KernelProbe&) = delete;

  // Loads a BPF program that does nothing for a BTF-typed tracepoint, attaches and detaches it.
  // `btf_id` is the type btf_trace_NAME of that tracepoint in the kernel's BTF.
  virtual Status attach_program(std::uint32_t btf_id) = 0;
  // Creates a map that keeps a value with each task.
  virtual Status create_task_storage() = 0;
  // Loads a group of the probes themselves, and takes it away again; without `others`, which were
  // refused.
  virtual Status try_group(const ProbeGroup& group, const std::set<std::string_view>& others) = 0;
  // Turns the kernel's BPF statistics on, and off again.
  virtual Status enable_bpf_stats() = 0;
};

// The machine itself.
KernelProbe& machine_probe();

}  // namespace tr::capture
