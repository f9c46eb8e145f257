// Does a JSON value fit a JSON Schema? Knows the keywords that docs/report.schema.json uses, and
// fails on any other, so that none is passed over in silence.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tr::report {

class SchemaChecker {
 public:
  explicit SchemaChecker(nlohmann::json schema) : root_(std::move(schema)) {}

  // What does not fit, each with its place; empty when all does.
  std::vector<std::string> check(const nlohmann::json& value);

 private:
  void check(const nlohmann::json& value, const nlohmann::json& schema, const std::string& place);
  void check_object(const nlohmann::json& value, const nlohmann::json& schema,
                    const std::string& place);
  [[nodiscard]] bool fits(const nlohmann::json& value, const nlohmann::json& schema);
  void fail(const std::string& place, const std::string& problem);

  nlohmann::json root_;
  std::vector<std::string> problems_;
};

}  // namespace tr::report
