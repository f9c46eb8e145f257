#include "capture/collect_uring.h"

#include <algorithm>
#include <array>
#include <utility>

#include "capture/uring_names.h"

namespace tr::capture {
namespace {

constexpr std::array<std::pair<tr_uring_count, std::uint64_t UringOperation::*>, 9> kCounts{{
    {TR_URING_BY_SQPOLL, &UringOperation::by_sqpoll},
    {TR_URING_REFUSED, &UringOperation::refused},
    {TR_URING_SUBMITTED_SILENT, &UringOperation::silent},
    {TR_URING_POLLED, &UringOperation::polled},
    {TR_URING_TO_WORKER, &UringOperation::to_worker},
    {TR_URING_COMPLETED_MORE, &UringOperation::more},
    {TR_URING_BROKE_SILENCE, &UringOperation::broke_silence},
    {TR_URING_NO_START, &UringOperation::unknown_start},
    {TR_URING_OUTSIDE_CALLS, &UringOperation::outside_calls},
}};
// The others are parts of a sum, or not of one operation.
static_assert(kCounts.size() + 5 == TR_URING_COUNTS);

}  // namespace

bool UringSum::add_cell(std::uint32_t key, std::uint64_t count) {
  const std::uint32_t value = TR_CELL_VALUE(key);
  switch (TR_CELL_KIND(key)) {
    case TR_CELL_URING:
      operations_[TR_CELL_CALL(key)].counts[value] += count;
      return true;
    case TR_CELL_URING_ERRNO:
      operations_[TR_CELL_CALL(key)].errors_by_errno[static_cast<int>(value)] += count;
      return true;
    case TR_CELL_URING_LATENCY:
      operations_[TR_CELL_CALL(key)].latency[value] += count;
      return true;
    default:
      return false;
  }
}

void UringSum::add(const UringSum& other) {
  for (const auto& [number, theirs] : other.operations_) {
    Operation& ours = operations_[number];
    for (const auto& [what, count] : theirs.counts)
      ours.counts[what] += count;
    for (const auto& [error, count] : theirs.errors_by_errno)
      ours.errors_by_errno[error] += count;
    for (const auto& [bucket, count] : theirs.latency)
      ours.latency[bucket] += count;
  }
}

std::optional<Uring> UringSum::result(const UringUnderWay* under_way) const {
  std::map<std::uint32_t, Operation> operations = operations_;
  if (under_way != nullptr)
    for (const auto& [number, count] : *under_way)
      operations[number];  // perhaps the only thing that is known of it
  if (operations.empty()) return std::nullopt;
  Uring uring;
  for (auto& [number, sum] : operations) {
    uring.notifications += sum.counts[TR_URING_NOTIFICATION];
    uring.overflowed += sum.counts[TR_URING_OVERFLOWED];
    UringOperation operation;
    if (number != TR_URING_UNKNOWN) operation.name = uring_operation_name(number);
    for (const auto& [what, member] : kCounts)
      operation.*member = sum.counts[what];
    operation.submitted = operation.silent + sum.counts[TR_URING_SUBMITTED];
    operation.completed = operation.more + sum.counts[TR_URING_COMPLETED];
    operation.errors_by_errno = std::move(sum.errors_by_errno);
    for (const auto& [bucket, count] : sum.latency)
      operation.latency.push_back({bucket, count});
    if (under_way != nullptr) {
      const auto found = under_way->find(number);
      operation.under_way =
          sum.counts[TR_URING_UNDER_WAY] + (found == under_way->end() ? 0 : found->second);
    }
    // What is not of one operation is kept at the unknown one, which may have nothing else.
    if (!operation.name.empty() || operation.completed > 0)
      uring.operations.push_back(std::move(operation));
  }
  std::ranges::sort(uring.operations, {}, &UringOperation::name);
  return uring;
}

}  // namespace tr::capture
