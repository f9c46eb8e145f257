#include "util/nearest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tr {
namespace {

constexpr std::size_t kSuggestions = 3;

std::string lower(std::string_view text) {
  std::string letters(text);
  for (char& c : letters)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return letters;
}

// How many letters must be put in, taken out or replaced to get from one to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view wanted,
                                       const std::vector<std::string>& candidates) {
  const std::string wanted_lower = lower(wanted);
  const std::size_t worst = std::max<std::size_t>(2, wanted.size() / 4);
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const std::string& candidate : candidates)
    if (const std::size_t distance = edit_distance(wanted_lower, lower(candidate));
        distance <= worst)
      found.emplace_back(distance, candidate);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.size() > kSuggestions) found.resize(kSuggestions);
  std::vector<std::string> names;
  names.reserve(found.size());
  for (auto& [distance, name] : found)
    names.push_back(std::move(name));
  return names;
}

}  // namespace tr
