// Is this option's value a number, and in its range? One answer for both. (CLI::Range lets "nan"
// pass, and words that are no numbers get another message.)
#pragma once

#include <charconv>
#include <string>
#include <type_traits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace servers {

// Both bounds are allowed.
template <class Number>
[[nodiscard]] CLI::Validator number_between(Number low, Number high) {
  return {[low, high](std::string& text) -> std::string {
            Number value{};
            const char* const end = text.data() + text.size();
            const auto [parsed, error] = std::from_chars(text.data(), end, value);
            if (error == std::errc{} && parsed == end && value >= low && value <= high) return {};
            return fmt::format("\"{}\" is not a {} from {} to {}", text,
                               std::is_integral_v<Number> ? "whole number" : "number", low, high);
          },
          ""};
}

}  // namespace servers
