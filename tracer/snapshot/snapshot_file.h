// How is a snapshot kept in a file, and how is one read that nobody vouches for?
//
// The file is one CBOR map (RFC 8949): `format`, "trace-run snapshot", comes first, then `version`,
// then the members of Snapshot under their own names (snapshot_fields.h); what is absent is left
// out. Any CBOR tool shows it. Three things are not plain: a latency histogram is a byte string
// (BucketList), errors_by_errno has its numbers as text keys, and `unmeasured` names Figures.
// Unknown keys are skipped, so that a later version may add some.
#pragma once

#include <string>
#include <string_view>

#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr {

// Larger than any snapshot: 10,000 threads of a dozen syscalls take 30 MB.
inline constexpr std::size_t kMaxSnapshotBytes = std::size_t{256} << 20;

// The file form. Needs memory for the bytes and for one thread at a time beside them.
std::string encode_snapshot(const Snapshot& snapshot);

// The snapshot in these bytes, which may be anything; `name` is what errors call them. Takes memory
// in proportion to the bytes, however damaged. Bytes that are no whole snapshot, or that a newer
// trace-run made, are a usage error.
Result<Snapshot> decode_snapshot(std::string_view bytes, const std::string& name);

Status save_snapshot(const Snapshot& snapshot, const std::string& path);
// "-": from standard input. A file that cannot be opened is a usage error, too.
Result<Snapshot> load_snapshot(const std::string& path);

}  // namespace tr
