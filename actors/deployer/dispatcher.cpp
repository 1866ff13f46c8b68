#include "actors/deployer/dispatcher.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>

#include "actors/deployer/infer_response.hpp"
#include "actors/deployer/serving_messages.hpp"

namespace troupe::actors {

using runtime::Answer;
using runtime::FailureKind;

namespace {
// How long a replica may have a batch: longer than it lets itself (replica.cpp). Requests have less, but who is late and
// comes back must be known of.
constexpr auto replica_within = std::chrono::minutes{5};
}  // namespace

Dispatcher::Dispatcher(DispatcherOptions options, Ports ports)
    : options_{options}, ports_{std::move(ports)}, balancer_{options.balance} {}

void Dispatcher::submit(InferJob job) {
  const TimePoint now = ports_.now();
  const std::uint64_t id = ++last_id_;
  Request request;
  request.left = job.request.count;
  request.rows.resize(static_cast<std::size_t>(request.left));
  request.due = later(now, options_.timeout);
  request.outputs = std::make_shared<std::vector<std::byte>>(
      static_cast<std::size_t>(job.request.count) * job.version->out_bytes);
  batcher(job.version->info.version, most_rows(*job.version)).add(id, job.request.count, now);
  due_.emplace(request.due, id);
  request.job = std::make_shared<InferJob>(std::move(job));
  requests_.emplace(id, std::move(request));
  pump();
}

void Dispatcher::wake() {
  wake_ = TimePoint::max();
  const TimePoint now = ports_.now();
  expire(now);
  look_for_late(now);
  pump();
}

void Dispatcher::add(std::uint64_t replica, const std::string& version) {
  balancer_.add(replica);
  versions_[replica].insert(version);
  pump();
}

void Dispatcher::remove(std::uint64_t replica, const std::string& version) {
  const auto at = versions_.find(replica);
  if (at != versions_.end()) at->second.erase(version);
}

void Dispatcher::remove(std::uint64_t replica) {
  balancer_.remove(replica);
  versions_.erase(replica);
  late_.erase(replica);
}

std::int64_t Dispatcher::most_rows(const ServedVersion& version) const {
  return std::max<std::int64_t>(1, std::min(options_.max_batch, version.max_rows));
}

Batcher& Dispatcher::batcher(const std::string& version, std::int64_t most_rows) {
  return batchers_.try_emplace(version, most_rows, options_.max_delay).first->second;
}

void Dispatcher::pump() {
  const TimePoint now = ports_.now();
  for (auto at = batchers_.begin(); at != batchers_.end();) {
    while (send_one(at->second, at->first, now)) {
    }
    at = at->second.empty() ? batchers_.erase(at) : std::next(at);
  }
  set_wake(now);
}

bool Dispatcher::send_one(Batcher& batcher, const std::string& version, TimePoint now) {
  const std::optional<TimePoint> due = batcher.due();
  if (!due || *due > now) return false;
  const std::int64_t expected = std::min(batcher.rows(), options_.max_batch);
  const std::optional<std::uint64_t> replica = balancer_.assign(expected, [&](std::uint64_t id) {
    const auto at = versions_.find(id);
    return at != versions_.end() && at->second.contains(version) && !late_.contains(id);
  });
  if (!replica) return false;
  Batch batch;
  batch.replica = *replica;
  batch.late_at = later(now, options_.timeout / 4);
  batch.pieces = batcher.take(now, [&](std::uint64_t id) { return requests_.contains(id); });
  for (const Piece& piece : batch.pieces) batch.rows += piece.count;
  if (batch.pieces.empty()) {  // nobody waits for those rows any more
    balancer_.done(*replica, expected, std::nullopt);
    return true;
  }
  balancer_.shrink(*replica, expected - batch.rows);

  const ServedVersion* served = nullptr;
  for (const Piece& piece : batch.pieces) {
    Request& request = requests_.at(piece.request);
    request.computing = true;
    served = request.job->version.get();
  }
  batch.version = version;
  batch.out_bytes = served->out_bytes;
  batch.most_rows = most_rows(*served);
  const std::size_t row_bytes = served->in_bytes;
  runtime::Frame frame =
      predict_frame(version, batch.rows, static_cast<std::size_t>(batch.rows) * row_bytes,
                    [&](std::span<std::byte> to) {
                      for (const Piece& piece : batch.pieces) {
                        const std::size_t bytes = static_cast<std::size_t>(piece.count) * row_bytes;
                        std::memcpy(to.data(),
                                    requests_.at(piece.request).job->request.rows.data() +
                                        static_cast<std::size_t>(piece.first) * row_bytes,
                                    bytes);
                        to = to.subspan(bytes);
                      }
                    });
  ports_.sent(batch.rows);
  const std::uint64_t number = ++last_batch_;
  sent_.emplace(number, std::move(batch));
  ports_.ask(*replica, std::move(frame), replica_within, [this, number](const Answer& answer) {
    answered(std::move(sent_.extract(number).mapped()), answer);
    pump();
  });
  return true;
}

void Dispatcher::look_for_late(TimePoint now) {
  for (auto& [number, batch] : sent_) {
    if (batch.late_at > now) return;
    if (std::exchange(batch.late, true)) continue;
    ++late_[batch.replica];
    again(batch, Again::late);
  }
}

void Dispatcher::answered(Batch batch, const Answer& answer) {
  if (batch.late) {
    const auto late = late_.find(batch.replica);
    if (late != late_.end() && --late->second == 0) late_.erase(late);
  }
  if (!answer.ok()) {
    balancer_.done(batch.replica, batch.rows, std::nullopt);
    switch (answer.failure().kind) {
      case FailureKind::ended:
      case FailureKind::not_running:
      case FailureKind::dropped:
        remove(batch.replica);
        return again(batch, Again::lost);
      case FailureKind::timeout:
        remove(batch.replica);  // until it joins anew
        return again(batch, Again::lost);
      case FailureKind::refused:
        for (const Piece& piece : batch.pieces)
          fail(piece.request,
               error_response(500, "the model could not compute: " + answer.failure().text));
        return;
    }
  }
  std::optional<PredictedMessage> predicted;
  std::span<const std::byte> rows;
  try {
    predicted = read_predicted(answer.frame());
    rows = answer.frame().payload(0);
  } catch (const std::exception&) {  // from another process, say: as good as no answer
    balancer_.done(batch.replica, batch.rows, std::nullopt);
    return again(batch, Again::lost);
  }
  if (predicted->not_loaded) {
    balancer_.done(batch.replica, batch.rows, std::nullopt);
    remove(batch.replica, batch.version);
    return again(batch, Again::not_begun);
  }
  balancer_.done(batch.replica, batch.rows,
                 Duration{static_cast<std::int64_t>(predicted->nanoseconds)});
  if (rows.size() != static_cast<std::size_t>(batch.rows) * batch.out_bytes)
    return again(batch, Again::lost);
  computed(batch, rows);
}

void Dispatcher::computed(const Batch& batch, std::span<const std::byte> rows) {
  for (const Piece& piece : batch.pieces) {
    const std::size_t bytes = static_cast<std::size_t>(piece.count) * batch.out_bytes;
    const auto at = requests_.find(piece.request);
    if (at != requests_.end()) {
      Request& request = at->second;
      const auto first = static_cast<std::size_t>(piece.first);
      std::memcpy(request.outputs->data() + first * batch.out_bytes, rows.data(), bytes);
      for (std::size_t row = first; row < first + static_cast<std::size_t>(piece.count); ++row)
        if ((request.rows[row] & done_row) == 0) {
          request.rows[row] |= done_row;
          --request.left;
        }
      if (request.left == 0) finish(piece.request);
    }
    rows = rows.subspan(bytes);
  }
}

void Dispatcher::again(const Batch& batch, Again why) {
  std::vector<Piece> pieces;
  for (const Piece& piece : batch.pieces) {
    const auto at = requests_.find(piece.request);
    if (at == requests_.end()) continue;
    Request& request = at->second;
    if (why == Again::late) {
      const auto first = static_cast<std::size_t>(piece.first);
      const auto end = first + static_cast<std::size_t>(piece.count);
      if ((request.rows[first] & twice_row) == 0) pieces.push_back(piece);
      for (std::size_t row = first; row < end; ++row) request.rows[row] |= twice_row;
      continue;
    }
    request.computing = false;
    if (why == Again::lost && ++request.attempts >= max_attempts)
      fail(piece.request, overloaded_response("the replicas that computed this request ended"));
    else
      pieces.push_back(piece);
  }
  batcher(batch.version, batch.most_rows).put_back(pieces);
}

void Dispatcher::finish(std::uint64_t id) {
  const auto at = requests_.find(id);
  const std::shared_ptr<InferJob> job = at->second.job;
  const auto outputs = at->second.outputs;
  due_.erase({at->second.due, id});
  requests_.erase(at);
  ports_.predicted(*job, *outputs);
  Respond respond = std::move(job->respond);
  // The job, with its place in the queue, lasts until the response has been built.
  respond([job, outputs] {
    const InferRequest& request = job->request;
    HttpResponse response =
        infer_response(job->version->info, request.id.empty() ? job->prediction_id : request.id,
                       request.outputs, request.count, *outputs);
    response.headers.emplace_back("X-Troupe-Prediction-Id", job->prediction_id);
    return response;
  });
}

void Dispatcher::fail(std::uint64_t id, HttpResponse response) {
  const auto at = requests_.find(id);
  if (at == requests_.end()) return;
  const std::shared_ptr<InferJob> job = at->second.job;
  due_.erase({at->second.due, id});
  requests_.erase(at);
  job->respond(std::move(response));
}

void Dispatcher::expire(TimePoint now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::uint64_t id = due_.begin()->second;
    if (requests_.at(id).computing)
      fail(id, error_response(504, "the model did not compute this request in its time"));
    else
      fail(id, overloaded_response("no replica was free in this request's time"));
  }
}

void Dispatcher::set_wake(TimePoint now) {
  TimePoint next = due_.empty() ? TimePoint::max() : due_.begin()->first;
  // A batch that is due already waits for a replica, not for time.
  for (const auto& [version, batcher] : batchers_)
    if (const auto due = batcher.due(); due && *due > now) next = std::min(next, *due);
  for (const auto& [number, batch] : sent_)
    if (!batch.late) {
      next = std::min(next, batch.late_at);
      break;
    }
  if (next >= wake_) return;
  wake_ = next;
  ports_.wake_after(next - now);
}

}  // namespace troupe::actors
