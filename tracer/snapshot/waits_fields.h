// Under which keys are waits by their single cause kept in a snapshot's file? See
// snapshot_fields.h.
#pragma once

#include "snapshot/data_place_fields.h"
#include "snapshot/fields.h"
#include "snapshot/waits.h"

namespace tr {

template <MaybeConst<Durations> S, class Field>
void visit_fields(S& durations, Field&& field) {
  field("count", durations.count);
  field("ns", durations.ns);
  field("max_ns", durations.max_ns);
  field("buckets", durations.buckets);
}

template <MaybeConst<WaitCause> S, class Field>
void visit_fields(S& cause, Field&& field) {
  field("call", cause.call);
  field("object", cause.object);
  field("waker", cause.waker);
  field("place", cause.place);
  field("which", cause.which);
  field("far_port", cause.far_port);
  field("tgid", cause.tgid);
  field("lies_in", cause.lies_in);
  field("waker_name", cause.waker_name);
  field("waker_tid", cause.waker_tid);
  field("waits", cause.waits);
  field("run_queue", cause.run_queue);
}

template <MaybeConst<Handoff> S, class Field>
void visit_fields(S& handoff, Field&& field) {
  field("waker_tid", handoff.waker_tid);
  field("sleeper_tid", handoff.sleeper_tid);
  field("waker", handoff.waker);
  field("sleeper", handoff.sleeper);
  field("count", handoff.count);
}

template <MaybeConst<Arrivals> S, class Field>
void visit_fields(S& arrivals, Field&& field) {
  field("port", arrivals.port);
  field("connections", arrivals.connections);
  field("woken", arrivals.woken);
  field("herds", arrivals.herds);
  field("too_many", arrivals.too_many);
}

template <MaybeConst<Waits> S, class Field>
void visit_fields(S& waits, Field&& field) {
  field("causes", waits.causes);
  field("other_waits", waits.other_waits);
  field("other_run_queue", waits.other_run_queue);
  field("handoffs", waits.handoffs);
  field("other_handoffs", waits.other_handoffs);
  field("arrivals", waits.arrivals);
}

}  // namespace tr
