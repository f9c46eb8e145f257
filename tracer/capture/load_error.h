// Why were the BPF probes not loaded: is it not allowed, is something used up, or does the kernel
// refuse a program?
#pragma once

#include <string>
#include <string_view>

#include "util/result.h"

namespace tr::capture {

// Keeps what libbpf warns of from now on, instead of printing it, and forgets what it warned of
// before.
void listen_to_libbpf();
// What it has warned of since.
const std::string& libbpf_warnings();

enum class LoadFailure {
  kRefused,      // the verifier has looked at a program and says no: privilege would not help
  kNotAllowed,   // EPERM or EACCES, before it looked
  kNoResources,  // memory, descriptors, processes: another program would not do better
  kOther,        // not known to this kernel, or else
};

// `code`: an errno; `warnings`: as libbpf_warnings(). The kernel hands back a log with nothing in
// it, or with good news only, when it fails for another reason than the program itself.
LoadFailure load_failure(int code, std::string_view warnings);

// The failure kNotAllowed or kRun, in words, with a remedy.
Error load_error(int code, std::string_view warnings);

// The same as half a sentence for a report: "this kernel's verifier refuses on_x: R1 type=...".
std::string refusal(std::string_view what, int code, std::string_view warnings);

}  // namespace tr::capture
