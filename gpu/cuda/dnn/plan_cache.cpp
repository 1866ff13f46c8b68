#include "gpu/cuda/dnn/plan_cache.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <span>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20;  // a compiled kernel is in it
constexpr std::string_view magic = "troupe cudnn plan 1";

// Names a file and tells damage from what was written. The C++ library may choose another function one day: then
// files are written anew.
std::string hash_of(std::string_view text) {
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016zx", std::hash<std::string_view>{}(text));
  return digits.data();
}

/// Lengths and texts, so that no text can be mistaken for another's end.
std::string body_of(std::string_view key, const StoredPlan& plan) {
  std::string body;
  for (const std::string_view text :
       {key, std::string_view{plan.choice}, std::string_view{plan.json}})
    body.append(std::to_string(text.size())).append("\n").append(text).append("\n");
  return body;
}

/// Cuts off what stands before the next `end`; nothing if there is none.
std::optional<std::string_view> cut(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at + 1);
  return before;
}

/// A text behind its length.
std::optional<std::string_view> cut_counted(std::string_view& text) {
  const auto digits = cut(text, '\n');
  if (!digits || digits->empty() || digits->size() > 9) return std::nullopt;
  std::size_t length = 0;
  for (const char digit : *digits) {
    if (digit < '0' || digit > '9') return std::nullopt;
    length = length * 10 + static_cast<std::size_t>(digit - '0');
  }
  if (length >= text.size() || text[length] != '\n') return std::nullopt;
  const std::string_view counted = text.substr(0, length);
  text.remove_prefix(length + 1);
  return counted;
}

}  // namespace

PlanCache::PlanCache(FileSystem& files, std::string folder)
    : files_{&files}, folder_{std::move(folder)} {}

std::string PlanCache::path_of(std::string_view key) const {
  return folder_ + "/" + hash_of(key) + ".plan";
}

std::optional<StoredPlan> PlanCache::find(std::string_view key) const {
  FileBytes bytes;
  try {
    const std::string path = path_of(key);
    if (files_->kind(path) != PathKind::file) return std::nullopt;
    bytes = files_->read(path, most_bytes);
  } catch (const Error&) {
    return std::nullopt;  // unreadable: as if it were not there
  }
  std::string_view text{reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()};
  if (cut(text, '\n') != magic) return std::nullopt;
  if (const auto hash = cut(text, '\n'); hash != hash_of(text)) return std::nullopt;
  if (cut_counted(text) != key) return std::nullopt;
  const auto choice = cut_counted(text);
  const auto json = cut_counted(text);
  if (!choice || !json) return std::nullopt;
  return StoredPlan{std::string{*choice}, std::string{*json}};
}

void PlanCache::store(std::string_view key, const StoredPlan& plan) {
  const std::string body = body_of(key, plan);
  const std::string text = std::string{magic} + "\n" + hash_of(body) + "\n" + body;
  try {
    create_folders(*files_, folder_);
    write_atomically(*files_, path_of(key), std::as_bytes(std::span{text}));
  } catch (const Error&) {
    return;
  }
}

}  // namespace troupe::gpu::cuda::dnn
