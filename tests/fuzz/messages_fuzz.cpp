// The messages of the roles. What is accepted must be the same when it is written and read again; all else is an Error,
// of which none is a bug.
//
//   byte 0       which message
//   1            how many payloads, modulo 5
//   2, 3         words of the head
//   4 to 7       bytes of the payloads
//   from 8 on    head and payloads; what is not there is zero
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "actors/deployer/serving_messages.hpp"
#include "actors/evaluator/evaluation_messages.hpp"
#include "actors/feedback/feedback_messages.hpp"
#include "actors/loader/loader_messages.hpp"
#include "runtime/base/error.hpp"
#include "serialization/frame_builder.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

constexpr std::size_t header_bytes = 8;
constexpr std::size_t most_payloads = 4;

Frame make_frame(std::span<const std::byte> input) {
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(input[i]); };
  const std::size_t head_bytes = 8 * (byte(2) | byte(3) << 8U);
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < byte(1) % (most_payloads + 1); ++i) sizes.push_back(byte(4 + i));
  serialization::FrameBuilder builder{sizes, head_bytes};
  std::span<const std::byte> rest = input.subspan(header_bytes);
  const auto take = [&rest](std::span<std::byte> to) {
    const std::size_t count = std::min(to.size(), rest.size());
    std::fill(std::copy_n(rest.begin(), count, to.begin()), to.end(), std::byte{0});
    rest = rest.subspan(count);
  };
  std::vector<std::byte> head(head_bytes);
  take(head);
  for (std::size_t i = 0; i < sizes.size(); ++i) take(builder.payload(i));
  return builder.seal(head);
}

/// Compared as bytes: a number may be a NaN.
template <class Read, class Write>
void round_trip(const Frame& frame, Read read, Write write) {
  const Frame once = write(read(frame));
  const Frame again = write(read(once));
  if (!std::ranges::equal(once.bytes(), again.bytes())) std::abort();
}

constexpr auto encode = [](const auto& value) { return to_frame(value); };

void read_any(std::size_t kind, const Frame& frame) {
  switch (kind) {
    case 0:
      return round_trip(frame, read_measure_columns, encode);
    case 1:
      return round_trip(frame, read_prepare_part, encode);
    case 2:
      return round_trip(frame, read_prepared_part, encode);
    case 3:
      return round_trip(frame, read_measure_part, encode);
    case 4:
      return round_trip(frame, read_open_data, encode);
    case 5:
      return round_trip(frame, read_opened_data, encode);
    case 6:
      return round_trip(frame, read_load_shard, load_shard_frame);
    case 7:
      read_loaded_shard(frame);
      return;
    case 8:
      return round_trip(frame, read_column_sums,
                        [](const ColumnSums& sums) { return column_sums_frame({}, sums); });
    case 9:
      return round_trip(frame, read_measured_part,
                        [](const MeasuredPart& part) { return measured_part_frame(0, part); });
    case 10:
      return round_trip(frame, read_part_order, part_order_frame);
    case 11:
      return round_trip(frame, read_counts, [](const PartCounts& part) {
        return counts_frame(part.counts, part.step);
      });
    case 12:
      return round_trip(frame, read_join, join_frame);
    case 13:
      return round_trip(frame, read_load, load_frame);
    case 14:
      return round_trip(frame, read_loaded, loaded_frame);
    case 15:
      return round_trip(frame, read_unload, unload_frame);
    case 16:
      read_predict(frame);
      return;
    case 17:
      read_predicted(frame);
      return;
    case 18:
      return round_trip(frame, read_deploy, deploy_frame);
    case 19:
      return round_trip(
          frame, [](const Frame& from) { return read_deployed(from); }, deployed_frame);
    case 20:
      return round_trip(frame, read_report, report_frame);
    case 21: {
      std::vector<Prediction> predictions;
      read_rows(frame).append_to(predictions, "model");
      return;
    }
    case 22:
      read_verdict(frame);
      return;
    case 23:
      read_reference_order(frame);
      return;
    default:
      read_snapshot_order(frame);
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < header_bytes) return 0;
  const std::span<const std::byte> input = std::as_bytes(std::span{data, size});
  try {
    read_any(std::to_integer<std::size_t>(input[0]) % 25, make_frame(input));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::bug) std::abort();
  }
  return 0;
}
