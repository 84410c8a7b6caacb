// References to functions of a range, for work that is cut into parts.
#pragma once

#include <cstdint>

namespace manaslu {

/// A call of `run(begin, end)` on a part of a range; does not own what it calls.
class RangeFunction {
public:
  template <class F>
  RangeFunction(F &function) : object_(&function), call_([](void *object, int64_t begin, int64_t end) { (*static_cast<F *>(object))(begin, end); }) {}
  void operator()(int64_t begin, int64_t end) const { call_(object_, begin, end); }

private:
  void *object_;
  void (*call_)(void *, int64_t, int64_t);
};

} // namespace manaslu
