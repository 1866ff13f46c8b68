#include "actors/deployer/infer_request.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "actors/deployer/datatype.hpp"
#include "actors/deployer/http_message.hpp"
#include "actors/deployer/json_text.hpp"

namespace troupe::actors {
namespace {

using Json = simdjson::dom::element;
using JsonType = simdjson::dom::element_type;
using JsonList = simdjson::dom::array;
using JsonObject = simdjson::dom::object;
constexpr std::size_t max_depth = 32;
constexpr std::size_t max_tensors = 64;
constexpr std::size_t max_id_bytes = 256;
constexpr std::size_t largest_kept_parser = std::size_t{1} << 20;  // bytes of a body
constexpr std::size_t max_row_elements = std::size_t{1} << 28;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw HttpError{400, where + ": " + what};
}

std::string cut(std::string text) {
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return text;
}

std::string shown(Json value) {
  return cut(simdjson::minify(value));
}

std::string quoted(std::string_view text) {
  std::string result;
  append_quoted(result, text);
  return cut(std::move(result));
}

/// None: it is of another type.
template <class T>
std::optional<T> as(Json value) {
  T result;
  if (value.get(result) != simdjson::SUCCESS) return {};
  return result;
}

std::optional<Json> member(JsonObject object, std::string_view key) {
  Json value;
  if (object.at_key(key).get(value) != simdjson::SUCCESS) return {};
  return value;
}

Json needed(JsonObject object, const char* key, const std::string& where) {
  const std::optional<Json> value = member(object, key);
  if (!value) refuse(where, std::string{"expected a member \""} + key + "\", got none");
  return *value;
}

JsonObject object_of(Json value, const std::string& where) {
  const auto object = as<JsonObject>(value);
  if (!object) refuse(where, "expected an object, got " + shown(value));
  return *object;
}

std::string_view text_of(Json value, const std::string& where) {
  const auto text = as<std::string_view>(value);
  if (!text) refuse(where, "expected a text, got " + shown(value));
  return *text;
}

std::int64_t whole_of(Json value, const std::string& where, std::int64_t most) {
  const auto whole = as<std::int64_t>(value);
  if (!whole || *whole < 0 || *whole > most)
    refuse(where,
           "expected a whole number from 0 to " + std::to_string(most) + ", got " + shown(value));
  return *whole;
}

std::optional<JsonObject> parameters_of(JsonObject object, const std::string& where) {
  const std::optional<Json> parameters = member(object, "parameters");
  if (!parameters) return {};
  return object_of(*parameters, where + "/parameters");
}

bool truth_of(const std::optional<JsonObject>& parameters, const char* key, bool fallback,
              const std::string& where) {
  const std::optional<Json> value = parameters ? member(*parameters, key) : std::nullopt;
  if (!value) return fallback;
  const auto truth = as<bool>(*value);
  if (!truth) refuse(where + "/parameters/" + key, "expected true or false, got " + shown(*value));
  return *truth;
}

/// The library counts up to a bound only.
std::size_t size_of(JsonList list) {
  constexpr std::size_t most_counted = 0xFFFFFF;
  if (list.size() < most_counted) return list.size();
  return static_cast<std::size_t>(std::distance(list.begin(), list.end()));
}

// A tensor's place in the rows.
struct Target {
  Datatype type = Datatype::fp32;
  std::size_t offset = 0;    // of its elements in a row, in bytes
  std::size_t elements = 0;  // of a row
};

// Takes a tensor's numbers one after the other.
class RowWriter {
 public:
  RowWriter(std::vector<std::byte>& rows, std::size_t row_bytes, const Target& target,
            std::int64_t count)
      : target_{target},
        size_{size_bytes(target.type)},
        gap_{row_bytes - target.elements * size_},
        at_{rows.data() + target.offset},
        left_{static_cast<std::size_t>(count) * target.elements},
        total_{left_} {}

  std::size_t taken() const { return total_ - left_; }
  std::size_t left() const { return left_; }
  std::size_t total() const { return total_; }

  std::byte* place() { return at_; }
  void next() {
    --left_;
    at_ += size_;
    if (++in_row_ == target_.elements) {
      in_row_ = 0;
      if (left_ > 0) at_ += gap_;
    }
  }
  const Target& target() const { return target_; }

 private:
  const Target target_;
  const std::size_t size_, gap_;
  std::byte* at_;
  std::size_t left_, total_, in_row_ = 0;
};

[[noreturn]] void refuse_value(const std::string& where, std::size_t index, Datatype sent,
                               Datatype wanted, const std::string& got) {
  refuse(where + "/data", "element " + std::to_string(index) + ": expected a finite " +
                              std::string{to_string(sent)} + " that fits the model's " +
                              std::string{to_string(wanted)} + ", got " + got);
}

void write_number(Json value, Datatype sent, RowWriter& to, const std::string& where) {
  const Datatype wanted = to.target().type;
  bool fits = false;
  switch (value.type()) {
    case JsonType::BOOL:
      fits = sent == Datatype::bool_ && store(wanted, to.place(), std::int64_t{*as<bool>(value)});
      break;
    case JsonType::INT64:
      if (is_floating(sent)) {
        fits = store(wanted, to.place(), *as<double>(value));
      } else {
        const std::int64_t whole = *as<std::int64_t>(value);
        const WholeRange range = whole_range(sent);
        fits = whole >= range.least && whole <= range.most && store(wanted, to.place(), whole);
      }
      break;
    case JsonType::UINT64:  // what is too large for the other one
    case JsonType::DOUBLE:
      fits = is_floating(sent) && store(wanted, to.place(), *as<double>(value));
      break;
    default:
      break;
  }
  if (!fits) refuse_value(where, to.taken(), sent, wanted, shown(value));
  to.next();
}

// Nested as the shape says, or flat.
void write_nested(Json data, const std::vector<std::int64_t>& shape, std::size_t level,
                  Datatype sent, RowWriter& to, const std::string& where) {
  const auto list = as<JsonList>(data);
  if (!list || level >= shape.size() || size_of(*list) != static_cast<std::uint64_t>(shape[level]))
    refuse(where + "/data", "expected numbers nested as the shape " + shape_text(shape) +
                                " says, or a flat list, got " + shown(data) + " at depth " +
                                std::to_string(level));
  for (const Json item : *list) {
    if (level + 1 < shape.size())
      write_nested(item, shape, level + 1, sent, to, where);
    else
      write_number(item, sent, to, where);
  }
}

void write_json(Json data, const std::vector<std::int64_t>& shape, Datatype sent, RowWriter& to,
                const std::string& where) {
  const auto list = as<JsonList>(data);
  if (!list) refuse(where + "/data", "expected a list, got " + shown(data));
  const std::size_t size = size_of(*list);
  if (size > 0 && (*list->begin()).is<JsonList>())
    return write_nested(data, shape, 0, sent, to, where);
  if (size != to.total())
    refuse(where + "/data", "expected " + std::to_string(to.total()) + " numbers for the shape " +
                                shape_text(shape) + ", got " + std::to_string(size));
  for (const Json item : *list) write_number(item, sent, to, where);
}

void write_binary(std::string_view data, Datatype sent, RowWriter& to, const std::string& where) {
  const auto* from = reinterpret_cast<const std::byte*>(data.data());
  for (; to.left() > 0; to.next(), from += size_bytes(sent))
    if (!convert(sent, from, to.target().type, to.place()))
      refuse_value(where, to.taken(), sent, to.target().type, "another value");
}

// One request's reading: the JSON and what lies behind it.
class Reading {
 public:
  Reading(const ServableInfo& info, std::string_view body, std::string_view header_length,
          const InferLimits& limits)
      : info_{info}, limits_{limits}, json_{body} {
    if (header_length.empty()) return;
    std::size_t length = 0;
    const char* const end = header_length.data() + header_length.size();
    const auto [stopped, error] = std::from_chars(header_length.data(), end, length);
    if (error != std::errc{} || stopped != end || length > body.size())
      refuse("Inference-Header-Content-Length",
             "expected a number of bytes up to the body's " + std::to_string(body.size()) +
                 ", got \"" + std::string{header_length.substr(0, 40)} + "\"");
    json_ = body.substr(0, length);
    binary_ = body.substr(length);
    has_binary_ = true;
  }

  InferRequest read() {
    if (deeper_than(json_, max_depth))
      refuse("body", "expected JSON of at most " + std::to_string(max_depth) + " levels");
    // What the values lie in, used again for the next request of this thread, unless it has grown large.
    static thread_local simdjson::dom::parser small;
    simdjson::dom::parser large;
    Json value;
    const auto fault = (json_.size() <= largest_kept_parser ? small : large)
                           .parse(json_.data(), json_.size())
                           .get(value);
    if (fault != simdjson::SUCCESS)
      refuse("body", std::string{"expected JSON, got a fault: "} + simdjson::error_message(fault));
    const JsonObject root = object_of(value, "body");
    if (const std::optional<Json> id = member(root, "id")) {
      request_.id = text_of(*id, "/id");
      if (request_.id.size() > max_id_bytes)
        refuse("/id", "expected at most " + std::to_string(max_id_bytes) + " bytes");
    }
    read_inputs(needed(root, "inputs", "body"));
    read_outputs(root);
    return std::move(request_);
  }

 private:
  void read_inputs(Json inputs) {
    const auto list = as<JsonList>(inputs);
    if (!list || size_of(*list) != info_.inputs.size())
      refuse("/inputs", "expected a list of the model's " + std::to_string(info_.inputs.size()) +
                            " inputs, got " +
                            (list ? std::to_string(size_of(*list)) : shown(inputs)));
    std::vector<bool> seen(info_.inputs.size());
    std::size_t i = 0;
    for (const Json input : *list) {
      const std::string where = "/inputs/" + std::to_string(i++);
      read_input(object_of(input, where), where, seen);
    }
    if (!binary_.empty())
      refuse("body",
             "expected no bytes behind the binary inputs, got " + std::to_string(binary_.size()));
  }

  void read_input(JsonObject input, const std::string& where, std::vector<bool>& seen) {
    const std::string_view name = text_of(needed(input, "name", where), where + "/name");
    const std::size_t index = index_of(info_.inputs, name, where);
    if (seen[index]) refuse(where + "/name", "expected each input once, got it again");
    seen[index] = true;
    const std::string_view type_name =
        text_of(needed(input, "datatype", where), where + "/datatype");
    const std::optional<Datatype> sent = find_datatype(type_name);
    if (!sent)
      refuse(where + "/datatype",
             "expected FP32, FP64, INT32, INT64, UINT8 or BOOL, got " + quoted(type_name));
    const std::vector<std::int64_t> shape = read_shape(needed(input, "shape", where), index, where);

    const TensorInfo& tensor = info_.inputs[index];
    RowWriter to{request_.rows, input_row_bytes(info_), target_of(index), request_.count};
    const std::optional<JsonObject> parameters = parameters_of(input, where);
    const std::optional<Json> size =
        parameters ? member(*parameters, "binary_data_size") : std::nullopt;
    const std::optional<Json> data = member(input, "data");
    if (!size) {
      if (!data)
        refuse(where, "expected \"data\" or parameters with binary_data_size for the input \"" +
                          tensor.name + "\", got neither");
      return write_json(*data, shape, *sent, to, where);
    }
    if (data) refuse(where, "expected \"data\" or binary_data_size, got both");
    if (!has_binary_)
      refuse(where, "expected the header Inference-Header-Content-Length with binary_data_size");
    const std::size_t expected = to.total() * size_bytes(*sent);
    const auto bytes = static_cast<std::size_t>(
        whole_of(*size, where + "/parameters/binary_data_size", std::int64_t{1} << 40));
    if (bytes != expected || bytes > binary_.size())
      refuse(where + "/parameters/binary_data_size",
             "expected " + std::to_string(expected) + " bytes for the shape " + shape_text(shape) +
                 ", got " + std::to_string(bytes) + " of " + std::to_string(binary_.size()) +
                 " that the body has left");
    write_binary(binary_.substr(0, bytes), *sent, to, where);
    binary_.remove_prefix(bytes);
  }

  std::vector<std::int64_t> read_shape(Json json, std::size_t index, const std::string& where) {
    const TensorInfo& tensor = info_.inputs[index];
    std::vector<std::int64_t> expected = tensor.shape;
    expected.insert(expected.begin(), -1);
    std::vector<std::int64_t> shape;
    const auto list = as<JsonList>(json);
    bool fits = list && size_of(*list) == expected.size();
    if (fits) {
      for (const Json item : *list) {
        const std::int64_t dim = as<std::int64_t>(item).value_or(-1);
        const std::size_t i = shape.size();
        fits = fits && dim <= INT32_MAX && (i == 0 ? dim >= 1 : dim == expected[i]);
        shape.push_back(dim);
      }
    }
    if (!fits)
      refuse(where + "/shape", "expected " + shape_text(expected) + " for the input \"" +
                                   tensor.name + "\", where -1 is the number of rows, got " +
                                   shown(json));
    if (shape[0] > limits_.rows)
      throw HttpError{413, where + "/shape: expected at most " + std::to_string(limits_.rows) +
                               " rows in a request, got " + std::to_string(shape[0])};
    if (request_.count == 0) {
      request_.count = shape[0];
      request_.rows.resize(static_cast<std::size_t>(request_.count) * input_row_bytes(info_));
    } else if (request_.count != shape[0]) {
      refuse(where + "/shape", "expected as many rows as the inputs before it, " +
                                   std::to_string(request_.count) + ", got " +
                                   std::to_string(shape[0]));
    }
    return shape;
  }

  void read_outputs(JsonObject root) {
    const std::optional<JsonObject> parameters = parameters_of(root, "");
    const bool all_binary = truth_of(parameters, "binary_data_output", false, "");
    const std::optional<Json> outputs = member(root, "outputs");
    const std::optional<JsonList> list = outputs ? as<JsonList>(*outputs) : std::nullopt;
    if (!outputs || (list && size_of(*list) == 0)) {
      for (std::size_t i = 0; i < info_.outputs.size(); ++i)
        request_.outputs.push_back({i, all_binary, 0});
      return;
    }
    if (!list || size_of(*list) > max_tensors)
      refuse("/outputs", "expected a list of the model's outputs, got " + shown(*outputs));
    std::size_t i = 0;
    for (const Json item : *list) {
      const std::string where = "/outputs/" + std::to_string(i++);
      const JsonObject output = object_of(item, where);
      WantedOutput wanted;
      wanted.index =
          index_of(info_.outputs, text_of(needed(output, "name", where), where + "/name"), where);
      const std::optional<JsonObject> with = parameters_of(output, where);
      wanted.binary = truth_of(with, "binary_data", all_binary, where);
      if (const std::optional<Json> top = with ? member(*with, "classification") : std::nullopt)
        wanted.classification = static_cast<std::size_t>(
            whole_of(*top, where + "/parameters/classification", 1'000'000));
      const auto same = [&](const WantedOutput& other) { return other.index == wanted.index; };
      if (std::any_of(request_.outputs.begin(), request_.outputs.end(), same))
        refuse(where + "/name", "expected each output once, got it again");
      request_.outputs.push_back(wanted);
    }
  }

  static std::size_t index_of(const std::vector<TensorInfo>& tensors, std::string_view name,
                              const std::string& where) {
    std::string known;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].name == name) return i;
      known += (known.empty() ? "\"" : ", \"") + tensors[i].name + "\"";
    }
    refuse(where + "/name", "expected " + known + ", got " + quoted(name));
  }

  Target target_of(std::size_t index) const {
    Target target;
    for (std::size_t i = 0; i <= index; ++i) {
      target.offset += target.elements * size_bytes(target.type);
      target.type = *find_datatype(info_.inputs[i].datatype);
      target.elements = *elements_of(info_.inputs[i].shape, max_row_elements);
    }
    return target;
  }

  const ServableInfo& info_;
  const InferLimits limits_;
  std::string_view json_, binary_;
  bool has_binary_ = false;
  InferRequest request_;
};

}  // namespace

InferRequest read_infer_request(const ServableInfo& info, std::string_view body,
                                std::string_view header_length, const InferLimits& limits) {
  return Reading{info, body, header_length, limits}.read();
}

}  // namespace troupe::actors
