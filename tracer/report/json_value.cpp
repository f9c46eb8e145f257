#include "report/json_value.h"

#include <algorithm>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

namespace tr::report {
namespace {

using Array = std::vector<Json>;
using Object = std::vector<std::pair<std::string, Json>>;
using Document = nlohmann::ordered_json;

}  // namespace

struct Json::Value {
  using Kinds = std::variant<bool, std::int64_t, std::uint64_t, double, std::string, Array, Object>;
  Kinds is;

  explicit Value(Kinds value) : is(std::move(value)) {}
  static Json make(Kinds is) {
    Json json;
    json.value_ = std::make_unique<Value>(std::move(is));
    return json;
  }
  // The object that `json` is; null becomes one.
  static Object& object_of(Json& json) {
    if (!json.value_) json = Json::object();
    return std::get<Object>(json.value_->is);
  }
  static Object::iterator find(Object& object, std::string_view key) {
    return std::ranges::find(object, key, &Object::value_type::first);
  }
  static Document document(const Json& json) {
    if (!json.value_) return nullptr;
    return std::visit(
        [](const auto& value) -> Document {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::same_as<T, Array>) {
            Document array = Document::array();
            for (const Json& each : value)
              array.push_back(document(each));
            return array;
          } else if constexpr (std::same_as<T, Object>) {
            Document object = Document::object();
            for (const auto& [key, each] : value)
              object[key] = document(each);
            return object;
          } else {
            return value;
          }
        },
        json.value_->is);
  }
};

Json::Json() = default;
Json::Json(Bool value) : Json(Value::make(value.value)) {}
Json::Json(double value) : Json(Value::make(value)) {}
Json::Json(std::string text) : Json(Value::make(std::move(text))) {}

Json::Json(std::initializer_list<Item> items) {
  const auto is_member = [](const Item& item) {
    const Array* const pair =
        item.value_.value_ ? std::get_if<Array>(&item.value_.value_->is) : nullptr;
    return pair != nullptr && pair->size() == 2 && pair->front().value_ &&
           std::holds_alternative<std::string>(pair->front().value_->is);
  };
  if (items.size() > 0 && std::ranges::all_of(items, is_member)) {
    Object& object = Value::object_of(*this);
    for (const Item& item : items) {
      auto& pair = std::get<Array>(item.value_.value_->is);
      const std::string& key = std::get<std::string>(pair.front().value_->is);
      object.emplace_back(key, std::move(pair.back()));
    }
    return;
  }
  *this = array();
  for (const Item& item : items)
    push_back(std::move(item.value_));
}

Json::Json(const Json& other)
    : value_(other.value_ ? std::make_unique<Value>(*other.value_) : nullptr) {}
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(Json other) noexcept {
  value_ = std::move(other.value_);
  return *this;
}
Json::~Json() = default;

Json Json::array() {
  return Value::make(Array());
}
Json Json::object() {
  return Value::make(Object());
}
Json Json::signed_number(std::int64_t value) {
  return Value::make(value);
}
Json Json::unsigned_number(std::uint64_t value) {
  return Value::make(value);
}

Json& Json::operator[](std::string_view key) {
  Object& object = Value::object_of(*this);
  const auto known = Value::find(object, key);
  return known != object.end() ? known->second : object.emplace_back(key, Json()).second;
}

bool Json::contains(std::string_view key) const {
  const auto has_key = [key](const auto& member) { return member.first == key; };
  return value_ && std::ranges::any_of(std::get<Object>(value_->is), has_key);
}

void Json::erase(std::string_view key) {
  Object& object = Value::object_of(*this);
  if (const auto known = Value::find(object, key); known != object.end()) object.erase(known);
}

void Json::update(const Json& other) {
  for (const auto& [key, value] : std::get<Object>(other.value_->is))
    (*this)[key] = value;
}

Json& Json::push_back(Json value) {
  if (!value_) *this = array();
  return std::get<Array>(value_->is).emplace_back(std::move(value));
}

std::string Json::text() const {
  return Value::document(*this).dump(2, ' ', false, Document::error_handler_t::replace) + '\n';
}

}  // namespace tr::report
