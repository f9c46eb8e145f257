// How is a sweep's manifest written, and read by somebody who trusts nobody?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sweep/folder.h"
#include "util/result.h"

namespace tr::sweep {

std::string encode_manifest(const Manifest& manifest);

// `name` is what errors call the bytes. Errors are usage errors.
Result<Manifest> decode_manifest(std::string_view bytes, const std::string& name);

// In what two sweeps differ: "connections: 10, 100 there, 10 here"; absent if they are the same.
// What this machine cannot bear may have changed in between.
std::optional<std::string> first_difference(const Manifest& there, const Manifest& here);

}  // namespace tr::sweep
