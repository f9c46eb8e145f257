// Snapshots are kept compressed: a third to a fifth of their size.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tr::store {

// zlib's format, with a checksum. Throws std::bad_alloc where there is no memory for it.
std::string deflated(std::string_view bytes);

// The `size` bytes that were deflated; nullopt where `deflated` is damaged, or holds another number
// of them.
std::optional<std::string> inflated(std::string_view deflated, std::size_t size);

}  // namespace tr::store
