#include "actors/loader/prepared_manifest.hpp"

#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "serialization/sha256.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::json;

constexpr int format_number = 1;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error{ErrorCode::corrupted, where + ": " + what};
}

std::string reason_name(std::size_t i) {
  return std::string{to_string(static_cast<Reason>(i + 1))};
}

Json prepared(const PreparedManifest& manifest) {
  std::vector<std::int64_t> shape{manifest.layout.shape.dims().begin(),
                                  manifest.layout.shape.dims().end()};
  return {
      {"shape", shape},
      {"dtype", gpu::to_string(manifest.layout.dtype)},
      {"classes", manifest.layout.classes},
      {"class_names", manifest.class_names},
      {"measured", {{"mean", manifest.measured.mean}, {"deviation", manifest.measured.deviation}}}};
}

Json file_json(const PreparedManifest::File& file) {
  return {{"bytes", file.size_bytes}, {"xxh3", file.hash}};
}

PreparedManifest::File file_of(const Json& json) {
  return {json.at("bytes").get<std::uint64_t>(), json.at("xxh3").get<std::string>()};
}

std::string text_of(const Json& json) {
  return json.dump(1) + '\n';
}

/// Texts come from files of all kinds: what is no UTF-8 must not stop the writing.
std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string hash_of(const Json& json) {
  const std::string text = dumped(json);
  return serialization::to_hex(serialization::xxh3_128(std::as_bytes(std::span{text})));
}

PreparedManifest read(const Json& json) {
  PreparedManifest manifest;
  const auto shape = json.at("shape").get<std::vector<std::int64_t>>();
  const auto dtype = json.at("dtype").get<std::string>();
  manifest.layout = {gpu::Shape{shape}, dtype == "u8" ? gpu::DType::u8 : gpu::DType::f32,
                     json.at("classes").get<std::int64_t>()};
  manifest.class_names = json.at("class_names").get<std::vector<std::string>>();
  manifest.measured = {json.at("measured").at("mean").get<std::vector<double>>(),
                       json.at("measured").at("deviation").get<std::vector<double>>()};
  manifest.class_counts = json.at("class_counts").get<std::vector<std::uint64_t>>();
  manifest.data = json.at("data").dump();
  manifest.preprocess = json.at("preprocess").dump();
  manifest.seed = json.at("seed").get<std::uint64_t>();
  manifest.raw_train = json.at("raw").at("train").get<std::uint64_t>();
  manifest.raw_test = json.at("raw").at("test").get<std::uint64_t>();
  manifest.raw_extra = json.at("raw").value("extra", std::uint64_t{0});
  manifest.fingerprint = json.at("fingerprint").get<std::string>();
  for (std::size_t i = 0; i < reason_count; ++i) {
    manifest.rejected[i] = json.at("rejected").at(reason_name(i)).get<std::uint64_t>();
  }
  for (const Split split : all_splits) {
    const auto i = static_cast<std::size_t>(split);
    const std::string name{to_string(split)};
    manifest.counts[i] = json.at("counts").at(name).get<std::uint64_t>();
    manifest.records[i] = file_of(json.at("files").at(name + ".records"));
  }
  manifest.quarantine = file_of(json.at("files").at("quarantine.csv"));
  return manifest;
}

void check(const PreparedManifest& manifest, const std::string& where) {
  const RecordLayout& layout = manifest.layout;
  if (layout.shape.rank() < 1 || layout.elements() == 0 || layout.classes < 0) {
    refuse(where, "expected a shape and classes, got " + gpu::to_string(layout.shape));
  }
  for (std::size_t i = 0; i < split_count; ++i) {
    const std::uint64_t size = manifest.records[i].size_bytes;
    if (size % layout.bytes() != 0 || size / layout.bytes() != manifest.counts[i]) {
      refuse(where, "expected files of whole records, as many as are counted, got " +
                        std::to_string(size) + " bytes for " + std::to_string(manifest.counts[i]) +
                        " records of " + std::to_string(layout.bytes()));
    }
  }
}

}  // namespace

std::string_view to_string(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::validation:
      return "validation";
    case Split::test:
      return "test";
  }
  return "?";
}

std::string prepared_json(const PreparedManifest& manifest) {
  return dumped(prepared(manifest));
}

std::string encode_prepared_manifest(const PreparedManifest& manifest) {
  Json json = prepared(manifest);
  json["format"] = format_number;
  json["class_counts"] = manifest.class_counts;
  json["data"] = Json::parse(manifest.data);
  json["preprocess"] = Json::parse(manifest.preprocess);
  json["seed"] = manifest.seed;
  json["raw"] = {{"train", manifest.raw_train}, {"test", manifest.raw_test}};
  if (manifest.raw_extra > 0) json["raw"]["extra"] = manifest.raw_extra;
  json["fingerprint"] = manifest.fingerprint;
  for (std::size_t i = 0; i < reason_count; ++i)
    json["rejected"][reason_name(i)] = manifest.rejected[i];
  for (const Split split : all_splits) {
    const auto i = static_cast<std::size_t>(split);
    const std::string name{to_string(split)};
    json["counts"][name] = manifest.counts[i];
    json["files"][name + ".records"] = file_json(manifest.records[i]);
  }
  json["files"]["quarantine.csv"] = file_json(manifest.quarantine);
  json["hash"] = hash_of(json);
  return text_of(json);
}

PreparedManifest decode_prepared_manifest(std::span<const std::byte> bytes,
                                          const std::string& where) {
  const std::string text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) refuse(where, "expected a map in JSON, got other text");
  const auto hash = json.find("hash");
  if (hash == json.end() || !hash->is_string()) refuse(where, "expected its hash, got none");
  const auto format = json.find("format");
  if (format == json.end() || !format->is_number_integer())
    refuse(where, "expected a format number, got none");
  // Byte by byte: what another writer would have formatted otherwise was not written by us.
  if (text_of(json) != text)
    refuse(where, "expected the text that was written, got one that was changed");
  const std::string told = hash->get<std::string>();
  json.erase("hash");
  if (const std::string is = hash_of(json); is != told) {
    refuse(where, "XXH3-128 differs: expected " + told + ", got " + is);
  }
  if (*json.find("format") != format_number) {
    throw Error{ErrorCode::unsupported, where + ": expected format " +
                                            std::to_string(format_number) + ", got " +
                                            json.find("format")->dump()};
  }
  try {  // the one place where the library's exceptions become ours
    PreparedManifest manifest = read(json);
    check(manifest, where);
    return manifest;
  } catch (const Json::exception& error) {
    refuse(where, error.what());
  }
}

}  // namespace troupe::actors
