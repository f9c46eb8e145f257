// Under which keys are stacks kept in a snapshot's file? See snapshot_fields.h.
#pragma once

#include "snapshot/fields.h"
#include "snapshot/stacks.h"

namespace tr {

template <MaybeConst<Frame> S, class Field>
void visit_fields(S& frame, Field&& field) {
  field("function", frame.function);
  field("module", frame.module);
  field("offset", frame.offset);
  field("kernel", frame.kernel);
}

template <MaybeConst<Stack> S, class Field>
void visit_fields(S& stack, Field&& field) {
  field("frames", stack.frames);
  field("cut", stack.cut);
  field("unreadable", stack.unreadable);
}

template <MaybeConst<BlockedStack> S, class Field>
void visit_fields(S& blocked, Field&& field) {
  field("stack", blocked.stack);
  field("thread", blocked.thread);
  field("call", blocked.call);
  field("object", blocked.object);
  field("waker", blocked.waker);
  field("count", blocked.count);
  field("ns", blocked.ns);
}

template <MaybeConst<SampledStack> S, class Field>
void visit_fields(S& sampled, Field&& field) {
  field("stack", sampled.stack);
  field("thread", sampled.thread);
  field("samples", sampled.samples);
}

template <MaybeConst<CpuProfile> S, class Field>
void visit_fields(S& profile, Field&& field) {
  field("event", profile.event);
  field("hz", profile.hz);
  field("stacks", profile.stacks);
}

template <MaybeConst<CodeModule> S, class Field>
void visit_fields(S& module, Field&& field) {
  field("path", module.path);
  field("build_id", module.build_id);
}

template <MaybeConst<Stacks> S, class Field>
void visit_fields(S& stacks, Field&& field) {
  field("frames", stacks.frames);
  field("stacks", stacks.stacks);
  field("modules", stacks.modules);
  field("blocked", stacks.blocked);
  field("profile", stacks.profile);
}

}  // namespace tr
