#include "http_client.h"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <stdlib.h>

namespace servers::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHeadEnd = "\r\n\r\n";

Response parse_head(const std::string& head) {
  Response response;
  response.head = head;
  std::istringstream lines(head);
  std::string line;
  std::getline(lines, line);
  if (!line.starts_with("HTTP/1.1 ") || line.back() != '\r')
    throw std::runtime_error("no status line: " + line);
  response.status = std::stoi(line.substr(9));
  while (std::getline(lines, line) && line != "\r") {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos || line.back() != '\r')
      throw std::runtime_error("no header field: " + line);
    const auto [at, is_new] = response.fields.emplace(
        line.substr(0, colon), line.substr(colon + 2, line.size() - colon - 3));
    if (!is_new) throw std::runtime_error("twice: " + line);
  }
  return response;
}

std::size_t body_size(const Response& response) {
  const std::string length = response.field("Content-Length");
  if (length.empty() && response.status != 304)
    throw std::runtime_error("no Content-Length: " + response.head);
  return length.empty() ? 0 : std::stoul(length);
}

}  // namespace

SiteFolder::SiteFolder() {
  std::string pattern = fs::temp_directory_path() / "servers_http_XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  root_ = pattern;
  fs::create_directory(path());
}

SiteFolder::~SiteFolder() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

fs::path SiteFolder::file(const std::string& name, std::string_view text) const {
  const fs::path there = fs::path(path()) / name;
  fs::create_directories(there.parent_path());
  std::ofstream(there, std::ios::binary) << text;
  return there;
}

Response take_response(std::string& bytes, bool to_head) {
  const std::size_t end = bytes.find(kHeadEnd);
  if (end == std::string::npos) throw std::runtime_error("no whole head: " + bytes);
  Response response = parse_head(bytes.substr(0, end + kHeadEnd.size()));
  bytes.erase(0, end + kHeadEnd.size());
  const std::size_t size = to_head ? 0 : body_size(response);
  if (bytes.size() < size) throw std::runtime_error("no whole body behind " + response.head);
  response.body = bytes.substr(0, size);
  bytes.erase(0, size);
  return response;
}

std::vector<Response> take_responses(std::string bytes) {
  std::vector<Response> responses;
  while (!bytes.empty())
    responses.push_back(take_response(bytes));
  return responses;
}

Response receive_response(Client& client, bool to_head) {
  std::string head;
  while (!head.ends_with(kHeadEnd)) {
    const std::string byte = client.receive(1);
    if (byte.empty()) throw std::runtime_error("ended within the head: " + head);
    head += byte;
  }
  Response response = parse_head(head);
  if (!to_head) response.body = client.receive(body_size(response));
  return response;
}

Response ask(Client& client, std::string_view request) {
  client.send(request);
  return receive_response(client, request.starts_with("HEAD "));
}

std::string get(std::string_view target, std::string_view fields) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

}  // namespace servers::test
