#include "schema_checker.h"

#include <algorithm>

namespace tr::report {
namespace {

using nlohmann::json;

bool is_of_type(const json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

}  // namespace

std::vector<std::string> SchemaChecker::check(const json& value) {
  problems_.clear();
  check(value, root_, "");
  return problems_;
}

void SchemaChecker::check(const json& value, const json& schema, const std::string& place) {
  for (const auto& [keyword, rule] : schema.items()) {
    if (keyword == "type") {
      const bool several = rule.is_array();
      const bool fits = several
                            ? std::any_of(rule.begin(), rule.end(),
                                          [&](const json& type) { return is_of_type(value, type); })
                            : is_of_type(value, rule);
      if (!fits) fail(place, "is not of type " + rule.dump());
    } else if (keyword == "const") {
      if (value != rule) fail(place, "is not " + rule.dump());
    } else if (keyword == "enum") {
      if (std::find(rule.begin(), rule.end(), value) == rule.end())
        fail(place, "is none of " + rule.dump());
    } else if (keyword == "minimum") {
      if (value.is_number() && value < rule) fail(place, "is below " + rule.dump());
    } else if (keyword == "items") {
      if (value.is_array())
        for (std::size_t i = 0; i < value.size(); ++i)
          check(value[i], rule, place + "/" + std::to_string(i));
    } else if (keyword == "oneOf") {
      const auto fitting = std::count_if(rule.begin(), rule.end(),
                                         [&](const json& one) { return fits(value, one); });
      if (fitting != 1) fail(place, "fits " + std::to_string(fitting) + " of one alternative");
    } else if (keyword == "$ref") {
      check(value, root_.at(json::json_pointer(rule.get<std::string>().substr(1))), place);
    } else if (keyword == "required" || keyword == "properties" ||
               keyword == "additionalProperties") {
      continue;  // together, below
    } else if (keyword != "description" && keyword != "title" && keyword != "$schema" &&
               keyword != "$defs") {
      fail(place, "has a rule that is not checked: " + keyword);
    }
  }
  if (value.is_object()) check_object(value, schema, place);
}

void SchemaChecker::check_object(const json& value, const json& schema, const std::string& place) {
  for (const json& key : schema.value("required", json::array()))
    if (!value.contains(key.get<std::string>())) fail(place, "lacks " + key.dump());
  const json properties = schema.value("properties", json::object());
  const json additional = schema.value("additionalProperties", json(true));
  for (const auto& [key, member] : value.items()) {
    const std::string here = place + "/" + key;
    if (properties.contains(key))
      check(member, properties[key], here);
    else if (additional.is_object())
      check(member, additional, here);
    else if (!additional.get<bool>())
      fail(here, "is not in the schema");
  }
}

bool SchemaChecker::fits(const json& value, const json& schema) {
  const std::size_t before = problems_.size();
  check(value, schema, "");
  const bool fits = problems_.size() == before;
  problems_.resize(before);
  return fits;
}

void SchemaChecker::fail(const std::string& place, const std::string& problem) {
  problems_.push_back((place.empty() ? "/" : place) + " " + problem);
}

}  // namespace tr::report
