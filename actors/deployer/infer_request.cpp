#include "actors/deployer/infer_request.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "actors/deployer/datatype.hpp"
#include "actors/deployer/http_message.hpp"
#include "actors/deployer/json_text.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::json;
constexpr std::size_t max_depth = 32;
constexpr std::size_t max_tensors = 64;
constexpr std::size_t max_id_bytes = 256;
constexpr std::size_t max_row_elements = std::size_t{1} << 28;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw HttpError{400, where + ": " + what};
}

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return text;
}

const Json* member(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() ? nullptr : &*at;
}

const Json& needed(const Json& object, const char* key, const std::string& where) {
  const Json* const value = member(object, key);
  if (!value) refuse(where, std::string{"expected a member \""} + key + "\", got none");
  return *value;
}

std::string text_of(const Json& value, const std::string& where) {
  if (!value.is_string()) refuse(where, "expected a text, got " + shown(value));
  return value.get<std::string>();
}

std::int64_t whole_of(const Json& value, const std::string& where, std::int64_t most) {
  if (!value.is_number_integer() || value < 0 || value > most)
    refuse(where,
           "expected a whole number from 0 to " + std::to_string(most) + ", got " + shown(value));
  return value.get<std::int64_t>();
}

const Json* parameters_of(const Json& object, const std::string& where) {
  const Json* const parameters = member(object, "parameters");
  if (parameters && !parameters->is_object())
    refuse(where + "/parameters", "expected an object, got " + shown(*parameters));
  return parameters;
}

bool truth_of(const Json* parameters, const char* key, bool fallback, const std::string& where) {
  const Json* const value = parameters ? member(*parameters, key) : nullptr;
  if (!value) return fallback;
  if (!value->is_boolean())
    refuse(where + "/parameters/" + key, "expected true or false, got " + shown(*value));
  return value->get<bool>();
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

void write_number(const Json& value, Datatype sent, RowWriter& to, const std::string& where) {
  const Datatype wanted = to.target().type;
  bool fits = false;
  if (value.is_boolean()) {
    fits = sent == Datatype::bool_ && store(wanted, to.place(), std::int64_t{value.get<bool>()});
  } else if (value.is_number_integer()) {
    const bool too_large =
        value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX};
    if (is_floating(sent)) {
      fits = store(wanted, to.place(), value.get<double>());
    } else if (!too_large) {
      const auto whole = value.get<std::int64_t>();
      const WholeRange range = whole_range(sent);
      fits = whole >= range.least && whole <= range.most && store(wanted, to.place(), whole);
    }
  } else if (value.is_number_float() && is_floating(sent)) {
    fits = store(wanted, to.place(), value.get<double>());
  }
  if (!fits) refuse_value(where, to.taken(), sent, wanted, shown(value));
  to.next();
}

// Nested as the shape says, or flat.
void write_nested(const Json& data, const std::vector<std::int64_t>& shape, std::size_t level,
                  Datatype sent, RowWriter& to, const std::string& where) {
  if (!data.is_array() || level >= shape.size() ||
      data.size() != static_cast<std::uint64_t>(shape[level]))
    refuse(where + "/data", "expected numbers nested as the shape " + shape_text(shape) +
                                " says, or a flat list, got " + shown(data) + " at depth " +
                                std::to_string(level));
  for (const Json& item : data) {
    if (level + 1 < shape.size())
      write_nested(item, shape, level + 1, sent, to, where);
    else
      write_number(item, sent, to, where);
  }
}

void write_json(const Json& data, const std::vector<std::int64_t>& shape, Datatype sent,
                RowWriter& to, const std::string& where) {
  if (!data.is_array()) refuse(where + "/data", "expected a list, got " + shown(data));
  if (!data.empty() && data.front().is_array())
    return write_nested(data, shape, 0, sent, to, where);
  if (data.size() != to.total())
    refuse(where + "/data", "expected " + std::to_string(to.total()) + " numbers for the shape " +
                                shape_text(shape) + ", got " + std::to_string(data.size()));
  for (const Json& item : data) write_number(item, sent, to, where);
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
    Json root;
    try {
      root = Json::parse(json_);
    } catch (const Json::exception& error) {
      // Without the library's name and number of the error.
      const std::string what = error.what();
      refuse("body", "expected JSON, got a fault: " + what.substr(what.find("] ") + 2, 160));
    }
    if (!root.is_object()) refuse("body", "expected an object, got " + shown(root));
    if (const Json* const id = member(root, "id")) {
      request_.id = text_of(*id, "/id");
      if (request_.id.size() > max_id_bytes)
        refuse("/id", "expected at most " + std::to_string(max_id_bytes) + " bytes");
    }
    read_inputs(needed(root, "inputs", "body"));
    read_outputs(root);
    return std::move(request_);
  }

 private:
  void read_inputs(const Json& inputs) {
    if (!inputs.is_array() || inputs.size() != info_.inputs.size())
      refuse("/inputs", "expected a list of the model's " + std::to_string(info_.inputs.size()) +
                            " inputs, got " +
                            (inputs.is_array() ? std::to_string(inputs.size()) : shown(inputs)));
    std::vector<bool> seen(info_.inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i)
      read_input(inputs[i], "/inputs/" + std::to_string(i), seen);
    if (!binary_.empty())
      refuse("body",
             "expected no bytes behind the binary inputs, got " + std::to_string(binary_.size()));
  }

  void read_input(const Json& input, const std::string& where, std::vector<bool>& seen) {
    if (!input.is_object()) refuse(where, "expected an object, got " + shown(input));
    const std::string name = text_of(needed(input, "name", where), where + "/name");
    const std::size_t index = index_of(info_.inputs, name, where);
    if (seen[index]) refuse(where + "/name", "expected each input once, got it again");
    seen[index] = true;
    const std::string type_name = text_of(needed(input, "datatype", where), where + "/datatype");
    const std::optional<Datatype> sent = find_datatype(type_name);
    if (!sent)
      refuse(where + "/datatype",
             "expected FP32, FP64, INT32, INT64, UINT8 or BOOL, got " + shown(Json(type_name)));
    const std::vector<std::int64_t> shape = read_shape(needed(input, "shape", where), index, where);

    const TensorInfo& tensor = info_.inputs[index];
    RowWriter to{request_.rows, input_row_bytes(info_), target_of(index), request_.count};
    const Json* const parameters = parameters_of(input, where);
    const Json* const size = parameters ? member(*parameters, "binary_data_size") : nullptr;
    const Json* const data = member(input, "data");
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

  std::vector<std::int64_t> read_shape(const Json& json, std::size_t index,
                                       const std::string& where) {
    const TensorInfo& tensor = info_.inputs[index];
    std::vector<std::int64_t> expected = tensor.shape;
    expected.insert(expected.begin(), -1);
    std::vector<std::int64_t> shape;
    bool fits = json.is_array() && json.size() == expected.size();
    for (std::size_t i = 0; fits && i < json.size(); ++i) {
      fits = json[i].is_number_integer() && json[i] >= 0 && json[i] <= INT32_MAX;
      if (fits) shape.push_back(json[i].get<std::int64_t>());
      fits = fits && (i == 0 ? shape[0] >= 1 : shape[i] == expected[i]);
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

  void read_outputs(const Json& root) {
    const Json* const parameters = parameters_of(root, "");
    const bool all_binary = truth_of(parameters, "binary_data_output", false, "");
    const Json* const outputs = member(root, "outputs");
    if (!outputs || (outputs->is_array() && outputs->empty())) {
      for (std::size_t i = 0; i < info_.outputs.size(); ++i)
        request_.outputs.push_back({i, all_binary, 0});
      return;
    }
    if (!outputs->is_array() || outputs->size() > max_tensors)
      refuse("/outputs", "expected a list of the model's outputs, got " + shown(*outputs));
    for (std::size_t i = 0; i < outputs->size(); ++i) {
      const std::string where = "/outputs/" + std::to_string(i);
      const Json& output = (*outputs)[i];
      if (!output.is_object()) refuse(where, "expected an object, got " + shown(output));
      WantedOutput wanted;
      wanted.index =
          index_of(info_.outputs, text_of(needed(output, "name", where), where + "/name"), where);
      const Json* const with = parameters_of(output, where);
      wanted.binary = truth_of(with, "binary_data", all_binary, where);
      if (const Json* const top = with ? member(*with, "classification") : nullptr)
        wanted.classification = static_cast<std::size_t>(
            whole_of(*top, where + "/parameters/classification", 1'000'000));
      const auto same = [&](const WantedOutput& other) { return other.index == wanted.index; };
      if (std::any_of(request_.outputs.begin(), request_.outputs.end(), same))
        refuse(where + "/name", "expected each output once, got it again");
      request_.outputs.push_back(wanted);
    }
  }

  static std::size_t index_of(const std::vector<TensorInfo>& tensors, const std::string& name,
                              const std::string& where) {
    std::string known;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].name == name) return i;
      known += (known.empty() ? "\"" : ", \"") + tensors[i].name + "\"";
    }
    refuse(where + "/name", "expected " + known + ", got " + shown(Json(name)));
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
