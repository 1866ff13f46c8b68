#include "serialization/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::serialization {
namespace {

using nlohmann::json;

constexpr std::string_view metadata_name = "__metadata__";
constexpr std::array<std::pair<std::string_view, gpu::DType>, 6> dtypes = {{
    {"F32", gpu::DType::f32},
    {"BF16", gpu::DType::bf16},
    {"I32", gpu::DType::i32},
    {"I64", gpu::DType::i64},
    {"U8", gpu::DType::u8},
    {"F64", gpu::DType::f64},
}};
constexpr std::array<std::string_view, 14> foreign_dtypes = {
    "BOOL", "F4",  "F6_E2M3", "F6_E3M2", "F8_E5M2", "F8_E4M3", "F8_E8M0",
    "I8",   "I16", "U16",     "F16",     "U32",     "U64",     "C64"};

/// Takes the header's JSON as it is parsed, so that nothing is held but what it may hold:
///
///     { name: { "dtype": text, "shape": [n, …], "data_offsets": [n, n] }, …, "__metadata__": { text: text } }
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  explicit HeaderReader(const std::string& where) : where_{where} {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    switch (place_) {
      case Place::start:
        place_ = Place::top;
        return true;
      case Place::value:
        if (name_ == metadata_name) {
          place_ = Place::metadata;
        } else {
          place_ = Place::tensor;
          tensor_ = {};
          tensor_.name = name_;
          dtype_.reset();
          numbers_[shape].reset();
          numbers_[offsets].reset();
        }
        return true;
      default:
        refuse("no object here");
    }
  }

  bool end_object() override {
    if (place_ == Place::tensor) finish_tensor();
    place_ = place_ == Place::top ? Place::end : Place::top;
    return true;
  }

  bool key(std::string& text) override {
    if (place_ == Place::top) {
      name_ = text;
      if (!names_.insert(text).second) refuse("the name once, got it twice");
      place_ = Place::value;
    } else if (place_ == Place::metadata) {
      key_ = text;
      if (header_.metadata.contains(text)) refuse("the key \"" + text + "\" once, got it twice");
    } else {
      key_ = text;
      const bool twice = key_ == "dtype"          ? dtype_.has_value()
                         : key_ == "shape"        ? numbers_[shape].has_value()
                         : key_ == "data_offsets" ? numbers_[offsets].has_value()
                                                  : true;
      if (twice) refuse("dtype, shape and data_offsets, each once, got \"" + key_ + "\"");
    }
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::metadata) {
      header_.metadata.emplace(key_, text);
    } else if (place_ == Place::tensor && key_ == "dtype") {
      dtype_ = text;
    } else {
      refuse("no text here, got \"" + text + '"');
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") refuse("no list here");
    list_ = key_ == "shape" ? shape : offsets;
    numbers_[list_].emplace();
    place_ = Place::list;
    return true;
  }

  bool end_array() override {
    place_ = Place::tensor;
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    if (place_ != Place::list) refuse("no number here");
    const std::size_t most = list_ == shape ? gpu::Shape::max_rank : 2;
    if (numbers_[list_]->size() == most) refuse("at most " + std::to_string(most) + " numbers");
    if (value > std::numeric_limits<std::int64_t>::max()) refuse("numbers below 2^63");
    numbers_[list_]->push_back(static_cast<std::int64_t>(value));
    return true;
  }

  bool null() override { refuse("no null"); }
  bool boolean(bool) override { refuse("no true or false"); }
  bool number_integer(std::int64_t) override { refuse("whole numbers of 0 or more"); }
  bool number_float(double, const std::string&) override { refuse("whole numbers below 2^63"); }
  bool binary(json::binary_t&) override { refuse("no binary"); }
  bool parse_error(std::size_t position, const std::string&,
                   const json::exception& error) override {
    throw Error{ErrorCode::corrupted, where_ + ": header, byte " + std::to_string(position) +
                                          ": expected JSON, got " + error.what()};
  }

 private:
  enum class Place { start, top, value, metadata, tensor, list, end };
  enum List : std::size_t { shape, offsets };

  [[noreturn]] void refuse(const std::string& expected) const {
    fail(ErrorCode::corrupted, "expected " + expected);
  }

  [[noreturn]] void fail(ErrorCode code, const std::string& what) const {
    std::string at = where_ + ": header";
    if (place_ != Place::start && place_ != Place::end) at += ": \"" + name_ + '"';
    if (place_ == Place::list) at += ", " + key_;
    throw Error{code, at + ": " + what};
  }

  void finish_tensor() {
    if (!dtype_ || !numbers_[shape] || !numbers_[offsets]) {
      refuse("dtype, shape and data_offsets, got less");
    }
    const auto* const known = std::ranges::find(dtypes, *dtype_, [](auto& d) { return d.first; });
    if (known == dtypes.end()) {
      const bool foreign = std::ranges::find(foreign_dtypes, *dtype_) != foreign_dtypes.end();
      fail(foreign ? ErrorCode::unsupported : ErrorCode::corrupted,
           "expected a dtype of F32, BF16, I32, I64, U8, F64, got \"" + *dtype_ + '"');
    }
    tensor_.dtype = known->second;
    try {
      tensor_.shape = gpu::Shape{std::span<const std::int64_t>{*numbers_[shape]}};
    } catch (const Error& error) {
      fail(ErrorCode::corrupted, error.what());
    }
    if (numbers_[offsets]->size() != 2) refuse("two data_offsets");
    tensor_.begin = static_cast<std::uint64_t>(numbers_[offsets]->front());
    tensor_.end = static_cast<std::uint64_t>(numbers_[offsets]->back());
    header_.tensors.push_back(std::move(tensor_));
  }

  std::string where_;
  SafetensorsHeader header_;
  Place place_ = Place::start;
  std::set<std::string> names_;
  std::string name_, key_;  // the tensor or "__metadata__", and the field in it
  SafetensorsHeader::Tensor tensor_;
  std::optional<std::string> dtype_;
  std::array<std::optional<std::vector<std::int64_t>>, 2> numbers_;
  List list_ = shape;
};

std::string json_text(std::string_view text) {
  try {
    return json(text).dump();
  } catch (const json::exception&) {
    throw Error{ErrorCode::bad_input, "safetensors: expected names and metadata in UTF-8"};
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& where) {
  if (const std::size_t zero = text.find('\0'); zero != text.npos) {  // the parser would stop there
    throw Error{ErrorCode::corrupted, where + ": header, byte " + std::to_string(zero) +
                                          ": expected JSON, got a zero byte"};
  }
  HeaderReader reader{where};
  json::sax_parse(text, &reader);
  return reader.take();
}

std::string format_safetensors_header(std::span<const NamedTensorView> tensors,
                                      const SafetensorsMetadata& metadata) {
  std::string text = "{";
  const auto separate = [&text] {
    if (text.size() > 1) text += ',';
  };
  if (!metadata.empty()) {
    text += json_text(metadata_name) + ":{";
    const char* comma = "";
    for (const auto& [key, value] : metadata) {
      text += comma + json_text(key) + ':' + json_text(value);
      comma = ",";
    }
    text += '}';
  }
  std::uint64_t offset = 0;
  for (const NamedTensorView& tensor : tensors) {
    if (tensor.name == metadata_name) {
      throw Error{ErrorCode::bad_input, "safetensors: no tensor may be named __metadata__"};
    }
    const auto* const dtype =
        std::ranges::find(dtypes, tensor.dtype, [](auto& d) { return d.second; });
    separate();
    text +=
        json_text(tensor.name) + R"(:{"dtype":")" + std::string{dtype->first} + R"(","shape":[)";
    const char* comma = "";
    for (const std::int64_t dim : tensor.shape.dims()) {
      text += comma + std::to_string(dim);
      comma = ",";
    }
    text += R"(],"data_offsets":[)" + std::to_string(offset) + ',';
    offset += tensor.bytes.size();
    text += std::to_string(offset) + "]}";
  }
  return text + '}';
}

}  // namespace troupe::serialization
