#include "actors/report/tensorboard.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <vector>

#include "actors/report/crc32c.hpp"
#include "serialization/little_endian.hpp"

namespace troupe::actors {
namespace {

using serialization::store_little;

// Protocol buffers' wire format: a key (field number, wire type), then the value.
enum class Wire : unsigned { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

void put_key(std::string& out, unsigned field, Wire wire) {
  put_varint(out, (field << 3) | static_cast<unsigned>(wire));
}

void put_integer(std::string& out, unsigned field, std::uint64_t value) {
  put_key(out, field, Wire::varint);
  put_varint(out, value);
}

template <class Bits>
void put_fixed(std::string& out, unsigned field, Wire wire, Bits bits) {
  put_key(out, field, wire);
  char bytes[sizeof bits];
  std::memcpy(bytes, &bits, sizeof bits);  // little-endian, as the machine is
  out.append(bytes, sizeof bytes);
}

void put_bytes(std::string& out, unsigned field, std::string_view bytes) {
  put_key(out, field, Wire::bytes);
  put_varint(out, bytes.size());
  out += bytes;
}

/// message Event: the members that all kinds of it have.
std::string event_at(double wall_seconds, std::uint64_t step) {
  std::string event;
  put_fixed(event, 1, Wire::fixed64, std::bit_cast<std::uint64_t>(wall_seconds));  // wall_time
  if (step != 0) put_integer(event, 2, step);
  return event;
}

std::string new_name(FileSystem& files, const std::string& folder, double wall_seconds) {
  // Readers take the files in order of name, so in the order of time. A time that is none becomes 0.
  const double most = 9999999999.0;
  const double seconds = wall_seconds >= 0 ? std::min(wall_seconds, most) : 0;
  std::string number = std::to_string(static_cast<std::uint64_t>(seconds));
  number.insert(0, 10 - number.size(), '0');
  for (std::uint64_t n = 0;; ++n) {
    std::string path = folder + "/events.out.tfevents." + number + ".troupe." + std::to_string(n);
    if (files.kind(path) == PathKind::none) return path;
  }
}

}  // namespace

TensorboardWriter::TensorboardWriter(FileSystem& files, const std::string& folder,
                                     double wall_seconds)
    : file_{files, new_name(files, folder, wall_seconds), 0} {
  std::string event = event_at(wall_seconds, 0);
  put_bytes(event, 3, "brain.Event:2");  // file_version
  write(event);
}

void TensorboardWriter::resumed(std::uint64_t step, double wall_seconds) {
  std::string log;
  put_integer(log, 1, 1);  // SessionLog.status = START
  std::string event = event_at(wall_seconds, step);
  put_bytes(event, 7, log);  // session_log
  write(event);
}

void TensorboardWriter::add(std::uint64_t step, double wall_seconds,
                            std::span<const Scalar> scalars) {
  if (scalars.empty()) return;
  std::string summary;
  for (const auto& [tag, number] : scalars) {
    std::string value;
    put_bytes(value, 1, tag);
    put_fixed(value, 2, Wire::fixed32,  // simple_value
              std::bit_cast<std::uint32_t>(static_cast<float>(number)));
    put_bytes(summary, 1, value);
  }
  std::string event = event_at(wall_seconds, step);
  put_bytes(event, 5, summary);
  write(event);
}

void TensorboardWriter::write(const std::string& event) {
  std::vector<std::byte> record(12 + event.size() + 4);
  const std::span<std::byte> all{record};
  store_little<std::uint64_t>(all, 0, event.size());
  store_little<std::uint32_t>(all, 8, masked(crc32c(all.first(8))));
  std::memcpy(record.data() + 12, event.data(), event.size());
  store_little<std::uint32_t>(all, 12 + event.size(),
                              masked(crc32c(all.subspan(12, event.size()))));
  file_.append(record);
}

}  // namespace troupe::actors
