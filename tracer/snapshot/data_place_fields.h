// As snapshot_fields.h, of what lies at an address.
#pragma once

#include "snapshot/data_place.h"
#include "snapshot/fields.h"

namespace tr {

template <MaybeConst<DataPlace> S, class Field>
void visit_fields(S& place, Field&& field) {
  field("name", place.name);
  field("module", place.module);
  field("offset", place.offset);
}

}  // namespace tr
