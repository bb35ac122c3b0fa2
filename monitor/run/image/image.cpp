#include "monitor/run/image/image.h"

#include "monitor/run/image/fields.h"

namespace phaseguard::run {

void put_image(const RunState& state, ByteSink& sink) {
  image::Put put(sink);
  image::pass(put, state);
}

bool take_image(ByteSource& source, RunState& state) {
  image::Take take(source, state.memory);
  image::pass(take, state);
  return take.ok();
}

}  // namespace phaseguard::run
