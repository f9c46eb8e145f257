// Which file below the folder does a request target name?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocols/http/status.h"

namespace servers::http {

struct Path {
  // Below the folder, decoded: "docs/a b.html"; "docs/index.html" where the target ends in a slash.
  // Without "..", NUL and leading slashes; the kernel sees to it that no link leads out either.
  std::string file;
  // Where to go if `file` is a folder: the target's own path and a slash. Empty if it has one.
  std::string as_folder;
  // Why it names no file.
  std::optional<Status> refused;
};

// `target` in origin-form or absolute-form (RFC 9112, 3.2).
[[nodiscard]] Path path_of(std::string_view target);

// "text/html; charset=utf-8" for "a/b.html"; application/octet-stream for what is not known.
[[nodiscard]] std::string_view content_type(std::string_view file);

}  // namespace servers::http
