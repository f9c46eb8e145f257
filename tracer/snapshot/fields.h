// How the lists of a snapshot's keys (snapshot_fields.h and its like) take their types.
#pragma once

#include <concepts>
#include <type_traits>

namespace tr {

// T, const or not: written from, or read into.
template <class S, class T>
concept MaybeConst = std::same_as<std::remove_const_t<S>, T>;

}  // namespace tr
