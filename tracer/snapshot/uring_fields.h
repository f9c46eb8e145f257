// As snapshot_fields.h, for what went through io_uring.
#pragma once

#include <concepts>
#include <type_traits>

#include "snapshot/uring.h"

namespace tr {

template <class S, class Field>
requires std::same_as<std::remove_const_t<S>, UringOperation>
void visit_fields(S& operation, Field&& field) {
  field("name", operation.name);
  field("submitted", operation.submitted);
  field("by_sqpoll", operation.by_sqpoll);
  field("refused", operation.refused);
  field("silent", operation.silent);
  field("polled", operation.polled);
  field("to_worker", operation.to_worker);
  field("completed", operation.completed);
  field("more", operation.more);
  field("broke_silence", operation.broke_silence);
  field("unknown_start", operation.unknown_start);
  field("outside_calls", operation.outside_calls);
  field("errors_by_errno", operation.errors_by_errno);
  field("latency", operation.latency);
  field("under_way", operation.under_way);
}

template <class S, class Field>
requires std::same_as<std::remove_const_t<S>, Uring>
void visit_fields(S& uring, Field&& field) {
  field("operations", uring.operations);
  field("notifications", uring.notifications);
  field("overflowed", uring.overflowed);
}

}  // namespace tr
