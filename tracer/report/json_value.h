// A JSON document to be written, its keys in the order in which they came. Made as
// nlohmann::ordered_json is, but compiled in a fraction of the time: that is used only in
// json_value.cpp, to put it into text.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tr::report {

class Json {
 public:
  class Item;

  Json();  // null
  Json(std::nullptr_t) : Json() {}
  Json(std::same_as<bool> auto value) : Json(Bool{value}) {}
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) Json(Number value) : Json(make_number(value)) {}
  Json(double value);
  Json(const char* text) : Json(std::string(text)) {}
  Json(std::string_view text) : Json(std::string(text)) {}
  Json(std::string text);
  // A map of texts is an object, other containers are arrays.
  template <class Container>
  requires requires(const Container& values) {
    values.begin() != values.end();
  } &&(!std::convertible_to<const Container&, std::string_view>)Json(const Container& values)
      : Json(array()) {
    if constexpr (requires { typename Container::mapped_type; }) {
      *this = object();
      for (const auto& [key, value] : values)
        (*this)[key] = value;
    } else {
      for (const auto& value : values)
        push_back(value);
    }
  }
  // An object if each item is a pair of a text and a value; else an array.
  Json(std::initializer_list<Item> items);

  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(Json other) noexcept;
  ~Json();

  [[nodiscard]] static Json array();
  [[nodiscard]] static Json object();

  // Makes null an object.
  Json& operator[](std::string_view key);
  [[nodiscard]] bool contains(std::string_view key) const;
  void erase(std::string_view key);
  // Sets what the other object has.
  void update(const Json& other);

  // Makes null an array.
  Json& push_back(Json value);
  Json& emplace_back(Json value) { return push_back(std::move(value)); }

  // As lines, indented by two; ends with a newline. Bytes that are no UTF-8 are replaced, and a
  // number that JSON does not have (infinity) is null.
  [[nodiscard]] std::string text() const;

 private:
  struct Value;
  struct Bool {
    bool value;
  };
  explicit Json(Bool value);
  template <std::integral Number>
  static Json make_number(Number value) {
    if constexpr (std::signed_integral<Number>)
      return signed_number(value);
    else
      return unsigned_number(value);
  }
  static Json signed_number(std::int64_t value);
  static Json unsigned_number(std::uint64_t value);

  std::unique_ptr<Value> value_;  // none: null
};

// What stands between braces; a value that can be moved out of an initializer list.
class Json::Item {
 public:
  Item() = default;  // {}: null
  template <class T>
  requires std::constructible_from<Json, T> Item(T value) : value_(std::move(value)) {}
  Item(std::initializer_list<Item> items) : value_(items) {}

 private:
  friend class Json;
  mutable Json value_;
};

}  // namespace tr::report
