// A run's row as a record.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "snapshot/run_record.h"
#include "store/database.h"
#include "util/result.h"

namespace tr::store {

// The records of "SELECT ... FROM runs WHERE `rest`".
template <class... Values>
Result<std::vector<RunRecord>> records_where(Database& database, std::string_view rest,
                                             const Values&... values);

Result<std::vector<RunRecord>> all_records(Statement& statement);
// The statement up to "FROM runs ".
std::string select_records(std::string_view rest);

template <class... Values>
Result<std::vector<RunRecord>> records_where(Database& database, std::string_view rest,
                                             const Values&... values) {
  auto statement = database.prepare(select_records(rest));
  if (!statement) return std::move(statement).error();
  statement->bind(values...);
  return all_records(*statement);
}

}  // namespace tr::store
