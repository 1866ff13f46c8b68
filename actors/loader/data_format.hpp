#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "actors/job/spec_reader.hpp"

namespace troupe::actors {

class RawSource;

/// Opens a set of records; may take long. Called by any process of the job, at any time, and must give the same records
/// each time. What it throws is the reason why the job ends.
using OpenRecords = std::function<std::unique_ptr<RawSource>()>;

/// A format of an application's own: reads what a config says under `data.train` or `data.test`, any map, and returns how
/// such a set is opened. Reading opens nothing, so that a config is checked without its data. `base` is the folder that
/// relative files are relative to; empty where the config is only checked.
///
///     const DataFormats formats = {{"spirals", [](SpecReader& set, const std::string&) {
///       const std::int64_t points = set.integer("points", 1000, 1, 1 << 20);
///       return [points] { return std::make_unique<Spirals>(points); };
///     }}};
///     add_roles(registry, formats);
///
/// An application could have a loader of its own as well, an actor that answers serialization/schema/data.capnp. It would
/// have to do all that the job relies on: parts of fixed ranges, cleaning, splits, transforms, digests. But only the
/// records are its own. So records are all that it gives, and preparation, audit and batches are those of every job.
using DataFormat = std::function<OpenRecords(SpecReader& set, const std::string& base)>;
/// By the name that `data.format` has. Built where the registry is, and handed down with it, never a global.
using DataFormats = std::map<std::string, DataFormat, std::less<>>;

}  // namespace troupe::actors
