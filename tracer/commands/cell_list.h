// What does a list of cells say, line by line, before anything is made of its words?
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace tr::commands {

struct ListedCell {
  std::size_t line = 0;  // in the list, from 1 on
  std::string name;
  std::vector<std::string> words;  // behind the name; at least one
};

// The words of a line, as a shell splits and unquotes it and nothing more: what a shell would
// expand stays as it is. A word that begins with # ends the line. An error where a quote is not
// closed.
Result<std::vector<std::string>> split_words(std::string_view line);

// A cell per line, "NAME: WORDS...", each name once; empty lines and comments are left out. `file`
// is what errors call the list: they are usage errors, and name the line.
Result<std::vector<ListedCell>> parse_cell_list(std::string_view text, const std::string& file);

// The same of a file; "-": of standard input.
Result<std::vector<ListedCell>> read_cell_list(const std::string& file);

// What errors call it.
std::string list_name(const std::string& file);
// A usage error about a line of a list.
Error error_in_line(const std::string& file, std::size_t line, const std::string& why);

}  // namespace tr::commands
