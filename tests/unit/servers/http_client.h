// What HTTP tests need: a folder of files, and answers taken apart.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client.h"

namespace servers::test {

// A folder of its own, gone with its owner.
class SiteFolder {
 public:
  SiteFolder();
  SiteFolder(const SiteFolder&) = delete;
  SiteFolder& operator=(const SiteFolder&) = delete;
  ~SiteFolder();

  [[nodiscard]] std::string path() const { return root_ / "site"; }
  // Writes a file below it. "../x" lies outside.
  std::filesystem::path file(const std::string& name, std::string_view text) const;

 private:
  std::filesystem::path root_;
};

struct Response {
  int status = 0;
  std::string head;
  std::string body;
  std::map<std::string, std::string> fields;

  [[nodiscard]] std::string field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? "" : found->second;
  }
  // Whether the server closes the connection behind it.
  [[nodiscard]] bool closes() const { return field("Connection") == "close"; }
};

// The first answer in `bytes`, taken out of it. A HEAD's answer has no body. Throws
// std::runtime_error if that is not one whole answer.
[[nodiscard]] Response take_response(std::string& bytes, bool to_head = false);
// All that there is.
[[nodiscard]] std::vector<Response> take_responses(std::string bytes);

// Sends a request and receives its whole answer.
Response ask(Client& client, std::string_view request);
// Receives the next whole answer.
[[nodiscard]] Response receive_response(Client& client, bool to_head = false);

[[nodiscard]] std::string get(std::string_view target, std::string_view fields = {});

}  // namespace servers::test
