#include "actors/deployer/infer_response.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "actors/deployer/datatype.hpp"
#include "actors/deployer/json_text.hpp"

namespace troupe::actors {
namespace {

// One output's numbers out of the rows, which hold all outputs.
class Column {
 public:
  Column(const ServableInfo& info, std::size_t index, std::span<const std::byte> rows)
      : rows_{rows}, row_bytes_{output_row_bytes(info)} {
    for (std::size_t i = 0; i <= index; ++i) {
      offset_ += elements_ * sizeof(float);
      elements_ = *elements_of(info.outputs[i].shape, std::size_t{1} << 28);
    }
  }

  std::size_t elements() const { return elements_; }
  std::span<const std::byte> bytes(std::size_t row) const {
    return rows_.subspan(row * row_bytes_ + offset_, elements_ * sizeof(float));
  }
  float at(std::size_t row, std::size_t i) const {
    float value;
    std::memcpy(&value, bytes(row).data() + i * sizeof value, sizeof value);
    return value;
  }

 private:
  std::span<const std::byte> rows_;
  std::size_t row_bytes_, offset_ = 0, elements_ = 0;
};

void append_shape(std::string& to, std::int64_t count, const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> whole = shape;
  whole.insert(whole.begin(), count);
  to += shape_text(whole);
}

// "VALUE:INDEX[:NAME]" for each of the `top` greatest, the greatest first.
void append_classes(std::string& to, const ServableInfo& info, const Column& column,
                    std::size_t rows, std::size_t top) {
  std::vector<std::size_t> order(column.elements());
  to += ",\"data\":[";
  for (std::size_t row = 0; row < rows; ++row) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto greater = [&](std::size_t a, std::size_t b) {
      const float x = column.at(row, a), y = column.at(row, b);
      // What is no number comes last, so that this is an order.
      if (x != y && x == x && y == y) return x > y;
      if ((x == x) != (y == y)) return x == x;
      return a < b;
    };
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top), order.end(),
                      greater);
    for (std::size_t i = 0; i < top; ++i) {
      std::string text;
      append_number(text, column.at(row, order[i]));
      text += ":" + std::to_string(order[i]);
      if (order[i] < info.class_names.size()) text += ":" + info.class_names[order[i]];
      if (row > 0 || i > 0) to += ",";
      append_quoted(to, text);
    }
  }
  to += "]";
}

}  // namespace

HttpResponse infer_response(const ServableInfo& info, const std::string& id,
                            const std::vector<WantedOutput>& wanted, std::int64_t count,
                            std::span<const std::byte> rows) {
  const auto row_count = static_cast<std::size_t>(count);
  std::string json = "{\"model_name\":", binary;
  append_quoted(json, info.name);
  json += ",\"model_version\":";
  append_quoted(json, info.version);
  json += ",\"id\":";
  append_quoted(json, id);
  json += ",\"outputs\":[";
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const TensorInfo& tensor = info.outputs[wanted[i].index];
    const Column column{info, wanted[i].index, rows};
    if (i > 0) json += ",";
    json += "{\"name\":";
    append_quoted(json, tensor.name);
    if (wanted[i].classification > 0) {
      const std::size_t top = std::min(wanted[i].classification, column.elements());
      json += ",\"datatype\":\"BYTES\",\"shape\":";
      append_shape(json, count, {static_cast<std::int64_t>(top)});
      append_classes(json, info, column, row_count, top);
    } else {
      json += ",\"datatype\":\"" + tensor.datatype + "\",\"shape\":";
      append_shape(json, count, tensor.shape);
      if (wanted[i].binary) {
        json += ",\"parameters\":{\"binary_data_size\":" +
                std::to_string(row_count * column.elements() * sizeof(float)) + "}";
        for (std::size_t row = 0; row < row_count; ++row) {
          const std::span<const std::byte> bytes = column.bytes(row);
          binary.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        }
      } else {
        json += ",\"data\":[";
        for (std::size_t row = 0; row < row_count; ++row)
          for (std::size_t k = 0; k < column.elements(); ++k) {
            if (row > 0 || k > 0) json += ",";
            append_number(json, column.at(row, k));
          }
        json += "]";
      }
    }
    json += "}";
  }
  json += "]}";
  HttpResponse response;
  if (!binary.empty()) {
    response.content_type = "application/octet-stream";
    response.headers.emplace_back("Inference-Header-Content-Length", std::to_string(json.size()));
    json += binary;
  }
  response.body = std::move(json);
  return response;
}

std::string model_metadata(const ServableInfo& info, const std::vector<std::string>& versions) {
  const auto tensors = [](const std::vector<TensorInfo>& of) {
    nlohmann::json list = nlohmann::json::array();
    for (const TensorInfo& tensor : of) {
      std::vector<std::int64_t> shape = tensor.shape;
      shape.insert(shape.begin(), -1);
      list.push_back({{"name", tensor.name}, {"datatype", tensor.datatype}, {"shape", shape}});
    }
    return list;
  };
  const nlohmann::json metadata = {{"name", info.name},
                                   {"versions", versions},
                                   {"platform", info.platform},
                                   {"inputs", tensors(info.inputs)},
                                   {"outputs", tensors(info.outputs)}};
  return metadata.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string server_metadata() {
  return R"({"name":"troupe","version":"0.1.0","extensions":["binary_tensor_data","classification"]})";
}

}  // namespace troupe::actors
