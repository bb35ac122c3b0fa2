// The profile of a policy: its word for what is done where nothing can be decided. The defaults
// that it sets are in the document already; this is what a trainer is told.
#pragma once

#include "monitor/policy/document.h"

namespace phaseguard::policy {

// Of a parsed document, read from its text. Not given: watch.
[[nodiscard]] wire::Profile profile_of(const Document& document);

}  // namespace phaseguard::policy
