#include "tests/faults/serving_load.hpp"

#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::test {

using Json = nlohmann::json;

namespace {

/// The value of a header; empty: there is none.
std::string header_of(const RawResponse& response, const std::string& name) {
  const std::size_t at = response.head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 4;
  return response.head.substr(begin, response.head.find("\r\n", begin) - begin);
}

std::vector<float> random_rows(std::minstd_rand& random, std::int64_t rows, std::int64_t width) {
  std::vector<float> values(static_cast<std::size_t>(rows * width));
  for (float& value : values) value = static_cast<float>(random() % 65) / 4.0F;
  return values;
}

std::string bytes_of(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

}  // namespace

std::vector<ServingExample> make_examples(std::map<std::uint64_t, actors::Predictor>& versions,
                                          std::size_t count, std::uint64_t seed) {
  std::minstd_rand random{static_cast<unsigned>(seed)};
  const gpu::Shape shape = versions.begin()->second.shape();
  std::vector<ServingExample> examples;
  for (std::size_t i = 0; i < count; ++i) {
    ServingExample example;
    example.rows = 1 + static_cast<std::int64_t>(random() % 5);
    const std::vector<float> values = random_rows(random, example.rows, shape.elements());
    Json input = {{"name", "features"}, {"datatype", "FP32"}, {"shape", {example.rows}}};
    for (const std::int64_t size : shape.dims()) input["shape"].push_back(size);
    Json rest = Json::object();
    if (i % 2 == 0) {
      input["data"] = values;
    } else {
      example.tensor = bytes_of(values);
      input["parameters"] = {{"binary_data_size", example.tensor.size()}};
      rest["parameters"] = {{"binary_data_output", true}};
    }
    rest["inputs"] = Json::array({std::move(input)});
    example.json = ',' + rest.dump().substr(1);
    for (auto& [version, predictor] : versions)
      example.expected[version] = predictor.predict(std::span{values});
    if (example.expected.begin()->second == example.expected.rbegin()->second)
      throw Error{ErrorCode::bug, "examples: expected versions that predict differently"};
    examples.push_back(std::move(example));
  }
  return examples;
}

std::string fault_of(const RawResponse& response, const ServingExample& example,
                     const std::string& id, std::uint64_t& version) {
  if (response.status == 0) return "no answer";
  if (response.status != 200)
    return std::to_string(response.status) + ' ' + response.body.substr(0, 200);
  const std::string length = header_of(response, "Inference-Header-Content-Length");
  if (length.empty() != example.tensor.empty()) return "not the encoding that was asked for";
  const std::size_t size = length.empty() ? response.body.size() : std::stoul(length);
  const std::string text = response.body.substr(0, size);
  std::vector<float> values;
  try {
    const Json json = Json::parse(text);
    if (json.at("id") != id) return "the answer to another request";
    if (header_of(response, "X-Troupe-Prediction-Id").empty()) return "no prediction id";
    version = std::stoull(json.at("model_version").get<std::string>());
    const Json& output = json.at("outputs").at(0);
    if (output.at("shape").at(0) != example.rows) return "another number of rows: " + text;
    if (length.empty()) {
      values = output.at("data").get<std::vector<float>>();
    } else {
      values.resize((response.body.size() - size) / sizeof(float));
      std::memcpy(values.data(), response.body.data() + size, values.size() * sizeof(float));
    }
  } catch (const std::exception& error) {
    return error.what() + (": " + text.substr(0, 200));
  }
  const auto expected = example.expected.find(version);
  if (expected == example.expected.end()) return "version " + std::to_string(version);
  if (bytes_of(values) != bytes_of(expected->second))
    return "not what version " + std::to_string(version) + " predicts: " + text.substr(0, 200);
  return {};
}

ServingLoad::ServingLoad(std::function<std::uint16_t()> port,
                         const std::vector<ServingExample>& examples, unsigned connections,
                         bool may_cut_off)
    : port_{std::move(port)}, examples_{examples}, may_cut_off_{may_cut_off} {
  for (unsigned i = 0; i < connections; ++i) threads_.emplace_back([this, i] { run(i); });
}

ServingLoad::~ServingLoad() {
  stop();
}

void ServingLoad::stop() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::set<std::string> ServingLoad::faults() const {
  const std::lock_guard lock{mutex_};
  return faults_;
}

void ServingLoad::fail(const std::string& what) {
  const std::lock_guard lock{mutex_};
  faults_.insert(what);
}

void ServingLoad::run(unsigned number) {
  std::minstd_rand random{number + 1};
  std::uint64_t asked = 0;
  try {
    while (!stop_ && faults().empty()) {
      RawClient client{port_()};
      bool open = true;
      while (open && !stop_ && faults().empty()) {
        const ServingExample& example = examples_[random() % examples_.size()];
        const std::string id = std::to_string(number) + '-' + std::to_string(asked++);
        const std::string json = "{\"id\":\"" + id + '"' + example.json;
        std::string headers;
        if (!example.tensor.empty())
          headers = "Inference-Header-Content-Length: " + std::to_string(json.size()) + "\r\n";
        const std::uint64_t before = settled_;
        const RawResponse response =
            client.request("POST", "/v2/models/digits/infer", json + example.tensor, headers);
        open = response.status != 0 && response.head.find("Connection: close") == std::string::npos;
        check(response, example, id, before);
      }
    }
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

void ServingLoad::check(const RawResponse& response, const ServingExample& example,
                        const std::string& id, std::uint64_t settled_before) {
  if (response.status == 0 && may_cut_off_) {
    ++cut_off_;
    return;
  }
  if (response.status == 503 && !header_of(response, "Retry-After").empty()) {
    ++overloaded_;
    return;
  }
  std::uint64_t version = 0;
  const std::string fault = fault_of(response, example, id, version);
  if (!fault.empty()) return fail(fault);
  const auto settled = static_cast<std::uint32_t>(settled_before);
  if (settled_before != 0 && settled_before == settled_ && version != settled)
    return fail("version " + std::to_string(version) + " answered where " +
                std::to_string(settled) + " was served");
  ++answered_;
}

}  // namespace troupe::test
