#pragma once

#include "actors/loader/data_format.hpp"
#include "actors/pipeline/short_form.hpp"

// What can be found wrong with the sections of a job before anything starts, and without the data.
namespace troupe::actors {

/// Those who read one section by itself.
SectionReaders section_readers(const DataFormats& formats);

/// What does not fit of one section and another: a split where there are test files, a metric of another task, transforms
/// and layers that do not fit samples of `data.shape`, shards too small for a batch_norm. Without `data.shape`, only the
/// data can tell whether the layers fit. Sections that are at fault by themselves are passed over: their readers tell.
std::vector<SpecProblem> check_sections(const runtime::Sections& sections,
                                        const DataFormats& formats);

}  // namespace troupe::actors
