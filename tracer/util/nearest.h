// What may somebody have meant who named what is not there?
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tr {

// Of the candidates those that are like `wanted`, nearest first: at most 3, each once. At most 2
// letters differ, or a fourth of them; upper and lower case are the same.
std::vector<std::string> nearest_names(std::string_view wanted,
                                       const std::vector<std::string>& candidates);

}  // namespace tr
