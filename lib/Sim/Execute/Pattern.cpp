// Coalescing of access patterns and walks over them.
#include "lib/Sim/Execute/Pattern.h"

namespace manaslu::sim {

void Pattern::push(int64_t stride, int64_t size) {
  if (size == 1)
    return;
  if (rank > 0 && dims[rank - 1].stride == stride * size) {
    dims[rank - 1] = {stride, dims[rank - 1].size * size};
    return;
  }
  dims[rank++] = {stride, size};
}

int64_t Pattern::elements() const {
  int64_t product = 1;
  for (int i = 0; i < rank; ++i)
    product *= dims[i].size;
  return product;
}

Pattern patternOf(const View &view) {
  Pattern pattern;
  for (const isa::TileDim &dim : view.dims)
    pattern.push(int64_t(dim.stride) * sizeOf(view.type), dim.size);
  return pattern;
}

Pattern patternOf(const DeviceView &view, int skip) {
  Pattern pattern;
  for (size_t i = static_cast<size_t>(skip); i < view.dims.size(); ++i)
    pattern.push(view.dims[i].stride, view.dims[i].size);
  return pattern;
}

Pattern wholePattern(const View &view) {
  Pattern pattern;
  pattern.push(view.partitionPitch, view.partitions);
  for (const isa::TileDim &dim : view.dims)
    pattern.push(int64_t(dim.stride) * sizeOf(view.type), dim.size);
  return pattern;
}

Cursor::Cursor(std::byte *base, const Pattern &pattern, int64_t start) : pattern_(pattern), inner_{0, 1}, base_(base), offset_(start), runStart_(start) {
  if (pattern_.rank > 0)
    inner_ = pattern_.dims[--pattern_.rank];
}

void Cursor::advance(int64_t n) {
  innerIndex_ += n;
  if (innerIndex_ < inner_.size) {
    offset_ += n * inner_.stride;
    return;
  }
  innerIndex_ = 0;
  for (int i = pattern_.rank - 1; i >= 0; --i) {
    runStart_ += pattern_.dims[i].stride;
    if (++index_[i] < pattern_.dims[i].size)
      break;
    runStart_ -= pattern_.dims[i].stride * pattern_.dims[i].size;
    index_[i] = 0;
  }
  offset_ = runStart_;
}

void Cursor::seek(int64_t element) {
  innerIndex_ = element % inner_.size;
  element /= inner_.size;
  for (int i = pattern_.rank - 1; i >= 0; --i) {
    index_[i] = element % pattern_.dims[i].size;
    element /= pattern_.dims[i].size;
    runStart_ += index_[i] * pattern_.dims[i].stride;
  }
  offset_ = runStart_ + innerIndex_ * inner_.stride;
}

} // namespace manaslu::sim
